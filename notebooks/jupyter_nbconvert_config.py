# A widget's saved state would make exported pages fetch its code from a network instead of showing its picture.
c.ExecutePreprocessor.store_widget_state = False  # noqa: F821

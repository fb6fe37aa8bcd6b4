"""What a widget leaves behind where no kernel runs: a picture of itself."""

import base64


class LeavesPicture:
    """Mixed into a widget: its output also carries ``image/png``.

    A live notebook shows the widget; an exported page, from which the widget's own output is stripped, the picture.
    The widget says which by a method ``static_png() -> bytes``: its view as it is now.
    """

    def _repr_mimebundle_(self, **kwargs) -> dict | tuple[dict, dict]:
        shown = super()._repr_mimebundle_(**kwargs)
        picture = {"image/png": base64.b64encode(self.static_png()).decode("ascii")}
        return (shown[0] | picture, shown[1]) if isinstance(shown, tuple) else shown | picture  # anywidget: a tuple

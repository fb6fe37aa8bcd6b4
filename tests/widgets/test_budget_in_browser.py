"""The budget widget in a real JupyterLab: a learner changes a size, numbers and picture follow."""

import nbformat
import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SOURCE = "from territory.widgets import NetworkBudget\nNetworkBudget()"


def test_a_changed_size_changes_the_numbers_and_the_picture(lab, tmp_path):
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(SOURCE)], metadata=metadata)
    nbformat.write(notebook, tmp_path / "budget.ipynb")
    lab.open("budget.ipynb")
    lab.run_all()
    view = lab.output(0)
    view.get_by_text("6,763,387", exact=True).wait_for()
    before = view.locator("img").screenshot()

    view.locator("select").last.select_option(label="mean")
    view.get_by_text("373,627", exact=True).wait_for()
    lab.wait_for_change(view.locator("img"), before)
    assert lab.errors == []
    assert lab.outside == []

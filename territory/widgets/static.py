"""What a widget leaves behind where no kernel runs: a picture of itself, or a page that works alone."""

import base64
import html
import json
from pathlib import Path
from typing import Any

_HERE = Path(__file__).parent


class LeavesPicture:
    """Mixed into a widget: its output also carries ``image/png``.

    A live notebook shows the widget; an exported page, from which the widget's own output is stripped, the picture.
    The widget says which by a method ``static_png() -> bytes``: its view as it is now.
    """

    def _repr_mimebundle_(self, **kwargs) -> dict | tuple[dict, dict]:
        shown = super()._repr_mimebundle_(**kwargs)
        picture = {"image/png": base64.b64encode(self.static_png()).decode("ascii")}
        return (shown[0] | picture, shown[1]) if isinstance(shown, tuple) else shown | picture  # anywidget: a tuple


def joined(*names: str) -> str:
    """Source files of this folder as one text: a front end travels whole."""
    return "".join((_HERE / name).read_text("utf-8") for name in names)


def standalone_page(title: str, script: str, style: str, state: dict[str, Any], data: bytes) -> str:
    """One HTML file with all that it needs inside.

    Args:
        script: JavaScript that finds the state as JSON in ``#state``, the data as base64 in ``#game`` and its place in
            ``#explorer``.
    """
    words = json.dumps(state).replace("<", "\\u003c")  # so that nothing in it can end the script element
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>{html.escape(title)}</title>
<style>
{style}
</style>
</head>
<body>
<div id="explorer"></div>
<script type="application/json" id="state">{words}</script>
<script type="text/plain" id="game">{base64.b64encode(data).decode("ascii")}</script>
<script type="module">
{script}
</script>
</body>
</html>
"""

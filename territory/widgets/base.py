"""What all widgets share: an answer to every question, an end to themselves, and a picture where no kernel runs."""

import base64
import traceback
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar
from weakref import WeakSet

import anywidget
import traitlets
from IPython import get_ipython
from IPython.display import publish_display_data

from territory.errors import BadInput, one_of, real, whole

_BUNDLES = Path(__file__).parent / "static"
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
# Jupyter's server lets what is smaller than a packet wait until the browser has acknowledged the message before it
# (Nagle's algorithm), which takes up to 40 ms. Between two programs of one machine a packet holds nearly 64 KiB.
_AT_ONCE = 1 << 16
Answer = tuple[dict[str, Any], list[bytes]] | None  # what a method says, and its buffers; None: only that it is done

# Three outputs for one widget: this style, the picture, the widget. Where the widget lives, the picture is hidden;
# where it doesn't (a notebook opened without its kernel), the picture stays, and what JupyterLab says is hidden.
_OUT, _MARK = ".jp-OutputArea-child", "> * > [data-territory-still]"  # right inside: an Output widget holds outputs too
_STILL_STYLE = f"""<style data-territory-still>
{_OUT}:has({_MARK}),
{_OUT}:has({_MARK}) + {_OUT} + {_OUT}:not(:has(.territory-widget)),
{_OUT}:has({_MARK}):has(+ {_OUT} + {_OUT} .territory-widget) + {_OUT} {{ display: none; }}
{_OUT}:has({_MARK}) + {_OUT}::after {{
  content: "A picture of this widget as it was. Run the notebook to use it."; display: block; font-size: 12px; }}
</style>"""


def bundle(name: str) -> str:
    """One of the bundles that `tools/bundle.py` makes of the sources in `js`: a front end travels whole."""
    return (_BUNDLES / name).read_text("utf-8")


class Instrument(anywidget.AnyWidget):
    """A widget that leaves its picture in the notebook, and whose front end gets an answer to every question.

    A live notebook shows the widget; a notebook without its kernel, and an exported page, the picture: `static_png`
    says which, and ``alt`` says it in words.

    A message is ``{"id": 7, "ask": "order", ...}``, with traits to set before it under ``"set"``. The rest of it, and
    its buffers if it has any, are the arguments of the method that `questions` names. The answer is ``{"re": 7, ...}``,
    with ``"error"`` in words where there is none.

    Running a cell again closes the instruments that the same cell made before: they would go on holding memory.
    """

    alt = "a picture of an interactive widget"
    static_png: Callable[[], bytes]  # the view as it is now, a PNG; each kind of instrument has its own
    # What the browser may ask, and the method that answers; None: only to set traits.
    questions: ClassVar[Mapping[str, str | None]] = {}

    def __init__(self, **traits: Any):
        super().__init__(**traits)
        self.on_msg(self._hear)
        _close_earlier_ones(self)

    def _repr_mimebundle_(self, **kwargs) -> tuple[dict, dict]:
        shown: Any = super()._repr_mimebundle_()
        return shown[0] | self._picture(), shown[1]

    def _ipython_display_(self) -> None:
        shown: Any = super()._repr_mimebundle_()
        self._display_id = uuid.uuid4().hex
        publish_display_data({"text/html": _STILL_STYLE})
        self._publish_picture(update=False)
        publish_display_data({WIDGET_VIEW: shown[0][WIDGET_VIEW], "text/plain": "(run this cell to use it)"}, shown[1])

    def _publish_picture(self, update: bool = True) -> None:
        """Put the picture into the notebook, or the one as it is now in its place."""
        data = self._picture() | {"text/plain": self.alt}
        metadata = {"image/png": {"alt": self.alt}}
        publish_display_data(data, metadata, transient={"display_id": self._display_id}, update=update)

    def _picture(self) -> dict[str, str]:
        return {"image/png": base64.b64encode(self.static_png()).decode("ascii")}

    def close(self) -> None:
        """End the view and let go of the memory behind it. A closed widget cannot be shown again."""
        layout = self._trait_values.get("layout")  # not yet there where the widget was refused while it was made
        super().close()
        if layout is not None:
            layout.close()

    def _hear(self, _widget: object, message: dict[str, Any], buffers: list[memoryview]) -> None:
        """The one place that the browser's questions come in."""
        said, data = {}, []
        details = {name: value for name, value in message.items() if name not in ("id", "ask", "set")}
        try:
            for name, value in message.get("set", {}).items():
                self.set_trait(name, value)
            method = self.questions[one_of("a question", message["ask"], self.questions)]
            if method is not None:
                details |= {"buffers": buffers} if buffers else {}
                said, data = getattr(self, method)(**details) or ({}, [])
        except (Exception, KeyboardInterrupt) as error:  # whatever it is, the browser must hear of it: it waits
            told = isinstance(error, BadInput)
            said = {"error": str(error) if told else f"{type(error).__name__}: {error}".removesuffix(": ")}
            if not told or error.__cause__ is not None:  # a fault in somebody's network, or in here
                said["details"] = traceback.format_exc()
        self.send({"re": message.get("id"), **said}, data)

    def send(self, content: Any, buffers: Any = None) -> None:
        """As every widget sends a message, with a last buffer of zeros where it would be too small to leave at once."""
        data = buffers or []
        super().send(content, [*data, bytes(max(0, _AT_ONCE - sum(map(len, data))))])


class Whole(traitlets.Int):
    """A whole number as everywhere else here: True is none, and what is none gets a `BadInput`."""

    def validate(self, _widget: object, value: Any) -> Any:
        return whole(self.name or "each entry", value, -(1 << 53) if self.min is None else self.min, self.max)


class Real(traitlets.Float):
    """A number, likewise; NaN is none either."""

    def validate(self, _widget: object, value: Any) -> Any:
        return real(self.name or "each entry", value, self.min, self.max)


_MADE: dict[tuple[str, str], tuple[str, WeakSet[Instrument]]] = {}  # by class and cell: which run made which


def _close_earlier_ones(widget: Instrument) -> None:
    """Those of its kind that an earlier run of the same cell made."""
    shell = get_ipython()
    parent = shell.get_parent() if hasattr(shell, "get_parent") else {}
    content, header = parent.get("content", {}), parent.get("header", {})
    cell = parent.get("metadata", {}).get("cellId") or content.get("code")  # its id where the front end tells it
    if header.get("msg_type") != "execute_request" or cell is None:
        return
    run = header.get("msg_id", "")
    kind = type(widget).__name__  # anywidget gives every widget a class of its own
    made_in, widgets = _MADE.get((kind, cell), (run, WeakSet()))
    if made_in != run:
        for old in [*widgets]:
            old.close()
        widgets = WeakSet()
    widgets.add(widget)
    _MADE[kind, cell] = run, widgets

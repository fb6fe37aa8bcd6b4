"""A notebook in a real JupyterLab, in a real headless browser: what nbval cannot see, this can.

    with lab_server(folder) as address, browser_page() as page:
        lab = Lab(page)
        lab.begin(address)
        lab.open("a.ipynb")
        lab.run_all()

`tests/conftest.py` turns this into the fixture `lab`.
"""

import json
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from urllib.request import Request, urlopen

import nbformat
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

PATIENCE = 120.0  # seconds; a loaded machine with two cores starts a kernel slowly

_SETTINGS = {
    # Every cell is in the page at once: a cell outside the window would have no widgets to find.
    "notebook-extension/tracker": {"windowingMode": "none"},
    # No question whether to fetch news: it would lie over the notebook's corner.
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
}

WINDOW = {"width": 1280, "height": 900}
# No JupyterLab yet, or one that asks something, such as what to do about a kernel that died.
_UNUSABLE = "() => window.jupyterapp === undefined || document.querySelector('.jp-Dialog') !== null"
_OPEN = "path => window.jupyterapp.commands.execute('docmanager:open', {path, factory: 'Notebook'})"
# Nobody is asked whether to save what was open.
_CLOSE = "() => [...(window.jupyterapp?.shell.widgets('main') ?? [])].forEach(each => each.dispose())"

_FLAGS = [
    "--no-sandbox",  # Chromium refuses to sandbox for root, as in a container
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def find_chromium() -> str | None:
    """The browser to drive: $TERRITORY_CHROMIUM, or a Chromium or Chrome on the path."""
    names = (os.environ.get("TERRITORY_CHROMIUM", ""), "chromium", "chromium-browser", "google-chrome")
    return next((found for name in names if name and (found := shutil.which(name))), None)


@contextmanager
def lab_server(folder: Path, home: Path | None = None) -> Iterator[str]:
    """Serve `folder` with JupyterLab on a free loopback port; gives its address, with a token and a gap for the path.

    Settings, workspaces and runtime files go to `home`, by default `folder/.jupyter`, so nothing of the user's Jupyter
    takes part.
    """
    home = home or folder / ".jupyter"
    for name, values in _SETTINGS.items():
        settings = home / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        settings.parent.mkdir(parents=True)
        settings.write_text(json.dumps(values))
    token = secrets.token_hex(16)
    with open(home / "server.log", "wb") as log:
        server = subprocess.Popen(_command(folder, token), env=_environment(home), stdout=log, stderr=log)
        try:
            yield f"{_wait_for_address(server, home)}lab/tree/{{}}?token={token}&reset"
        finally:
            server.terminate()
            server.wait(PATIENCE)


def write_notebook(path: Path, *sources: str) -> None:
    """A notebook of these cells; in one that is written again they are the same cells, with other words."""
    cells = [nbformat.v4.new_code_cell(source, id=f"cell-{number}") for number, source in enumerate(sources)]
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=metadata), path)


def eventually(page: Page, look: Callable[[], Any]) -> Any:
    """Look again and again until something true is seen; what was seen."""
    deadline = time.monotonic() + PATIENCE
    while not (seen := look()):
        assert time.monotonic() < deadline, f"not seen within {PATIENCE:g} s: {look.__qualname__}"
        page.wait_for_timeout(100)
    return seen


def beyond_this_machine(url: str) -> bool:
    """Whether an address is another machine's."""
    return urlsplit(url).hostname not in (None, "", "127.0.0.1", "localhost")


def shut_down_kernels(address: str) -> None:
    """End every kernel of the server at that address, as the next test would find them running."""
    parts = urlsplit(address)
    kernels = f"{parts.scheme}://{parts.netloc}/api/kernels"
    headers = {"Authorization": f"token {parse_qs(parts.query)['token'][0]}"}
    with urlopen(Request(kernels, headers=headers)) as answer:
        running = json.load(answer)
    for kernel in running:
        urlopen(Request(f"{kernels}/{kernel['id']}", headers=headers, method="DELETE")).close()


def _command(folder: Path, token: str) -> list[str]:
    flags = {
        "ip": "127.0.0.1",
        "port": "0",
        "ServerApp.root_dir": str(folder),
        "IdentityProvider.token": token,
        "LabApp.expose_app_in_browser": "True",
        "JupyterNotebookApp.expose_app_in_browser": "True",
        "KernelManager.shutdown_wait_time": "0.2",  # seconds until a kernel that was told to end is made to
        "LabApp.news_url": "None",
        "LabApp.check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
    }
    run = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"]
    return run + [f"--{name}={value}" for name, value in flags.items()]


def _environment(home: Path) -> dict[str, str]:
    folders = {
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_DATA_DIR": "data",
        "JUPYTER_RUNTIME_DIR": "runtime",
        "JUPYTERLAB_SETTINGS_DIR": "settings",
        "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
    }
    return os.environ | {name: str(home / folder) for name, folder in folders.items()}


def _wait_for_address(server: subprocess.Popen, home: Path) -> str:
    deadline = time.monotonic() + PATIENCE
    while server.poll() is None and time.monotonic() < deadline:
        for file in home.glob(f"runtime/jpserver-{server.pid}.json"):
            if text := file.read_text():
                return json.loads(text)["url"]
        time.sleep(0.1)
    raise AssertionError("JupyterLab did not start:\n" + (home / "server.log").read_text()[-3000:])


@contextmanager
def headless_browser() -> Iterator[Browser]:
    """A headless browser; its pages come from `new_page`."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=_FLAGS)
        try:
            expect.set_options(timeout=PATIENCE * 1000)
            yield browser
        finally:
            browser.close()


def new_page(browser: Browser) -> Page:
    """A page that knows nothing of the others of its browser."""
    page = browser.new_page(viewport=WINDOW)
    page.set_default_timeout(PATIENCE * 1000)
    return page


@contextmanager
def browser_page() -> Iterator[Page]:
    """The one page of a headless browser."""
    with headless_browser() as browser:
        yield new_page(browser)


class Lab:
    """One notebook open in JupyterLab; the next one that is opened takes its place in the same page.

    `errors` collects what the browser's console calls an error, `outside` the addresses beyond this machine that
    the page asked for (refused here: the course must work offline).
    """

    def __init__(self, page: Page) -> None:
        self.page = page
        self.errors: list[str] = []
        self.outside: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", self._listen)
        page.route(beyond_this_machine, self._refuse)

    def begin(self, address: str, folder: str = ".") -> None:
        """Notebooks are now those of a folder of this server, the window is as large as at first, no error is known."""
        self._address, self._folder = address, folder
        self.page.set_viewport_size(WINDOW)
        self.page.emulate_media(color_scheme="light", reduced_motion="no-preference")
        self.errors.clear()
        self.outside.clear()

    def _listen(self, message) -> None:
        if message.type == "error":
            self.errors.append(message.text)

    def _refuse(self, route) -> None:
        if route.request.url not in self.outside:  # a refused picture may be asked for again
            self.outside.append(route.request.url)
        route.abort()

    def open(self, name: str) -> None:
        """Open a notebook of the folder and wait for its kernel."""
        self.close()
        path = f"{self._folder}/{name}"
        if self.page.evaluate(_UNUSABLE):
            self.page.goto(self._address.format(path))
        else:
            self.page.evaluate(_OPEN, path)
        self.page.wait_for_selector(".jp-NotebookPanel .jp-Cell")
        self.theme("JupyterLab Light")  # whatever the test before left
        self.wait_idle()

    def close(self) -> None:
        """Close what is open; better before its kernel ends, since widgets say goodbye."""
        self.page.evaluate(_CLOSE)

    def theme(self, name: str) -> None:
        """Choose a theme, "JupyterLab Light" or "JupyterLab Dark", and wait for its colours."""
        self.page.wait_for_function("() => document.body.dataset.jpThemeLight !== undefined")
        self.page.evaluate("name => window.jupyterapp.commands.execute('apputils:change-theme', {theme: name})", name)
        light = "true" if name.endswith("Light") else "false"
        self.page.locator(f"body[data-jp-theme-light={light}]").wait_for(state="attached")

    def wait_idle(self) -> None:
        """Wait until the kernel has nothing left to do."""
        self.page.wait_for_function(
            "() => window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'"
        )

    def run_cell(self, number: int, wait: bool = True) -> None:
        """Run one cell by its place in the notebook; without `wait` the kernel goes on with it."""
        self.page.evaluate(
            "([n, wait]) => { const notebook = window.jupyterapp.shell.currentWidget.content;"
            " notebook.deselectAll(); notebook.activeCellIndex = n;"
            " const done = window.jupyterapp.commands.execute('notebook:run-cell'); return wait ? done : null; }",
            [number, wait],
        )
        if wait:
            self.wait_idle()

    def save(self) -> None:
        """Write the notebook."""
        self.page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")

    def restart(self) -> None:
        """Restart the kernel, as its menu does."""
        self.page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")

    def end_kernels(self) -> None:
        """End every kernel while the page is open, as its menu does."""
        self.page.evaluate("() => window.jupyterapp.serviceManager.sessions.shutdownAll()")

    def run_all(self) -> None:
        """Run every cell; fails with the traceback of a cell that failed."""
        self.page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-all-cells')")
        self.wait_idle()
        outputs = [output for cell in self.cells() for output in cell.get("outputs", [])]
        failed = ["\n".join(output["traceback"]) for output in outputs if output["output_type"] == "error"]
        assert not failed, "a cell failed:\n" + "\n".join(failed)

    def cells(self) -> list[dict]:
        """The cells as the notebook has them: what is drawn of them may come a moment later."""
        return self.page.evaluate("() => window.jupyterapp.shell.currentWidget.content.model.toJSON().cells")

    def printed(self, number: int) -> str:
        """What a cell has printed."""
        outputs = self.cells()[number]["outputs"]
        return "".join("".join(output["text"]) for output in outputs if output["output_type"] == "stream")

    def cell(self, number: int) -> Locator:
        """A cell by its place in the notebook, markdown cells counted, from 0."""
        return self.page.locator(".jp-Notebook .jp-Cell").nth(number)

    def output(self, number: int) -> Locator:
        """What that cell shows."""
        return self.cell(number).locator(".jp-Cell-outputArea")

    def press(self, control: Locator, key: str, times: int = 1) -> None:
        """Give a control (a slider's handle, say) the focus and press a key: 'ArrowRight', 'End', ..."""
        control.focus()
        for _ in range(times):
            control.press(key)
        self.wait_idle()

    def wait_for_change(self, part: Locator, before: bytes) -> bytes:
        """Wait until `part` no longer looks as `before` (a PNG screenshot); gives the new picture."""

        def changed():
            now = part.screenshot()
            return now if now != before else None

        return eventually(self.page, changed)

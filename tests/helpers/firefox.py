"""A stock Firefox over WebDriver BiDi: enough to open a page, run JavaScript in it and hear of errors.

Playwright wants a Firefox of its own build, or one that knows more commands than Debian's; geckodriver is in no package
registry. What Firefox itself listens to is a WebSocket and some JSON.
"""

import itertools
import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

from helpers.lab_browser import PATIENCE, beyond_this_machine

_EVENTS = ("log.entryAdded", "network.beforeRequestSent")
_LISTENING = re.compile(r"WebDriver BiDi listening on (ws://\S+)")


def find_firefox() -> str | None:
    """The Firefox to drive."""
    return shutil.which("firefox-esr") or shutil.which("firefox")


class FirefoxPage:
    """One tab at a time. `errors` collects what its console calls an error, `outside` requests beyond this machine."""

    def __init__(self, socket: ClientConnection):
        self._socket, self._numbers, self._tab = socket, itertools.count(1), None
        self._ask("session.new", capabilities={})
        self._ask("session.subscribe", events=_EVENTS)

    def fresh(self) -> None:
        """Take another tab, and forget the one before."""
        before = self._tab
        self._tab = self._ask("browsingContext.create", type="tab")["context"]  # the first one is Firefox's own
        self._ask("browsingContext.setViewport", context=self._tab, viewport={"width": 1280, "height": 900})
        if before is not None:
            self._ask("browsingContext.close", context=before)
        self.errors: list[str] = []
        self.outside: list[str] = []

    def goto(self, address: str) -> None:
        """Open an address and wait until it has loaded."""
        self._ask("browsingContext.navigate", context=self._tab, url=address, wait="complete")

    def evaluate(self, script: str) -> Any:
        """Call a JavaScript function and wait for its promise; what it resolves to, which must be JSON."""
        text = f"Promise.resolve(({script})()).then(found => JSON.stringify(found ?? null))"
        said = self._ask("script.evaluate", expression=text, target={"context": self._tab}, awaitPromise=True)
        if said["type"] == "exception":
            raise AssertionError(f"JavaScript failed: {said['exceptionDetails']['text']}")
        return json.loads(said["result"]["value"])

    def _ask(self, method: str, **params: Any) -> dict[str, Any]:
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            said = json.loads(self._socket.recv())
            if said["type"] == "event":
                self._hear(said["method"], said["params"])
            elif said["id"] == number:
                if said["type"] == "error":
                    raise AssertionError(f"Firefox refused {method}: {said['message']}")
                return said["result"]

    def _hear(self, event: str, said: dict[str, Any]) -> None:
        if event == "log.entryAdded" and said["level"] == "error":
            self.errors.append(said["text"])
        elif event == "network.beforeRequestSent" and beyond_this_machine(said["request"]["url"]):
            self.outside.append(said["request"]["url"])


@contextmanager
def firefox_page(profile: Path) -> Iterator[FirefoxPage]:
    """A fresh Firefox, whose profile is made in an empty folder."""
    command = [find_firefox(), "--headless", "--no-remote", "--profile", str(profile), "--remote-debugging-port", "0"]
    log = profile / "firefox.log"
    with open(log, "wb") as out:
        firefox = subprocess.Popen(command, stdout=out, stderr=out)
    try:
        with connect(f"{_wait_for_address(firefox, log)}/session", max_size=None) as socket:
            yield FirefoxPage(socket)
    finally:
        firefox.terminate()
        firefox.wait(PATIENCE)


def _wait_for_address(firefox: subprocess.Popen, log: Path) -> str:
    deadline = time.monotonic() + PATIENCE
    while firefox.poll() is None and time.monotonic() < deadline:
        if found := _LISTENING.search(log.read_text("utf-8", "replace")):
            return found[1]
        time.sleep(0.1)
    raise AssertionError("Firefox did not listen:\n" + log.read_text("utf-8", "replace")[-3000:])

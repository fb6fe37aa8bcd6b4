"""The site's explorer in a browser, asked without its controls."""

import base64
from typing import Any

import numpy as np
from playwright.sync_api import Frame, Page

_ASK = """async ([message, sent]) => {
    const buffers = sent.map((each) => Uint8Array.from(atob(each), (letter) => letter.charCodeAt(0)).buffer);
    const since = performance.now();
    const [content, parts] = await window.territoryAnswer(message, buffers);
    content.took = performance.now() - since;
    const text = (bytes) => btoa(Array.from(new Uint8Array(bytes), (byte) => String.fromCharCode(byte)).join(""));
    return [content, parts.map(text)];
}"""


def opened(page: Page, address: str) -> Page:
    """An explorer's page that is ready."""
    page.goto(address)
    page.wait_for_selector(".explorer-board")
    return page


def ask(page: Page | Frame, message: dict[str, Any], *buffers: np.ndarray) -> tuple[dict[str, Any], Any]:
    """What the page's network answers: its words, with the milliseconds that it `took`, and its numbers by name."""
    sent = [base64.b64encode(np.ascontiguousarray(each).tobytes()).decode() for each in buffers]
    content, (data,) = page.evaluate(_ASK, [message, sent])
    numbers = np.frombuffer(base64.b64decode(data), "<f4")
    if "index" not in content:
        return content, numbers
    return content, {
        each["name"]: numbers[each["at"] // 4 : each["at"] // 4 + each["shape"][0]] for each in content["index"]
    }

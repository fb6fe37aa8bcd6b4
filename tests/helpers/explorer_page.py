"""The explorer as a reader has it in front of them, in a notebook or in a saved page."""

import base64
import io
import re

import numpy as np
from PIL import Image

from helpers.contrast import contrasts

CANVAS = """(root, side) => root.querySelectorAll(".explorer-board")[side].toDataURL("image/png").split(",")[1]"""
TEXTS = [".explorer-standing", ".explorer-explain", ".explorer-play", ".explorer-build", ".tw-hint", "select", ".name"]
SHAPES = {
    ".track b": "backgroundColor",
    ".explorer-curve .line": "stroke",
    ".explorer-curve .cursor": "stroke",
    ".explorer-curve .dot": "fill",
    ".explorer-compass text": "fill",
}
SETTLED = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"


class ExplorerPage:
    def __init__(self, page, root):
        self.page, self.root = page, root
        root.wait_for()
        self.maps, self.explanation = root.locator(".explorer-map"), root.locator(".explorer-explain")
        self.settle()

    def settle(self):
        self.page.evaluate(SETTLED)

    def pixels(self, side=0):
        """The board as it is drawn now: uint8 (rows, columns, 3)."""
        self.settle()
        picture = base64.b64decode(self.root.evaluate(CANVAS, side))
        return np.asarray(Image.open(io.BytesIO(picture)).convert("RGB"))

    def control(self, label, number=0):
        return self.root.get_by_label(label, exact=True).nth(number)

    def button(self, name):
        return self.root.get_by_role("button", name=name)

    def slide(self, label, value):
        self.control(label).fill(str(value))
        self.settle()

    def choose(self, label, value, number=0):
        self.control(label, number).select_option(value=value)
        self.settle()

    def key(self, name):
        self.page.keyboard.press(name)
        self.settle()

    def focus(self):
        self.root.focus()

    def step(self):
        self.settle()  # what a click asked for is drawn in the next frame
        return int(self.control("step").input_value())

    def value(self, side=0):
        """The network's value as it is written: what it is now, and what it was if another is imagined."""
        self.settle()
        text = self.root.locator(".explorer-value").nth(side).inner_text().replace("−", "-")
        return tuple(float(number) for number in re.findall(r"[+-]\d+\.\d+", text))

    def sector(self, order, side=0):
        """The probability that one sector of the compass shows."""
        self.settle()
        return float(
            self.root.locator(".explorer-compass")
            .nth(side)
            .locator(f"[data-order='{order}']")
            .get_attribute("data-share")
        )

    def shares(self, stat):
        """The numbers beside a statistic's bars."""
        self.settle()
        texts = self.root.locator(f"[data-stat='{stat}'] .number").all_inner_texts()
        return [float(text.removesuffix(" %")) / 100 for text in texts]

    def place(self, row, column, rows, side=0):
        """Where on the screen a tile of a square board lies."""
        self.maps.nth(side).scroll_into_view_if_needed()
        box = self.maps.nth(side).bounding_box()
        return box["x"] + (column + 0.5) * box["width"] / rows, box["y"] + (row + 0.5) * box["height"] / rows

    def contrasts(self):
        return contrasts(self.root, TEXTS, SHAPES)

    def answers(self):
        return int(self.root.locator(".explorer-latency").get_attribute("data-answer") or 0)

    def answer_to(self, action):
        """Do something that asks the kernel, and wait for the answer to the last question; how long it took, in ms."""
        before = self.answers()
        action()
        self.page.wait_for_function(
            "before => Number(document.querySelector('.explorer-latency').dataset.answer || 0) > before", arg=before
        )
        self.settle()
        return float(self.root.locator(".explorer-latency").get_attribute("data-took"))

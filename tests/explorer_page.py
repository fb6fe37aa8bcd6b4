"""The explorer as a reader has it in front of them, in a notebook or in a saved page."""

import re

import numpy as np

CANVAS = """(root, side) => {
  const canvas = root.querySelectorAll(".explorer-board")[side];
  const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  return {width: canvas.width, bytes: [...data]};
}"""
CONTRAST = """root => {
  const pen = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
  const rgb = colour => { pen.fillStyle = colour; pen.fillRect(0, 0, 1, 1); return pen.getImageData(0, 0, 1, 1).data; };
  const light = colour => [...rgb(colour)].slice(0, 3).map(v => v / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const paper = light(getComputedStyle(root).backgroundColor);
  const ratio = colour => (Math.max(light(colour), paper) + 0.05) / (Math.min(light(colour), paper) + 0.05);
  const style = selector => getComputedStyle(root.querySelector(selector));
  const texts = [".explorer-standing", ".explorer-explain", ".explorer-play", "select", ".name"];
  const text = texts.map(part => ratio(style(part).color));
  const shapes = [ratio(style(".track b").backgroundColor), ratio(style(".explorer-curve .line").stroke),
    ratio(style(".explorer-dot").backgroundColor), ratio(style(".explorer-compass text").fill)];
  return {text, shapes, paper};
}"""
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
        seen = self.root.evaluate(CANVAS, side)
        return np.array(seen["bytes"], np.uint8).reshape(-1, seen["width"], 4)[..., :3]

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
        return int(self.control("step").input_value())

    def value(self, side=0):
        """The network's value as it is written: what it is now, and what it was if another is imagined."""
        text = self.root.locator(".explorer-value").nth(side).inner_text().replace("−", "-")
        return tuple(float(number) for number in re.findall(r"[+-]\d+\.\d+", text))

    def sector(self, order, side=0):
        """The probability that one sector of the compass shows."""
        return float(
            self.root.locator(".explorer-compass")
            .nth(side)
            .locator(f"[data-order='{order}']")
            .get_attribute("data-share")
        )

    def shares(self, stat):
        """The numbers beside a statistic's bars."""
        texts = self.root.locator(f"[data-stat='{stat}'] .number").all_inner_texts()
        return [float(text.removesuffix(" %")) / 100 for text in texts]

    def place(self, row, column, rows, side=0):
        """Where on the screen a tile of a square board lies."""
        self.maps.nth(side).scroll_into_view_if_needed()
        box = self.maps.nth(side).bounding_box()
        return box["x"] + (column + 0.5) * box["width"] / rows, box["y"] + (row + 0.5) * box["height"] / rows

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

"""How well text and shapes stand out from what is really behind them, by WCAG 2.2."""

TEXT, SHAPES = 4.5, 3  # success criteria 1.4.3 and 1.4.11
_MEASURE = """(root, [texts, shapes]) => {
  const pen = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
  // A colour laid over another: what is see-through shows what is behind it.
  const over = (front, back) => {
    for (const colour of [back, front]) { pen.fillStyle = colour; pen.fillRect(0, 0, 1, 1); }
    const [red, green, blue] = pen.getImageData(0, 0, 1, 1).data;
    return `rgb(${red}, ${green}, ${blue})`;
  };
  const behind = node => node ? over(getComputedStyle(node).backgroundColor, behind(node.parentElement)) : "white";
  const light = colour => colour.match(/[0-9]+/g).map(v => v / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ratio = (colour, back) => {
    const [dark, bright] = [light(over(colour, back)), light(back)].sort((a, b) => a - b);
    return (bright + 0.05) / (dark + 0.05);
  };
  const measured = {text: {}, shapes: {}, paper: light(behind(root))};
  for (const selector of texts) {
    const node = root.querySelector(selector);
    measured.text[selector] = ratio(getComputedStyle(node).color, behind(node));
  }
  for (const [selector, property] of shapes) {
    const node = root.querySelector(selector);
    measured.shapes[selector] = ratio(getComputedStyle(node)[property], behind(node.parentElement));
  }
  return measured;
}"""


def contrasts(root, texts, shapes):
    """Contrast ratios, 1 to 21.

    Args:
        root: the view, a locator.
        texts: selectors of text, measured against its own background: a pressed button's is the ink.
        shapes: a property that colours it for each selector, measured against what is around it.
    """
    return root.evaluate(_MEASURE, [texts, list(shapes.items())])


def check_contrast(light, dark):
    """What was measured in the light and in the dark theme can be read in both."""
    assert light["paper"] > 0.9 and dark["paper"] < 0.1
    for theme in (light, dark):
        assert {name: ratio for name, ratio in theme["text"].items() if ratio < TEXT} == {}
        assert {name: ratio for name, ratio in theme["shapes"].items() if ratio < SHAPES} == {}

"""The site's explorer: a network in the page answers what Python answers."""

import base64
import json

import numpy as np
import pytest

import territory
from territory.interpret import capture_frames, imagine, intervene, occlusion, uniform, zero_head
from territory.world import WorldParams
from territory.world.replay import record

pytestmark = pytest.mark.browser
ASK = """async ([message, sent]) => {
    const buffers = sent.map((each) => Uint8Array.from(atob(each), (letter) => letter.charCodeAt(0)).buffer);
    const [content, parts] = await window.territoryAnswer(message, buffers);
    const text = (bytes) => btoa(Array.from(new Uint8Array(bytes), (byte) => String.fromCharCode(byte)).join(""));
    return [content, parts.map(text)];
}"""


@pytest.fixture(scope="module")
def agent():
    return territory.load_agent("tokens")


@pytest.fixture(scope="module")
def frames(agent):
    """The game that the page shows, played again."""
    return tuple(record(agent, WorldParams(num_bots=5), seed=1_000_000).play())


@pytest.fixture
def live(page, address):
    page.goto(address + "explorer/tokens.html")
    page.wait_for_selector(".explorer-board")
    return page


def ask(page, message, *buffers):
    """What the page's network answers: its words, and its numbers by name."""
    sent = [base64.b64encode(np.ascontiguousarray(each).tobytes()).decode() for each in buffers]
    content, (data,) = page.evaluate(ASK, [message, sent])
    numbers = np.frombuffer(base64.b64decode(data), "<f4")
    if "index" not in content:
        return content, numbers
    return content, {
        each["name"]: numbers[each["at"] // 4 : each["at"] // 4 + each["shape"][0]] for each in content["index"]
    }


def assert_equal_to_python(found, frame, agent, changes=None):
    with intervene(agent.model, changes or {}):
        look = capture_frames(agent.model, (frame,))
    expected = {"0.policy": look.probabilities[0], "0.value": look.values}
    expected |= {f"0.{name}": weights[0] for name, weights in look.attention.items()}
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values.ravel(), rtol=0, atol=1e-4, err_msg=name)


def test_a_recorded_state_gets_pythons_policy_value_and_attention(live, frames, agent):
    for step in (0, len(frames) // 2, len(frames) - 2):
        _, found = ask(live, {"ask": "imagine", "step": step, "ablation": [{}]})
        assert_equal_to_python(found, frames[step], agent)


def test_an_imagined_state_gets_pythons_answer(live, frames, agent):
    random = np.random.default_rng(3)
    for step in (5, len(frames) // 3):
        frame, shape = frames[step], frames[step].owner.shape
        stats = random.uniform(-1.2, 1.2, 16).astype("<f4")
        owner, density = (random.integers(0, high, shape).astype(np.uint8) for high in (4, 256))
        city = (random.random(shape) < 0.01).astype(np.uint8)
        _, found = ask(live, {"ask": "imagine", "step": step, "ablation": [{}]}, stats, owner, city, density)
        assert_equal_to_python(found, imagine(frame, stats, owner, city, density), agent)


def test_a_silent_head_and_a_uniform_layer_are_pythons(live, frames, agent):
    step = len(frames) // 2
    for ablation, changes in (
        ({"cross.map_to_stats 1": "zero"}, {"cross.map_to_stats": zero_head(1)}),
        ({"cross.stats_to_map": "uniform"}, {"cross.stats_to_map": uniform}),
    ):
        _, found = ask(live, {"ask": "imagine", "step": step, "ablation": [ablation]})
        assert_equal_to_python(found, frames[step], agent, changes)


def test_occlusion_is_pythons(live, frames, agent):
    step = len(frames) // 2
    question = {"ask": "relevance", "network": 0, "method": "occlusion", "step": step, "ablation": []}
    content, found = ask(live, question)
    expected = occlusion(agent.model, (frames[step],))[0]
    assert content["size"] == list(expected.shape)
    np.testing.assert_allclose(found, expected.ravel(), rtol=0, atol=1e-3)


def test_a_reader_moves_a_statistic_and_the_answer_comes(live):
    live.get_by_label("what if (W)", exact=True).check()
    slider = live.get_by_label("land share", exact=True).first
    slider.fill("0.9")
    live.wait_for_selector("[data-took]", timeout=60_000)
    assert live.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_it_fits_a_phone(live):
    live.set_viewport_size({"width": 390, "height": 800})
    assert live.evaluate("document.documentElement.scrollWidth") <= 390


def test_opened_as_a_file_it_says_so_and_shows_the_recorded_game(page, site):
    page.goto((site / "explorer" / "tokens.html").as_uri())
    page.wait_for_selector(".explorer-board")
    assert "Opened as a file" in page.locator("#live-note").inner_text()
    assert page.evaluate("window.territoryAnswer === undefined")


def test_the_page_carries_what_its_network_needs(site):
    page = (site / "explorer" / "tokens.html").read_text("utf-8")
    about = json.loads(page.split('id="live">')[1].split("</script>")[0])
    assert (site / "explorer" / about["networks"][0]["file"]).is_file()

"""The site's explorers: a network in the page answers what Python answers."""

import base64
import io
import json

import numpy as np
import pytest
from helpers.live_page import ask, opened
from PIL import Image

import territory
from territory.agent import pretrained
from territory.interpret import imagine, occlusion
from territory.widgets.looks import changes_of, look
from territory.world import WorldParams
from territory.world.replay import record

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module", params=pretrained())
def network(request):
    """The name of each pretrained network."""
    return request.param


@pytest.fixture(scope="module")
def agent(network):
    return territory.load_agent(network)


@pytest.fixture(scope="module")
def frames(agent):
    """The game that the page shows, played again."""
    return tuple(record(agent, WorldParams(num_bots=5), seed=1_000_000).play())


@pytest.fixture
def live(page, address, network):
    return opened(page, f"{address}explorer/{network}.html")


def assert_equal_to_python(found, frame, agent, ablation=None):
    changes = changes_of(ablation, look(agent, (frame,)).attention) if ablation else None
    answer = look(agent, (frame,), changes)
    expected = {"0.policy": answer.probabilities[0], "0.value": answer.values}
    expected |= {f"0.{name}": weights[0] for name, weights in answer.attention.items()}
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


@pytest.mark.parametrize("network", ["attention", "tokens", "champion"], indirect=True)
def test_silent_heads_and_uniform_layers_are_pythons(live, frames, agent, network):
    step = len(frames) // 2
    gates = [{"spatial.1": "uniform"}, {"spatial.3": "zero", "cross.map_to_stats": "uniform"}]
    heads = [{"cross.map_to_stats 1": "zero"}, {"cross.stats_to_map": "uniform"}]
    for ablation in gates if network == "attention" else heads:
        _, found = ask(live, {"ask": "imagine", "step": step, "ablation": [ablation]})
        assert_equal_to_python(found, frames[step], agent, ablation)


def test_occlusion_is_pythons(live, frames, agent):
    step = len(frames) // 2
    question = {"ask": "relevance", "network": 0, "method": "occlusion", "step": step, "ablation": []}
    content, found = ask(live, question)
    expected = occlusion(agent.model, (frames[step],))[0]
    assert content["size"] == list(expected.shape)
    np.testing.assert_allclose(found, expected.ravel(), rtol=0, atol=1e-3)


@pytest.mark.parametrize("network", ["attention"], indirect=True)
def test_a_notebooks_explorer_is_live_once_opened_and_answers_what_its_python_does(page, address, root, agent):
    cells = json.loads((root / "notebooks" / "05_seeing_attention.ipynb").read_text("utf-8"))["cells"]
    shown = next(number for number, cell in enumerate(cells) if "explorer" in cell["metadata"])
    of_the_notebook = {}
    for cell in cells[:shown]:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), of_the_notebook)
    explorer = of_the_notebook["explorer"]

    asked = []
    page.on("request", lambda request: asked.append(request.url) if "/explorer/" in request.url else None)
    page.goto(address + "notebooks/05_seeing_attention.html")
    live = page.locator("details.live")
    live.scroll_into_view_if_needed()
    page.wait_for_load_state("networkidle")
    assert asked == []  # a page stays light until its reader wants more
    live.locator("summary").click()
    live.locator("iframe").content_frame.locator(".explorer-board").wait_for()
    assert not [address for address in asked if address.endswith((".onnx", ".wasm"))]
    frame = page.frames[-1]
    assert not page.locator("img.still").is_visible()
    assert frame.get_by_label("step", exact=True).input_value() == str(explorer.step)

    random = np.random.default_rng(7)
    now = explorer.record.frames[explorer.step]
    stats = random.uniform(-1, 1, 16).astype("<f4")
    density = random.integers(0, 256, now.owner.shape).astype(np.uint8)
    city, question = np.zeros_like(now.owner), {"ask": "imagine", "step": explorer.step, "ablation": [{}]}
    _, found = ask(frame, question, stats, now.owner, city, density)
    assert_equal_to_python(found, imagine(now, stats, now.owner, city, density), of_the_notebook["agent"])

    inner, outer = frame.evaluate("document.body.offsetHeight"), live.locator("iframe").bounding_box()["height"]
    assert inner <= outer <= inner + 4  # nothing to scroll inside
    ground = "getComputedStyle(document.body).backgroundColor"
    page.emulate_media(color_scheme="dark")
    page.evaluate("localStorage.mode = 'light'")
    frame.wait_for_function(f"{ground} === 'rgb(255, 255, 255)'")
    page.evaluate("localStorage.mode = 'dark'")
    frame.wait_for_function(f"{ground} !== 'rgb(255, 255, 255)'")


@pytest.mark.parametrize("network", ["tokens"], indirect=True)
def test_a_reader_moves_a_statistic_and_the_answer_comes(live):
    live.get_by_label("what if (W)", exact=True).check()
    slider = live.get_by_label("land share", exact=True).first
    slider.fill("0.9")
    live.wait_for_selector("[data-took]")
    assert live.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("network", ["tokens"], indirect=True)
def test_the_board_is_saved_as_a_picture_and_the_page_as_a_file(live, tmp_path):
    for button, file in (("save picture", "explorer-board.png"), ("save page", "explorer.html")):
        with live.expect_download() as download:
            live.get_by_role("button", name=button).click()
        assert download.value.suggested_filename == file
        download.value.save_as(tmp_path / file)
    shown = live.evaluate("document.querySelector('.explorer-board').toDataURL('image/png').split(',')[1]")
    boards = [
        Image.open(io.BytesIO(data))
        for data in (base64.b64decode(shown), (tmp_path / "explorer-board.png").read_bytes())
    ]
    assert (np.asarray(boards[0]) == np.asarray(boards[1])).all() and len(boards[0].getcolors(1 << 20)) > 3
    live.goto((tmp_path / "explorer.html").as_uri())  # alone, without what lay beside it
    live.wait_for_selector(".explorer-board")


@pytest.mark.parametrize("network", ["tokens"], indirect=True)
def test_it_fits_a_phone(live):
    live.set_viewport_size({"width": 390, "height": 800})
    assert live.evaluate("document.documentElement.scrollWidth") <= 390


def test_opened_as_a_file_it_says_so_and_shows_the_recorded_game(page, site):
    opened(page, (site / "explorer" / "tokens.html").as_uri())
    assert "Opened as a file" in page.locator("#live-note").inner_text()
    assert page.evaluate("window.territoryAnswer === undefined")


def test_the_page_carries_what_its_network_needs(site, network):
    page = (site / "explorer" / f"{network}.html").read_text("utf-8")
    about = json.loads(page.split('id="live">')[1].split("</script>")[0])
    assert (site / "explorer" / about["networks"][0]["file"]).is_file()

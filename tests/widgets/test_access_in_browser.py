"""All four widgets in a page, answered by Python without a notebook between: who can use them, at which widths."""

from functools import partial
from itertools import combinations, pairwise

import gymnasium
import pytest
from axe_playwright_python.sync_playwright import Axe

import territory
from examples.small_vit import SmallViT
from territory import widgets
from territory.training import PPO, TrainConfig
from tools.pictures import WidgetPage, browser_pages

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SMALL = TrainConfig(
    height=32, width=32, num_bots=2, max_steps=20, num_envs=4, num_steps=16, minibatch_size=32, device="cpu",
    total_timesteps=64 * 6,
)  # fmt: skip
NAMES = ("explorer", "game", "monitor", "budget")
WIDTHS = (1440, 1100, 800, 390)
FOCUSED = "[...document.querySelectorAll('button, select, input')].indexOf(document.activeElement)"


@pytest.fixture(scope="module")
def instruments(replay, network):
    """One of each, with something to show."""
    monitor = widgets.TrainingMonitor(PPO(SMALL), name="access")
    monitor.start()
    monitor.live.wait()
    env = gymnasium.make("Territory-v0", height=64, width=64, num_bots=2)
    explorer, game = widgets.AttentionExplorer(replay, network), widgets.GamePlayer(env, seed=3)
    made = (explorer, game, monitor, widgets.NetworkBudget())
    return dict(zip(NAMES, made, strict=True))


@pytest.fixture(scope="module")
def named(replay):
    """The same with names as long as somebody's may be, and two networks side by side, one with three choices."""
    long = "a name as long as somebody's own may be, without_any_end_" * 2
    tokens = territory.load_agent("tokens")
    game = widgets.GamePlayer(gymnasium.make("Territory-v0", num_bots=5), agents={long: "steady"})
    monitor = widgets.TrainingMonitor(PPO(SMALL), name=long)
    explorer = widgets.AttentionExplorer(replay, tokens, other=SmallViT(side=64), names=[long, long.replace(" ", "")])
    return {"explorer": explorer, "game": game, "monitor": monitor}


@pytest.fixture(scope="module")
def new_page(request):
    request.getfixturevalue("instruments")
    request.getfixturevalue("named")
    with browser_pages() as new_page:
        yield new_page


def show(new_page, widget, width, scheme="light", **options):
    page = new_page(viewport={"width": width, "height": 900}, color_scheme=scheme, **options)
    page.errors = []
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    view = WidgetPage(page, widget)
    view.settle()
    return view


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", NAMES)
def test_axe_finds_nothing(name, scheme, instruments, new_page):
    view = show(new_page, instruments[name], 1100, scheme)
    found = Axe().run(view.page)
    assert found.violations_count == 0, found.generate_report()
    assert view.page.errors == []
    view.page.close()


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", NAMES)
def test_nothing_stands_out_of_a_page_of_any_width(name, width, instruments, new_page):
    view = show(new_page, instruments[name], width)
    assert view.page.evaluate("document.documentElement.scrollWidth") <= width
    view.page.close()


@pytest.mark.parametrize("width", (1440, 1000, 640, 320))  # 320: 1280 at a zoom of 400 %
@pytest.mark.parametrize("name", ("explorer", "game", "monitor"))
def test_long_names_of_your_own_and_a_page_from_right_to_left_leave_all_in_its_place(name, width, named, new_page):
    view = show(new_page, named[name], width, locale="ar-EG")
    view.page.evaluate("document.documentElement.dir = 'rtl'")
    view.settle()
    outside = "each => each.checkVisibility() && each.getBoundingClientRect().right > innerWidth + 1"
    assert view.root.evaluate(f"root => [...root.querySelectorAll('*')].filter({outside}).map(e => e.className)") == []
    sliders = view.root.locator("input[type=range]")
    if sliders.count():  # the least stands on the left, as in the curves
        assert sliders.first.evaluate("each => getComputedStyle(each).direction") == "ltr"
    for row in view.root.locator("[data-stat]").all():
        boxes = [part for part in (each.bounding_box() for each in row.locator("> *").all()) if part and part["width"]]
        assert all(one["x"] + one["width"] <= other["x"] + 1 for one, other in pairwise(boxes))
    view.page.close()


def test_bars_and_boxes_are_seen_where_the_system_chooses_the_colours(instruments, new_page):
    view = show(new_page, instruments["game"], 1100, "dark", forced_colors="active")
    looks = "each => getComputedStyle(each).backgroundColor"
    on, off = (view.root.locator(f".territory-mask i{kind}").first.evaluate(looks) for kind in (".on", ":not(.on)"))
    assert on != off
    view.page.add_style_tag(content=":root { --jp-ui-font-color1: black; --jp-layout-color1: white; }")  # a light theme
    assert view.root.evaluate(looks) == "rgb(0, 0, 0)"
    view.page.close()


@pytest.mark.parametrize("width", [1440, 1100, 800])
def test_the_statistics_stand_beside_the_board_and_the_compass_in_one_view(width, instruments, new_page):
    view = show(new_page, instruments["explorer"], width)
    board, compass, last = (
        view.root.locator(part).first.bounding_box()
        for part in (".explorer-map", ".explorer-compass", "[data-stat='active fronts']")
    )
    assert last["x"] > board["x"] + board["width"] and compass["x"] > board["x"] + board["width"]
    assert max(part["y"] + part["height"] for part in (board, compass, last)) - min(board["y"], compass["y"]) < 800
    view.page.close()


def test_every_statistic_has_its_row_where_no_layer_links_cells_and_statistics(instruments, new_page):
    view = show(new_page, instruments["explorer"], 1100)  # of `attention`, whose cross-attention is one vector to one
    rows = [row.bounding_box() for row in view.root.locator("[data-stat]").all()]
    inside = [view.root.locator("[data-stat] output").nth(number).bounding_box() for number in range(len(rows))]
    for row, value in zip(rows, inside, strict=True):
        assert row["y"] - 1 <= value["y"] and value["y"] + value["height"] <= row["y"] + row["height"] + 1
    view.page.close()


def test_on_a_phone_board_and_sliders_fit_one_view(instruments, new_page):
    view = show(new_page, instruments["explorer"], 390)
    board, stats = (view.root.locator(part).bounding_box() for part in (".explorer-map", ".explorer-stats"))
    assert stats["y"] + stats["height"] - board["y"] < 900
    view.page.close()


@pytest.mark.parametrize("name", NAMES)
def test_every_control_can_be_reached_and_left_with_the_keyboard(name, instruments, new_page):
    view = show(new_page, instruments[name], 1100)
    wanted = view.root.evaluate(
        "root => [...root.querySelectorAll('button, select, input')].filter(e => !e.disabled && e.checkVisibility() &&"
        " !(e.type == 'radio' && !e.checked)).length"
    )
    met = set()
    for _ in range(wanted + 25):
        view.page.keyboard.press("Tab")
        met.add(view.page.evaluate(FOCUSED))
    assert len(met - {-1}) >= wanted
    view.page.close()


@pytest.mark.parametrize("name", NAMES)
def test_who_wants_less_motion_gets_none_and_a_screen_reader_few_voices(name, instruments, new_page):
    view = show(new_page, instruments[name], 1100, reduced_motion="reduce")
    moves = "each => getComputedStyle(each).transitionDuration != '0s'"
    assert view.root.evaluate(f"root => [...root.querySelectorAll('*')].filter({moves}).length") == 0
    voices = "root => [...root.querySelectorAll('[aria-live], [role=status], [role=alert], output')]"
    assert view.root.evaluate(voices + ".filter(each => each.ariaLive != 'off').length") <= 6
    view.page.close()


def test_on_a_phone_no_number_of_an_axis_or_a_bar_lies_over_another_or_breaks(instruments, new_page):
    monitor, budget = (show(new_page, instruments[name], 390) for name in ("monitor", "budget"))
    for plot in monitor.root.locator(".monitor-panel > svg").all():
        words = [(text.text_content(), text.bounding_box()) for text in plot.locator("text").all()]
        for (one, here), (other, there) in combinations(words, 2):
            beside = min(here["x"] + here["width"], there["x"] + there["width"]) <= max(here["x"], there["x"])
            assert beside or abs(here["y"] - there["y"]) >= here["height"] / 2, (one, other)
    two_lines = "each => each.scrollHeight > each.clientHeight + 4"
    broken = f"root => [...root.querySelectorAll('.bars > span')].filter({two_lines}).map(each => each.textContent)"
    assert budget.root.evaluate(broken) == []
    monitor.page.close(), budget.page.close()


@pytest.mark.parametrize(("name", "curve"), [("explorer", ".explorer-curve"), ("monitor", ".monitor-panel > svg")])
def test_a_finger_on_a_curve_scrolls_the_page(name, curve, instruments, new_page):
    view = show(new_page, instruments[name], 390, has_touch=True)
    curve = view.root.locator(curve).first
    curve.evaluate("each => each.scrollIntoView({block: 'center'})")
    box, before = curve.bounding_box(), view.page.evaluate("scrollY")
    touch = partial(view.page.context.new_cdp_session(view.page).send, "Input.dispatchTouchEvent")
    down = [{"x": box["x"] + 60, "y": box["y"] + box["height"] / 2 - 20 * move} for move in range(11)]
    for kind, place in zip(("touchStart", *10 * ["touchMove"]), down, strict=True):
        touch({"type": kind, "touchPoints": [place]})
    touch({"type": "touchEnd", "touchPoints": []})
    view.page.wait_for_function(f"scrollY > {before} + 100")
    view.page.close()


def test_played_with_an_ablation_every_state_waits_for_its_answer(instruments, new_page):
    explorer = instruments["explorer"]
    view, start = show(new_page, explorer, 1100), explorer.step
    view.control("what if (W)").check()
    view.root.get_by_label("ablate spatial.1: as trained").click()
    view.settle()
    note = view.root.locator(".explorer-latency")
    answers, last = int(note.get_attribute("data-answer")), len(explorer.record.frames) - 1
    view.control("at").select_option("20")
    view.root.get_by_role("button", name="play").click()
    view.page.wait_for_function("last => document.querySelector('.explorer-time').value == last", arg=last)
    view.settle()
    assert int(note.get_attribute("data-answer")) - answers == last - start
    assert explorer.step == last  # and the kernel knows where it ended
    explorer.what_if, explorer.step, explorer.ablation = False, start, [{}]
    view.page.close()


@pytest.mark.parametrize("name", NAMES)
def test_a_newcomer_is_told_what_to_try_first(name, instruments, new_page):
    view = show(new_page, instruments[name], 1100)
    assert view.root.locator(".tw-hint").first.inner_text().startswith("Try first: ")
    view.page.close()

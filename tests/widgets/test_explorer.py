"""The explorer's Python side: what it sends, what it answers, and what it leaves behind."""

import base64
import gc
import json
import re
import weakref
import zlib
from dataclasses import replace
from io import BytesIO
from threading import Thread

import gymnasium
import numpy as np
import pytest
import torch
import traitlets
from ipywidgets import Widget
from PIL import Image
from torch import nn

from examples.small_vit import SmallViT
from territory import interpret, models, viz
from territory.agent.agent import Agent
from territory.errors import BadInput
from territory.widgets import AttentionExplorer
from territory.widgets.looks import on_one_thread
from territory.world.layout import Plane, Stat


@pytest.fixture
def explorer(replay, network):
    return AttentionExplorer(replay, network, step=4)


@pytest.fixture(scope="module")
def tokens():
    torch.manual_seed(1)
    return models.build("tokens").eval()


@pytest.fixture
def sent(explorer, monkeypatch):
    messages = []
    monkeypatch.setattr(explorer, "send", lambda content, buffers=None: messages.append((content, buffers)))
    return messages


def ask(explorer, message, buffers=()):
    """As the browser would."""
    explorer._handle_custom_msg(message, list(buffers))


def arrays(index, data):
    dtypes = {"u": np.uint8, "i": np.int32, "f": np.float32}
    found = {}
    for entry in index:
        dtype = np.dtype(f"<{entry['type']}")
        assert dtype.kind in dtypes
        size = int(np.prod(entry["shape"]))
        found[entry["name"]] = np.frombuffer(data, dtype, size, entry["at"]).reshape(entry["shape"])
    return found


def buffers_of(frame, **changes):
    parts = {
        "stats": frame.obs["global"],
        "owner": frame.owner,
        "city": frame.city,
        "density": frame.obs["map"][Plane.TROOPS],
    } | changes
    return [memoryview(np.ascontiguousarray(parts[name]).tobytes()) for name in ("stats", "owner", "city", "density")]


def test_the_page_gets_every_frame_and_all_that_the_network_computed_in_it(explorer):
    found, record = arrays(explorer.about["index"], zlib.decompress(explorer.game)), explorer.record
    frame = record.frames[7]
    assert (found["owner"][7] & 127 == frame.owner).all()
    assert ((found["owner"][7] & 128 > 0) == (frame.city > 0)).all()
    assert (found["density"][7][frame.owner] == frame.obs["map"][Plane.TROOPS]).all()
    assert (found["stats"][7] == frame.obs["global"]).all()
    assert (found["0.policy"] == record.probabilities).all() and (found["0.value"] == record.values).all()
    (layer,) = [each for each in explorer.about["networks"][0]["layers"] if each["name"] == "spatial.2"]
    weights = layer["low"] + found["0.spatial.2"] / 65535 * (layer["high"] - layer["low"])
    assert np.abs(weights - record.attention["spatial.2"]).max() < 1e-5  # so three decimals are right


def test_an_unchanged_question_gets_the_recorded_answer(explorer, sent):
    ask(explorer, {"id": 5, "ask": "imagine", "step": 4}, buffers_of(explorer.record.frames[4]))
    content, (data,) = sent[0]
    found = arrays(content["index"], data)
    assert content["re"] == 5 and "0%" in content["moved"]
    assert found["0.policy"] == pytest.approx(explorer.record.probabilities[4], abs=1e-5)
    assert found["0.spatial.1"] == pytest.approx(explorer.record.attention["spatial.1"][4].reshape(-1), abs=1e-5)


def test_what_if_runs_the_real_network_on_moved_statistics_and_painted_land(explorer, network, sent):
    frame = explorer.record.frames[4]
    stats, owner = frame.obs["global"].copy(), frame.owner.copy()
    stats[Stat.RANK], owner[:32] = 1, 1
    ask(explorer, {"id": 1, "ask": "imagine", "step": 4}, buffers_of(frame, stats=stats, owner=owner))
    imagined = interpret.imagine(frame, stats, owner, density=frame.obs["map"][Plane.TROOPS])
    with torch.no_grad():
        inputs = (torch.from_numpy(imagined.obs[key][None]) for key in ("map", "global"))
        _, value = network(*inputs)
    found = arrays(sent[0][0]["index"], sent[0][1][0])
    assert found["0.value"][0] == pytest.approx(value.item(), abs=1e-6)
    assert abs(value.item() - explorer.record.values[4]) > 1e-4
    imagined = explorer.static_png()
    explorer.step = 5
    explorer.step = 4
    assert explorer.static_png() != imagined  # another step, and what was imagined is forgotten


def test_two_networks_stand_side_by_side_on_the_same_states(replay, network, tokens):
    explorer = AttentionExplorer(replay, network, other=tokens)
    assert [each["name"] for each in explorer.about["networks"]] == ["attention", "tokens"]
    assert explorer.layers == ["spatial.1", "cross.map_to_stats"]
    found = arrays(explorer.about["index"], zlib.decompress(explorer.game))
    assert found["1.cross.stats_to_map"].shape == (13, 2, 16, 16)
    assert not (found["0.policy"] == found["1.policy"]).all()
    assert Image.open(BytesIO(explorer.static_png())).size == (1200, 920)
    assert AttentionExplorer(replay, tokens, other=tokens).names == ["tokens 1", "tokens 2"]
    assert AttentionExplorer(replay, tokens, other=tokens, names=("a", "b")).names == ["a", "b"]
    with pytest.raises(BadInput, match=r"a name for each of 2 networks; got \('a',\)"):
        AttentionExplorer(replay, tokens, other=tokens, names=("a",))


def test_a_network_without_attention_shows_the_game_and_says_so():
    from territory.world import WorldParams
    from territory.world.replay import record

    game = record(lambda obs, mask: 80, WorldParams(num_bots=1, max_steps=2), seed=1)
    explorer = AttentionExplorer(game, models.build("baseline"))
    assert explorer.layers == [""] and explorer.about["networks"][0]["layers"] == []
    note = explorer.about["networks"][0]["note"]
    assert (
        "No attention that can be read" in note
        and "AttentionExplorer(game, network, attention={'name': module})" in note
    )
    assert explorer.static_png()


def test_an_agent_is_as_good_as_its_network(replay, network, explorer):
    assert AttentionExplorer(replay, Agent(network), step=4).game == explorer.game


def test_a_live_game_is_caught_up_with_and_another_one_begun(network):
    env = gymnasium.make("Territory-v0", height=64, width=64, num_bots=2, max_steps=20)
    env.reset(seed=3)
    for _ in range(3):
        env.step(80)
    explorer = AttentionExplorer(env.unwrapped, network)
    assert explorer.words["live"] and len(explorer.record.frames) == 4
    explorer.catch_up()
    assert explorer.step == 1  # nothing new: nothing moves
    for _ in range(2):
        env.step(80)
    explorer.catch_up()
    assert explorer.step == 5 and [frame.action for frame in explorer.record.frames] == [80] * 5 + [-1]
    whole = interpret.capture_replay(network, env.unwrapped.replay())
    assert explorer.record.values == pytest.approx(whole.values, abs=1e-5)
    assert explorer.record.attention["spatial.3"] == pytest.approx(whole.attention["spatial.3"], abs=1e-5)
    env.reset(seed=4)
    explorer.catch_up()
    assert explorer.step == 0 and len(explorer.record.frames) == 1


def test_the_standalone_page_holds_the_game_and_nothing_from_a_network(explorer, tmp_path):
    explorer.save_html(tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text("utf-8")
    assert not re.findall(r"(?:src|href)\s*=|@import|url\(|\bimport\b[ (]|fetch\(", page)
    assert "JavaScript, which is switched off" in re.search(r"<noscript>(.*)</noscript>", page)[1]
    assert {link for link in re.findall(r"https?://[^\s\"']+", page)} == {"http://www.w3.org/2000/svg"}  # a name only
    state = json.loads(re.search(r'id="state">(.*?)</script>', page, re.S)[1])
    assert state["step"] == 4 and state["words"]["standalone"] and not state["what_if"]
    assert base64.b64decode(re.search(r'id="game">(.*?)</script>', page, re.S)[1]) == explorer.game


def test_a_copied_state_comes_from_a_text_or_a_file_and_is_nothing_else(explorer, tmp_path):
    (tmp_path / "state.txt").write_text("notes")
    (tmp_path / "long.txt").write_bytes(b"territory-state:" + bytes(1_000_000))
    for state, said in (
        ("notes", "expected a copied state"),
        (3, "expected a copied state"),
        (tmp_path / "state.txt", "expected a copied state"),
        (tmp_path / "long.txt", "at most 100,000 bytes"),
        (tmp_path, "got a folder"),
        ("gone.txt", "no copied state at"),
    ):
        with pytest.raises(BadInput, match=said):
            explorer.open_state(state)
    with pytest.raises(BadInput, match="is a folder"):
        explorer.save_html(tmp_path)


def test_exported_pages_find_a_picture_beside_the_widget(explorer):
    bundle = explorer._repr_mimebundle_()
    bundle = bundle[0] if isinstance(bundle, tuple) else bundle
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert Image.open(BytesIO(base64.b64decode(bundle["image/png"]))).size == (1200, 460)


@pytest.mark.parametrize(
    "change", [{"step": 8}, {"palette": "viridis"}, {"strength": 0.2}, {"layers": ["spatial.3"]}, {"scale": "moment"}]
)
def test_the_picture_is_the_same_every_time_and_follows_the_controls(change, explorer, tmp_path):
    for name in ("a.png", "b.png"):
        explorer.save_png(tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    explorer.set_trait(*change.popitem())
    assert explorer.static_png() != (tmp_path / "a.png").read_bytes()


def test_the_picture_shows_the_chosen_statistic_of_a_cross_attention(replay, tokens):
    explorer = AttentionExplorer(replay, tokens)
    for layer in ("cross.map_to_stats", "cross.stats_to_map"):
        explorer.layers = [layer]
        pictures = set()
        for stat, head in ((0, -1), (9, -1), (9, 0)):
            explorer.stat, explorer.heads = stat, [head]
            pictures.add(explorer.static_png())
        assert len(pictures) == 3


def test_the_buttons_send_files_of_the_view_that_the_browser_shows(explorer, sent):
    ask(explorer, {"id": 1, "ask": "picture", "set": {"step": 6, "palette": "gray"}})
    ask(explorer, {"id": 2, "ask": "page"})
    assert sent[0][0] == {"re": 1, "file": "explorer-step-6.png"} and sent[0][1] == [explorer.static_png()]
    assert sent[1][0] == {"re": 2, "file": "explorer.html"} and sent[1][1][0].startswith(b"<!doctype html>")
    assert (explorer.step, explorer.palette) == (6, "gray")


@pytest.mark.parametrize("choice", ["layers", "heads", "tokens"])
def test_a_choice_is_one_for_each_network(choice, explorer):
    was = getattr(explorer, choice)
    for wrong in ([], [*was, *was]):
        with pytest.raises(BadInput, match=f"{choice} has one entry for each of 1 networks; got"):
            setattr(explorer, choice, wrong)
    assert getattr(explorer, choice) == was and explorer.static_png()


def test_what_does_not_exist_is_refused(replay, network, explorer):
    with pytest.raises(BadInput, match="from 0 to 12, got 13"):
        explorer.step = 13
    with pytest.raises(BadInput, match=r"no layer called spatial.9; there is spatial.1, "):
        explorer.layers = ["spatial.9"]
    with pytest.raises(BadInput, match="strength must be a number from 0 to 1, got nan"):
        explorer.strength = float("nan")
    with pytest.raises(BadInput, match="step must be a whole number of at least 0, got True"):
        explorer.step = True
    with pytest.raises(traitlets.TraitError):
        explorer.palette = "jet"
    assert viz.PALETTES[0] == explorer.palette


def test_a_question_that_cannot_be_answered_gets_words_and_the_next_one_its_answer(explorer, sent):
    ask(explorer, {"id": 1, "ask": "imagine", "step": 4, "ablation": [{"spatial.9": "zero"}]})
    ask(explorer, {"id": 2, "ask": "imagine", "step": 99})
    ask(explorer, {"id": 3, "ask": "imagine"})  # no step at all: not a bad input but a fault
    ask(explorer, {"id": 4, "ask": "sing"})
    ask(explorer, {"id": 5, "ask": "imagine", "step": 4})
    errors = [content.get("error", "") for content, _ in sent]
    assert [content["re"] for content, _ in sent] == [1, 2, 3, 4, 5]
    assert "got 'zero' for 'spatial.9'" in errors[0] and "from 0 to 12, got 99" in errors[1]
    assert errors[2].startswith("TypeError") and "Traceback" in sent[2][0]["details"]
    assert "got 'sing'" in errors[3] and errors[4] == ""


@pytest.mark.parametrize(
    ("ablation", "weights"),
    [({"spatial.1": "zero"}, 0), ({"spatial.1": "uniform"}, None), ({"cross.map_to_stats": "uniform"}, None)],
)
def test_an_ablated_layer_answers_what_if_as_an_intervention_does(ablation, weights, explorer, network, sent):
    ask(explorer, {"id": 1, "ask": "imagine", "step": 4, "ablation": [ablation]})
    found = arrays(sent[0][0]["index"], sent[0][1][0])
    (name, how), frame = *ablation.items(), explorer.record.frames[4]
    change = {"zero": 0.0, "uniform": interpret.cell_mean if name.startswith("spatial") else interpret.uniform}[how]
    with interpret.intervene(network, {name: change}):
        wanted = interpret.capture_frames(network, (frame,))
    assert found["0.value"][0] == pytest.approx(wanted.values[0], abs=1e-6)
    assert found[f"0.{name}"] == pytest.approx(wanted.attention[name][0].reshape(-1), abs=1e-6)
    assert weights is None or not found["0.spatial.1"].any()


def test_a_head_is_ablated_alone(replay, tokens):
    explorer, said = AttentionExplorer(replay, tokens, step=4), []
    explorer.send = lambda content, buffers=None: said.append((content, buffers))
    ask(explorer, {"id": 1, "ask": "imagine", "step": 4, "ablation": [{"cross.stats_to_map 1": "zero"}]})
    found = arrays(said[0][0]["index"], said[0][1][0])["0.cross.stats_to_map"].reshape(2, 16, 16)
    assert not found[1].any()
    assert found[0] == pytest.approx(explorer.record.attention["cross.stats_to_map"][4][0], abs=1e-6)


@pytest.mark.parametrize("method", ["occlusion", "integrated gradients", "grad-cam", "own land"])
def test_relevance_is_that_of_the_instruments(method, explorer, network, sent):
    ask(explorer, {"id": 1, "ask": "relevance", "network": 0, "method": method, "step": 4})
    ((content, (data,)),) = sent
    wanted = interpret.relevance_maps(network, (explorer.record.frames[4],))[method][0]
    assert np.frombuffer(data, "<f4").reshape(content["size"]) == pytest.approx(wanted, abs=1e-5)
    explorer.layers = [method]
    assert explorer.static_png()


def test_an_agents_own_decoding_is_what_is_shown(replay, tokens):
    plain, turned = Agent(tokens), Agent(tokens).with_decoding(views=8)
    shown = AttentionExplorer(replay, plain, other=turned)
    frames = shown.record.frames
    obs = {name: np.stack([frame.obs[name] for frame in frames]) for name in ("map", "global")}
    wanted, values = turned.predict(obs, np.stack([frame.mask for frame in frames]))
    assert shown.records[1].probabilities == pytest.approx(wanted, abs=1e-5)
    assert shown.records[1].values == pytest.approx(values, abs=1e-5)
    assert np.abs(wanted - shown.records[0].probabilities).max() > 1e-4


def test_a_tile_is_chosen_at_the_start_and_it_is_the_agents(explorer):
    assert explorer.record.frames[4].owner[tuple(explorer.cell)] == 1


@pytest.mark.parametrize(
    ("name", "value"), [("cell", [10**9, -5]), ("cell", [1]), ("heads", [99]), ("heads", [-2]), ("layers", ["x"])]
)
def test_what_the_game_has_not_got_cannot_be_set(explorer, name, value):
    with pytest.raises(BadInput, match=r"got|there is"):
        explorer.set_trait(name, value)


def test_closing_lets_go_of_the_game_and_of_every_comm(replay, network):
    before = len(Widget.get_manager_state()["state"])
    explorer = AttentionExplorer(replay, network)
    held = weakref.ref(explorer.record)
    explorer.close()
    gc.collect()
    assert held() is None and len(Widget.get_manager_state()["state"]) == before and explorer.game == b""


class SmallTransformer(nn.Module):
    """A network that this package does not know: a transformer over 16 x 16 tiles a token, torch's own layers."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Conv2d(5, 16, 16, stride=16)
        self.layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
        self.heads = nn.Linear(16 + 16, 91)

    def forward(self, obs_map, obs_global):
        tokens = self.layer(self.embed(obs_map.float() / 255).flatten(2).transpose(1, 2))
        out = self.heads(torch.cat([tokens.mean(dim=1), obs_global], dim=1))
        return out[:, :90], out[:, 90]


def test_the_cell_to_cell_attention_of_somebodys_own_network_is_shown_and_ablated(replay):
    torch.manual_seed(0)
    network, said = SmallTransformer().eval(), []
    explorer = AttentionExplorer(replay, network, step=4)
    explorer.send = lambda content, buffers=None: said.append((content, buffers))
    (layer,) = explorer.about["networks"][0]["layers"]
    assert (layer["queries"], layer["keys"], layer["grid"], layer["heads"]) == ("cells", "cells", (4, 4), 2)
    assert explorer.names == ["SmallTransformer"] and explorer.static_png()
    ask(explorer, {"id": 1, "ask": "imagine", "step": 4, "ablation": [{f"{layer['name']} 1": "uniform"}]})
    content, (data,) = said[0]
    found = arrays(content["index"], data)
    weights = found[f"0.{layer['name']}"].reshape(2, 16, 16)
    assert weights[1] == pytest.approx(np.full((16, 16), 1 / 16), abs=1e-6)
    assert np.abs(found["0.value"][0] - explorer.record.values[4]) > 1e-6
    ask(explorer, {"id": 2, "ask": "relevance", "network": 0, "method": "occlusion", "step": 4})
    assert said[1][0]["size"] == (4, 4)


def test_a_picture_shows_the_relevance_of_the_network_as_it_is_ablated(replay, tokens, monkeypatch):
    explorer, said, seen = AttentionExplorer(replay, tokens, step=4), [], []
    explorer.send = lambda content, buffers=None: said.append((content, buffers))
    draw = viz.seen_figure
    monkeypatch.setattr(viz, "seen_figure", lambda views: seen.append(views[0]) or draw(views))
    explorer.layers, cut = ["occlusion"], [{"cross.map_to_stats": "uniform", "cross.stats_to_map": "zero"}]
    explorer.static_png()
    asked = {"step": 4, "ablation": cut}
    ask(explorer, {"id": 1, "ask": "relevance", "network": 0, "method": "occlusion"} | asked)
    ask(explorer, {"id": 2, "ask": "imagine", "set": {"what_if": True, "ablation": cut}} | asked)
    ask(explorer, {"id": 3, "ask": "picture"})
    on_screen = np.frombuffer(said[0][1][0], "<f4").reshape(said[0][0]["size"])
    assert seen[1].overlay == pytest.approx(on_screen, abs=1e-6)
    assert np.abs(seen[0].overlay - on_screen).max() > 1e-4


class Shares(nn.Module):
    """Each cell's shares of all cells, by sigmoids instead of a softmax."""

    def forward(self, queries, keys):
        scores = (queries @ keys.transpose(-2, -1)).sigmoid()
        return scores / scores.sum(-1, keepdim=True)


class OfSigmoids(SmallTransformer):
    """Attention in a way of its own."""

    def __init__(self):
        super().__init__()
        self.layer, self.shares = nn.Identity(), Shares()

    def forward(self, obs_map, obs_global):
        tokens = self.embed(obs_map.float() / 255).flatten(2).transpose(1, 2)
        self.tokens = self.shares(tokens, tokens) @ tokens
        out = self.heads(torch.cat([self.tokens[:, 0], obs_global], dim=1))
        return out[:, :90], out[:, 90]


def test_attention_of_a_way_of_its_own_is_shown_and_ablated_once_it_is_named(replay):
    torch.manual_seed(0)
    network, said = OfSigmoids().eval(), []
    explorer = AttentionExplorer(replay, network, step=4, other=models.build("tokens"), attention={"own": "shares"})
    explorer.send = lambda content, buffers=None: said.append((content, buffers))
    assert [layer["name"] for layer in explorer.about["networks"][0]["layers"]] == ["own"]
    assert explorer.layers == ["own", "cross.map_to_stats"]
    ask(explorer, {"id": 1, "ask": "imagine", "step": 4, "ablation": [{"own": "uniform"}, {}]})
    content, (data,) = said[0]
    assert arrays(content["index"], data)["0.own"] == pytest.approx(np.full(16 * 16, 1 / 16), abs=1e-6)
    assert (network.tokens - network.tokens.mean(1, keepdim=True)).abs().max() < 1e-5
    ask(explorer, {"id": 2, "ask": "relevance", "network": 0, "method": "occlusion", "ablation": [{"own": "zero"}, {}]}
        | {"step": 4})  # fmt: skip
    assert said[1][0]["size"] == (4, 4)


class Pooled(SmallTransformer):
    """Three learned queries read the cells."""

    def __init__(self):
        super().__init__()
        self.queries = nn.Parameter(torch.randn(1, 3, 16))
        self.layer = nn.MultiheadAttention(16, 2, batch_first=True)

    def forward(self, obs_map, obs_global):
        cells = self.embed(obs_map.float() / 255).flatten(2).transpose(1, 2)
        read, _ = self.layer(self.queries.expand(len(cells), -1, -1), cells, cells)
        out = self.heads(torch.cat([read.mean(dim=1), obs_global], dim=1))
        return out[:, :90], out[:, 90]


def test_what_learned_queries_and_a_class_token_read_can_be_chosen(replay):
    torch.manual_seed(0)
    explorer = AttentionExplorer(replay, Pooled(), step=4, other=SmallViT(side=64))
    (layer,), (block, _) = (network["layers"] for network in explorer.about["networks"])
    assert (layer["queries"], layer["keys"], layer["others"]) == ("other", "cells", 3)
    assert (block["queries"], block["keys"], block["others"]) == ("cells", "cells", 1)
    pictures = {explorer.static_png()}
    for tokens in ([0, -1], [2, -1], [2, 0]):
        explorer.tokens = tokens
        pictures.add(explorer.static_png())
    assert len(pictures) == 4
    with pytest.raises(BadInput, match="at least -1, got -2"):
        explorer.tokens = [-2, 0]


class FiveLatents(Pooled):
    """Five learned queries attend to each other: as many as 2 x 2 cells behind a class token."""

    def __init__(self):
        super().__init__()
        self.queries, self.heads = nn.Parameter(torch.randn(5, 16)), nn.Linear(32, 91)

    def forward(self, obs_map, obs_global):
        given = self.queries + obs_global[:, None]
        out = self.heads(torch.cat([self.layer(given, given, given)[0].mean(dim=1), obs_global], dim=1))
        return out[:, :90], out[:, 90]


def test_what_tokens_are_taken_for_is_said_and_can_be_denied(replay):
    torch.manual_seed(0)
    model = FiveLatents()
    (layer,) = AttentionExplorer(replay, model, step=4).about["networks"][0]["layers"]
    assert layer["queries"] == "cells" and layer["guess"] == (
        "Its 5 tokens are taken for 2 x 2 cells behind a class token; if they are something else: no_cells=['layer']."
    )
    explorer = AttentionExplorer(replay, model, step=4, no_cells=["layer"])
    (layer,) = explorer.about["networks"][0]["layers"]
    assert (layer["queries"], layer["keys"], layer["grid"], layer["guess"]) == ("other", "other", None, "")
    explorer.static_png()
    for wrong in ("layer", ["latents"]):
        with pytest.raises(BadInput, match=r"expected a list of names of captured attention; got .*; there is layer"):
            AttentionExplorer(replay, model, no_cells=wrong)


class Mapped(SmallTransformer):
    """Each board by itself, under vmap; a second attention, if there is one, as it is written."""

    def __init__(self, plainly=None):
        super().__init__()
        self.plainly = plainly

    def forward(self, obs_map, obs_global):
        cells = self.embed(obs_map.float() / 255).flatten(2).transpose(1, 2)
        read = torch.vmap(lambda x: (x @ x.mT).softmax(-1) @ x)(cells)
        read = read if self.plainly is None else self.plainly(read, read, read)[0]
        out = self.heads(torch.cat([read.mean(dim=1), obs_global], dim=1))
        return out[:, :90], out[:, 90]


def test_attention_that_cannot_be_read_is_told_from_none(replay):
    torch.manual_seed(0)
    explorer = AttentionExplorer(replay, Mapped(), step=4)
    note = explorer.about["networks"][0]["note"]
    assert note.startswith("No attention that can be read") and "Seen and not read: Mapped (vmap or another" in note


def test_what_cannot_be_read_is_told_beside_what_can_be(replay):
    torch.manual_seed(0)
    explorer = AttentionExplorer(replay, Mapped(nn.MultiheadAttention(16, 2, batch_first=True)), step=4)
    (network,) = explorer.about["networks"]
    assert [layer["name"] for layer in network["layers"]] == ["plainly"]
    assert network["note"].startswith("Seen and not read: Mapped (vmap or another transform of functions). Write it")


def test_a_class_token_is_not_sent_as_a_cell(replay):
    """The page counts a layer's cells from its first number on."""
    torch.manual_seed(0)
    explorer, said = AttentionExplorer(replay, SmallViT(side=64), step=4), []
    explorer.send = lambda content, buffers=None: said.append((content, buffers))
    (layer, _) = explorer.about["networks"][0]["layers"]
    weights = explorer.record.attention[layer["name"]][4][:, :, 1:]  # but among the queries, the first of all
    found = arrays(explorer.about["index"], zlib.decompress(explorer.game))[f"0.{layer['name']}"]
    assert layer["low"] + found[4] / 65535 * (layer["high"] - layer["low"]) == pytest.approx(weights, abs=1e-5)
    ask(explorer, {"id": 1, "ask": "imagine", "step": 4})
    content, (data,) = said[0]
    assert arrays(content["index"], data)[f"0.{layer['name']}"] == pytest.approx(weights.flatten(), abs=1e-5)


class Odd(nn.Module):
    """A network with so many heads, or with none; `value` fills its weights if given."""

    def __init__(self, heads, value=None, actions=90):
        super().__init__()
        torch.manual_seed(0)
        self.cut = nn.Conv2d(5, 64, 16, 16)
        self.attend = nn.MultiheadAttention(64, heads, batch_first=True) if heads else None
        self.actor, self.critic = nn.Linear(64, actions), nn.Linear(64, 1)
        if value is not None:
            for weights in self.parameters():
                weights.data.fill_(value)

    def forward(self, map_planes, _stats):
        cells = self.cut(map_planes.float() / 255).flatten(2).transpose(1, 2)
        if self.attend is not None:
            cells = self.attend(cells, cells, cells)[0]
        features = cells.mean(1)
        return self.actor(features), self.critic(features).squeeze(-1)


@pytest.mark.parametrize("heads", [0, 1, 64])
@pytest.mark.parametrize("steps", [0, 1])
def test_odd_networks_and_games_of_a_moment_are_shown(heads, steps, replay):
    explorer = AttentionExplorer(replace(replay, actions=replay.actions[:steps], digest=""), Odd(heads))
    assert len(explorer.record.frames) == steps + 1
    assert [layer["heads"] for layer in explorer.about["networks"][0]["layers"]] == ([heads] if heads else [])
    assert explorer.static_png().startswith(b"\x89PNG") and "<html" in explorer.page()
    explorer.close()


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_network_whose_numbers_are_none_is_refused(value, replay):
    with pytest.raises(BadInput, match="policy, value, attend came out as NaN or infinity"):
        AttentionExplorer(replay, Odd(4, value))


def test_a_network_that_breaks_later_is_said_and_the_line_recovers(replay):
    network = Odd(2)
    explorer, said = AttentionExplorer(replay, network), []
    explorer.send = lambda content, buffers=None: said.append(content)
    sound = network.critic.bias.data.clone()
    network.critic.bias.data.fill_(float("nan"))
    ask(explorer, {"id": 1, "ask": "imagine", "step": 1})
    network.critic.bias.data.copy_(sound)
    ask(explorer, {"id": 2, "ask": "imagine", "step": 1})
    assert "its value came out as NaN" in said[0]["error"] and "moved" in said[1]


def test_what_is_no_game_no_step_and_no_policy_is_refused(replay, network):
    for game in (None, "game.npz", 3):
        with pytest.raises(BadInput, match="expected a Replay, or a live game"):
            AttentionExplorer(game, network)
    for step in ("3", 2.0, -1, 10**9, True):
        with pytest.raises(BadInput, match="step must be a whole number from 0 to 12"):
            AttentionExplorer(replay, network, step=step)
    with pytest.raises(BadInput, match=r"expected logits \(13, 90\) .* got \(13, 80\)"):
        AttentionExplorer(replay, Odd(2, actions=80))
    for says in (dict, lambda answers: answers["logits"], lambda answers: (*answers.values(), None)):
        odd = Odd(2)
        odd.forward = lambda *planes, says=says: says({"logits": torch.zeros(13, 90), "value": torch.zeros(13)})
        with pytest.raises(
            BadInput, match=r"two dense tensors of floats; got (dict|torch.float32)( and .* NoneType)?$"
        ):
            AttentionExplorer(replay, odd)
    for names in (3, ["one", "two"]):
        with pytest.raises(BadInput, match="expected a name for each of 1 networks; got"):
            AttentionExplorer(replay, Odd(2), names=names)


def test_one_state_is_asked_about_on_one_thread_and_the_threads_are_given_back(replay, explorer, monkeypatch):
    """Two threads that wait for each other under a load take many times as long."""
    used, forward = [], explorer.models[0].forward
    monkeypatch.setattr(explorer.models[0], "forward", lambda *x: used.append(torch.get_num_threads()) or forward(*x))
    monkeypatch.setattr(explorer, "send", lambda content, buffers=None: None)
    torch.set_num_threads(2)
    ask(explorer, {"ask": "imagine", "id": 1, "step": 4, "ablation": [{}]})
    assert used == [1] and torch.get_num_threads() == 2


def test_a_thread_that_begins_while_a_state_is_asked_about_has_as_many_as_ever():
    """One thread's training would go on with one core for ever if it began in such a moment."""
    torch.set_num_threads(2)
    begun = []
    with on_one_thread():
        other = Thread(target=lambda: begun.append(torch.get_num_threads()))
        other.start()
        other.join()
        assert torch.get_num_threads() == 1
    assert begun == [2] and torch.get_num_threads() == 2


def test_a_name_may_be_anything_that_can_be_written(replay, network):
    nasty = '<b>"</script><img src=x onerror=alert(1)>&'
    explorer = AttentionExplorer(replay, network, names=nasty)
    assert explorer.names == [nasty] and "<img" not in explorer.page()
    assert AttentionExplorer(replay, network, names=[3]).names == ["3"]
    assert AttentionExplorer(replay, network, names=[r"cheap $\frac{ $"]).static_png()  # no formula


def test_five_explorers_at_once_answer_each_for_itself(replay):
    explorers = [AttentionExplorer(replay, Odd(heads)) for heads in (0, 1, 2, 4, 8)]
    for number, explorer in enumerate(explorers):
        said = []
        explorer.send = lambda content, buffers=None, said=said: said.append(content)
        ask(explorer, {"id": number, "ask": "imagine", "step": 2})
        assert said[0]["re"] == number and said[0]["moved"].endswith("Odd: 0%")

"""The site's explorer pages, in which pretrained networks answer what-if questions without a kernel.

Each page is the explorer's own saved page, with a network beside it as ONNX and onnxruntime-web to run it. What answers
lies in docs/site/live.
"""

import hashlib
import json
import shutil
import subprocess
import tarfile
from pathlib import Path

import bundle

import territory
from territory.agent import find_checkpoint, pretrained
from territory.interpret.onnx import export_onnx
from territory.widgets import AttentionExplorer
from territory.world import Replay, WorldParams
from territory.world.actions import FIRST_WAIT, NUM_ACTIONS
from territory.world.replay import record

ROOT = Path(__file__).resolve().parents[1]
PARTS = ROOT / "docs" / "site" / "live"
CACHE = ROOT / "build" / "live"
RUNTIME = "onnxruntime-web@1.30.0"
RUNTIME_FILES = ("ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm")
WORKING = ("occlusion", "own land")  # relevance that needs no gradients
SEED = 1_000_000  # of the game that is shown: a held-out map, as in notebook 05

HEAD = """<header class="live-head">
<nav aria-label="site"><a href="../index.html">Territory</a> <a href="index.html">Explorer</a> {others}</nav>
<p class="live-title">What does {name} attend to?</p>
<p>A game that {name} plays. Scrub it; then tick <em>what if</em>, move a statistic, paint land or silence a head: the
network runs in this page and answers at once. The first question loads {size:.0f} MB.</p>
<p id="live-note"></p>
</header>
"""


def write_explorers(folder: Path) -> None:
    """A page for each pretrained network, the networks and the runtime, all in one folder."""
    folder.mkdir(parents=True)
    names = pretrained()
    for file in runtime():
        shutil.copy(file, folder / file.name)
    shutil.copy(PARTS / "live.js", folder / "live.js")
    for name in names:
        print(f"explorer: {name} ...", flush=True)
        file, about = network(name)
        shutil.copy(file, folder / f"{name}.onnx")
        size = sum((folder / each).stat().st_size for each in (*RUNTIME_FILES, f"{name}.onnx")) / 1e6
        others = " ".join(f'<a href="{each}.html">{each}</a>' for each in names if each != name)
        head = HEAD.format(name=name, others=others, size=size)
        (folder / f"{name}.html").write_text(explorer_page(name, about["slots"], head), "utf-8")


def runtime() -> list[Path]:
    """onnxruntime-web's files, from npm; kept in build/."""
    place = CACHE / RUNTIME
    if not all((place / name).is_file() for name in RUNTIME_FILES):
        place.mkdir(parents=True, exist_ok=True)
        subprocess.run([*bundle.npm(), "pack", RUNTIME, "--silent"], cwd=place, check=True, stdout=subprocess.DEVNULL)
        (packed,) = place.glob("*.tgz")
        with tarfile.open(packed) as file:
            for name in RUNTIME_FILES:
                (place / name).write_bytes(file.extractfile(f"package/dist/{name}").read())
        packed.unlink()
    return [place / name for name in RUNTIME_FILES]


def network(name: str) -> tuple[Path, dict]:
    """A pretrained network as ONNX, and what its metadata says; kept in build/ until its checkpoint changes."""
    weights = find_checkpoint(name).read_bytes() + (ROOT / "territory" / "interpret" / "onnx.py").read_bytes()
    file = CACHE / f"{name}-{hashlib.sha256(weights).hexdigest()[:16]}.onnx"
    told = file.with_suffix(".json")
    if not told.is_file():
        file.parent.mkdir(parents=True, exist_ok=True)
        told.write_text(json.dumps(export_onnx(territory.load_agent(name), file, name)), "utf-8")
    return file, json.loads(told.read_text("utf-8"))


def explorer_page(name: str, slots: list[str], head: str) -> str:
    """The explorer's saved page with what answers it."""
    agent = territory.load_agent(name)
    game = record(agent, WorldParams(num_bots=5), seed=SEED)
    explorer = AttentionExplorer(game, agent, names=(name,))
    explorer.words = explorer.words | {
        "relevance": [each for each in explorer.words["relevance"] if each[0] in WORKING]
    }
    about = json.dumps(_about(game, name, slots)).replace("<", "\\u003c")
    style = f"<style>\n{(PARTS / 'page.css').read_text('utf-8')}</style>\n</head>"
    start = f'<script type="application/json" id="live">{about}</script>\n'
    start += f'<script>\n{(PARTS / "start.js").read_text("utf-8")}</script>\n<script type="module">'
    page = explorer.page()
    for place, with_what in (
        ("<title>Attention over a game</title>", f"<title>What does {name} attend to? — Territory</title>"),
        ("</head>", style),
        ("<main>", f"{head}<main>"),
        ('<script type="module">', start),
    ):
        assert page.count(place) == 1, f"the explorer's page changed: {place} stands there {page.count(place)} times"
        page = page.replace(place, with_what)
    return page


def _about(game: Replay, name: str, slots: list[str]) -> dict:
    """What the page needs to know besides: the network's file, and which waits each state allows, as bits."""
    frames = list(game.play())
    rows, columns = frames[0].owner.shape
    waits = [sum(int(allowed) << i for i, allowed in enumerate(frame.mask[FIRST_WAIT:NUM_ACTIONS])) for frame in frames]
    return {
        "networks": [{"file": f"{name}.onnx", "slots": slots}],
        "rows": rows,
        "columns": columns,
        "waits": waits,
    }

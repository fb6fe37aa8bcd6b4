"""The built website: its pages, its links, how heavy it is and how fast its networks answer.

``python -m tests.helpers.website site`` prints the figures of docs/website.md.
"""

import argparse
import functools
import gzip
import http.server
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlparse

import numpy as np
from bs4 import BeautifulSoup
from playwright.sync_api import Page

import territory
from territory.agent import pretrained
from territory.interpret import imagine
from territory.widgets.looks import look
from territory.world import WorldParams
from territory.world.replay import record
from tests.helpers.lab_browser import browser_page
from tests.helpers.live_page import ask, opened

ROOT = Path(__file__).resolve().parents[2]
QUESTIONS = 100


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@contextmanager
def served(site: Path) -> Iterator[str]:
    """The address of the site, served on this machine."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()


def pages_of(site: Path) -> dict[str, BeautifulSoup]:
    """Each page by its place in the site, parsed; the theme's own templates are none."""
    found = [path for path in sorted(site.rglob("*.html")) if "_static" not in path.parts]
    return {path.relative_to(site).as_posix(): BeautifulSoup(path.read_text("utf-8"), "html.parser") for path in found}


def crawl(pages: dict[str, BeautifulSoup], site: Path) -> tuple[int, list[str]]:
    """How many links, pictures, styles, scripts and frames of the site itself there are; those that lead nowhere."""
    broken, count = [], 0
    ids = {name: {each["id"] for each in page.select("[id]")} for name, page in pages.items()}
    for name, page in pages.items():
        for link in page.select("a[href], link[href], img[src], script[src], iframe[src]"):
            address = link.get("href") or link.get("src")
            if urlparse(address).scheme:
                continue
            count += 1
            path, anchor = urldefrag(address)
            target = (site / name).parent.joinpath(unquote(path.partition("?")[0])).resolve() if path else site / name
            place = target.relative_to(site.resolve()).as_posix() if path else name
            if not target.is_file() or (anchor and place in ids and unquote(anchor) not in ids[place]):
                broken.append(f"{name}: {address}")
    return count, broken


def print_sizes(site: Path) -> None:
    """Both distributions, built now, and the site."""
    with tempfile.TemporaryDirectory() as folder:
        build = [sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, str(ROOT)]
        subprocess.run(build, check=True, capture_output=True)
        for path in sorted(Path(folder).iterdir()):
            print(f"{path.name}: {_megabytes(path.stat().st_size)}")
    files = [path for path in site.rglob("*") if path.is_file()]
    for name, some in (("site", files), ("of it the explorers", [f for f in files if site / "explorer" in f.parents])):
        print(f"{name}: {_megabytes(sum(path.stat().st_size for path in some))} in {len(some)} files")


def print_page(page: Page, site: Path, address: str, name: str) -> None:
    """What a browser loads to show a page, as it is and compressed as most hosts send it."""
    asked = set()

    def listen(request):
        asked.add(request.url.partition("?")[0])

    page.on("request", listen)
    page.goto(address + name, wait_until="networkidle")
    page.remove_listener("request", listen)
    files = [site / url.removeprefix(address) for url in asked if url.startswith(address)]
    bodies = [path.read_bytes() for path in files if path.is_file()]
    sent = sum(min(len(body), len(gzip.compress(body))) for body in bodies)
    print(f"{name}: {len(bodies)} files, {_megabytes(sum(map(len, bodies)))}, compressed {_megabytes(sent)}")


def print_network(page: Page, address: str, name: str) -> None:
    """How soon and how fast a network answers in the page, and how far from Python's its answers are."""
    agent = territory.load_agent(name)
    frames = list(record(agent, WorldParams(num_bots=5), seed=1_000_000).play())
    opened(page, f"{address}explorer/{name}.html")
    random, took, apart = np.random.default_rng(0), [], {"policy": 0.0, "value": 0.0, "attention": 0.0}
    for _ in range(QUESTIONS):
        frame = frames[random.integers(len(frames))]
        stats = random.uniform(-1, 1, frame.obs["global"].shape).astype("<f4")
        density = random.integers(0, 256, frame.owner.shape).astype(np.uint8)
        city = np.zeros_like(frame.owner)
        question = {"ask": "imagine", "step": frame.step, "ablation": [{}]}
        said, found = ask(page, question, stats, frame.owner, city, density)
        took.append(said["took"])
        answer = look(agent, (imagine(frame, stats, frame.owner, city, density),))
        expected = {"policy": answer.probabilities, "value": answer.values, **answer.attention}
        for key, values in expected.items():
            kind = key if key in apart else "attention"
            apart[kind] = max(apart[kind], float(np.abs(found[f"0.{key}"] - values.ravel()).max()))
    first, *rest = took
    told = ", ".join(f"{kind} {each:.0e}" for kind, each in apart.items())
    print(f"{name}: first answer {first:.0f} ms, then median {np.median(rest):.1f} ms and 95th percentile", end=" ")
    print(f"{np.quantile(rest, 0.95):.1f} ms; largest difference from Python: {told}")


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description="Figures of a built website.")
    parser.add_argument("site", type=Path, help="the folder that `make site` wrote")
    site = parser.parse_args().site.resolve()
    print_sizes(site)
    pages = pages_of(site)
    count, broken = crawl(pages, site)
    print(f"{len(pages)} pages, {count} links within the site, {len(broken)} of them broken")
    with served(site) as address, browser_page() as page:
        for name in ("index.html", "notebooks/05_seeing_attention.html"):
            print_page(page, site, address, name)
        for name in pretrained():
            print_network(page, address, name)


if __name__ == "__main__":
    main()

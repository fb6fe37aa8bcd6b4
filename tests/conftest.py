"""Fixtures that several folders of tests share."""

import os

# Before anything imports torch or NumPy: the workers of pytest and the notebooks' kernels share the cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # waiting threads sleep instead of spinning
os.environ.setdefault("NUMBA_NUM_THREADS", "2")

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def root() -> Path:
    """The folder that holds pyproject.toml."""
    return ROOT


@pytest.fixture
def lab(tmp_path):
    """JupyterLab over `tmp_path` in a headless browser: put a notebook there, then `lab.open(name)`.

    Skips where there is no browser, unless TERRITORY_REQUIRE_BROWSER is set (as in CI): then it fails.
    """
    from lab_browser import Lab, browser_page, find_chromium, lab_server

    if find_chromium() is None:
        reason = "no Chromium or Chrome found: install one, or name it in TERRITORY_CHROMIUM"
        if os.environ.get("TERRITORY_REQUIRE_BROWSER"):
            pytest.fail(reason)
        pytest.skip(reason)
    with lab_server(tmp_path) as address, browser_page() as page:
        yield Lab(page, address)

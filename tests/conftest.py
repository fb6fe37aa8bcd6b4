"""Fixtures that several folders of tests share."""

import os

# Before anything imports torch or NumPy: the workers of pytest and the notebooks' kernels share the cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # waiting threads sleep instead of spinning
os.environ.setdefault("NUMBA_NUM_THREADS", "2")
os.environ["SDL_VIDEODRIVER"] = "dummy"  # windows open, but on no screen

import ctypes
import signal
import sys
from pathlib import Path
from typing import Any

import nbval.kernel
import nbval.plugin
import pytest

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in the background (make test &); Ctrl-C is tested too
    signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).resolve().parents[1]
# malloc.h: M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD, M_MMAP_MAX; the sizes that glibc comes to by itself.
MALLOC_AS_IT_WAS = {-1: 64 << 20, -2: 128 << 10, -3: 32 << 20, -4: 1 << 16}


KERNEL_STARTS = 3
start_kernel = nbval.kernel.start_new_kernel


def start_kernel_again(*args: Any, **kwargs: Any) -> Any:
    """As nbval does it, a few times: a kernel is told its ports before it takes them, and another may take one first.

    Then it lives and never answers (jupyter_client issue 487), and all cells of its notebook fail.
    """
    for start in range(1, KERNEL_STARTS):
        try:
            return start_kernel(*args, **kwargs)
        except RuntimeError as error:
            print(f"start {start} of a notebook's kernel: {error}", file=sys.stderr)
    return start_kernel(*args, **kwargs)


nbval.kernel.start_new_kernel = start_kernel_again
compare_outputs = nbval.plugin.IPyNbCell.compare_outputs


def compare_outputs_aloud(cell: Any, outputs: list, committed: list, **options: Any) -> bool:
    """As nbval does it, but that a failure tells what came to stderr, not only that something did."""
    same = compare_outputs(cell, outputs, committed, **options)
    if not same:
        cell.comparison_traceback += [output.text for output in outputs if output.get("name") == "stderr"]
    return same


nbval.plugin.IPyNbCell.compare_outputs = compare_outputs_aloud


def pytest_collection_modifyitems(items):
    """Files with something slow in them first: pytest's workers take one file after the other, and so end together."""
    slow = {item.path for item in items if item.get_closest_marker("slow") or item.path.suffix == ".ipynb"}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(scope="module", autouse=True)
def freed_memory_goes_back():
    """Training lets its process keep the memory that it frees: a process of many tests would grow with each of them."""
    yield
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None
    if hasattr(libc, "mallopt") and "territory.training.fast" in sys.modules:
        for name, value in MALLOC_AS_IT_WAS.items():
            libc.mallopt(name, value)
        libc.malloc_trim(0)


@pytest.fixture
def root() -> Path:
    """The folder that holds pyproject.toml."""
    return ROOT


@pytest.fixture(scope="session")
def chromium():
    """Skips where there is no browser, unless TERRITORY_REQUIRE_BROWSER is set (as in CI): then it fails."""
    from helpers.lab_browser import find_chromium

    if find_chromium() is None:
        reason = "no Chromium or Chrome found: install one, or name it in TERRITORY_CHROMIUM"
        if os.environ.get("TERRITORY_REQUIRE_BROWSER"):
            pytest.fail(reason)
        pytest.skip(reason)


@pytest.fixture(scope="module")
def browser(chromium):
    """One browser for all tests of a file."""
    from helpers.lab_browser import headless_browser

    with headless_browser() as browser:
        yield browser


@pytest.fixture
def page(browser):
    """A fresh page."""
    from helpers.lab_browser import new_page

    page = new_page(browser)
    yield page
    page.close()


@pytest.fixture(scope="session")
def lab_address(tmp_path_factory):
    """One JupyterLab for all tests of a worker, over the folder that their temporary folders lie in."""
    from helpers.lab_browser import lab_server

    with lab_server(tmp_path_factory.getbasetemp(), tmp_path_factory.mktemp("jupyter")) as address:
        yield address


@pytest.fixture(scope="module")
def lab_page(browser):
    """One page for all tests of a file that look at JupyterLab, which takes seconds to load."""
    from helpers.lab_browser import Lab, new_page

    page = new_page(browser)
    yield Lab(page)
    page.close()


@pytest.fixture
def lab_folder(lab_page, lab_address, tmp_path):
    """The folder of a test's notebooks: its own, so that no kernel is found running with another test's widgets."""
    from helpers.lab_browser import shut_down_kernels

    yield tmp_path
    lab_page.close()
    shut_down_kernels(lab_address)


@pytest.fixture
def lab(lab_page, lab_folder, lab_address, tmp_path_factory):
    """JupyterLab over `lab_folder` in a headless browser: put a notebook there, then `lab.open(name)`."""
    lab_page.begin(lab_address, lab_folder.relative_to(tmp_path_factory.getbasetemp()).as_posix())
    return lab_page

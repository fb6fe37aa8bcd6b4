"""The website, built once and served, for the tests that read it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock
from helpers.website import pages_of, served

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """The folder of the built site: the one that TERRITORY_SITE names, or built once for all workers."""
    if "TERRITORY_SITE" in os.environ:
        return Path(os.environ["TERRITORY_SITE"])
    own = tmp_path_factory.getbasetemp()
    shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    folder = shared / "site"
    with FileLock(shared / "site.lock"):
        if not (folder / "searchindex.js").is_file():
            command = [sys.executable, str(ROOT / "tools" / "site.py"), str(folder)]
            done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="session")
def address(site):
    """Where the site is served on this machine."""
    with served(site) as address:
        yield address


@pytest.fixture(scope="session")
def pages(site):
    """Each page by its place in the site, parsed."""
    return pages_of(site)

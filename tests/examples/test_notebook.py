"""The notebook from nothing to a model card is run as a reader would, against a deployment of processes."""

import warnings
from pathlib import Path
from typing import Any

import nbformat
import pytest

from tests.examples.served import ROOT, served_sandbox

NOTEBOOK = ROOT / "examples" / "first_model.ipynb"
PEOPLE = 600


def read() -> Any:
    return nbformat.read(NOTEBOOK, as_version=4)  # type: ignore[no-untyped-call]


def said(notebook: Any) -> str:
    """Return all that cells printed and showed, as text."""
    shown = []
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            shown += [output.get("text", ""), *map(str, output.get("data", {}).values())]
    return "\n".join(shown)


def test_it_is_kept_without_outputs() -> None:
    for cell in read().cells:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


def test_it_runs_from_nothing_to_a_model_card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "reader").mkdir()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the notebook's machinery, about itself
        from nbclient import NotebookClient

        notebook = read()
        with served_sandbox(tmp_path, PEOPLE) as home:
            for name, value in (("CONSENTRY_SANDBOX", home), ("PYTHONPATH", ROOT), ("HOME", tmp_path / "reader")):
                monkeypatch.setenv(name, str(value))
            monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
            beside_its_files = {"metadata": {"path": str(NOTEBOOK.parent)}}
            NotebookClient(notebook, timeout=300, kernel_name="python3", resources=beside_its_files).execute()
    told = said(notebook)
    assert "category-not-asked" in told
    assert "not suspended" in told
    assert "# Model card" in told or "TRIPOD" in told
    assert told.count("<svg") == 2
    assert "its signature holds" in told
    assert "release 1: ACTIVE" in told
    assert str(home) not in told

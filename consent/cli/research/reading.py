"""The files that verbs are given, and the new ones that they write."""

import json
from pathlib import Path
from typing import Any, Final

from consent.adapters.study_toml import read_study
from consent.cli.reading import file_text
from consent.settings import SettingsError
from vault.files import write_new

_UNNAMED: Final = "not named yet"
"""Stands for the ethics reference while the file is read; the operator names it with the approval."""


def query_in(file: Path) -> dict[str, Any]:
    """Return a cohort query; what it says is for the server to judge."""
    try:
        value = json.loads(file_text(file, "the cohort query"))
    except (ValueError, RecursionError) as error:
        raise SettingsError("the cohort query is no JSON: write a CohortQuery") from error
    if not isinstance(value, dict):
        raise SettingsError("the cohort query is no JSON object: write a CohortQuery")
    return value


def draft_in(file: Path) -> dict[str, Any]:
    """Return a study's TOML file as the JSON of a draft."""
    draft = read_study(file_text(file, "the study"), draft=_UNNAMED).to_json()
    return draft | {"ethics": ""} if draft["ethics"] == _UNNAMED else draft


def write_file(file: Path, content: bytes) -> None:
    """Write a new file for its owner's eyes; raise `SettingsError` where there is one already."""
    try:
        write_new(file, content)
    except FileExistsError as error:
        raise SettingsError("the file is there already: name a new one") from error


def require_empty(folder: Path) -> None:
    """Raise `SettingsError` unless a folder is new or empty."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise SettingsError("there is something already: name a new folder, or an empty one")

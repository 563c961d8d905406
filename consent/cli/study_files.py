"""`consentry local study …`, and files of studies: from a file to the books, and what patients will read of it."""

import sys
from pathlib import Path

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from consent import wiring
from consent.adapters.study_toml import TEMPLATE, read_study
from consent.cli.reading import file_text
from consent.domain.details import category_words
from consent.domain.study_draft import StudyDraft
from consent.services.studies.registration import require_askable
from consent.services.studies.sentences import all_allowed
from consent.settings import Settings, SettingsError

_UNNAMED = "not named yet"
"""Stands for the ethics reference while there is none."""


def new(file: Path) -> None:
    """Write a file to fill in."""
    try:
        with file.open("x", encoding="utf-8") as opened:
            opened.write(TEMPLATE)
    except FileExistsError as error:
        raise SettingsError("the file is there already: name a new one") from error
    _say(f"Fill in {file}, then: consentry study show {file}")


def show(file: Path, ethics: str) -> None:
    """Say what patients will read, if they could be asked at all."""
    written = read_study(file_text(file, "the study"), ethics, draft=_UNNAMED)
    study = StudyDraft(written, named=True).approved(written.ethics)
    require_askable(study)
    said = all_allowed(study, wiring.utc_now())
    _say(f"{study.reference.title}\n{study.reference.institution}\n\n{study.text}\n")
    _say("A patient who allows everything signs this. The last day is an example: they choose their own.")
    for sentence in (said.who, said.what, said.why, said.until):
        _say(f"  {sentence}")
    _say(f"\nThey cannot take part without: {category_words(study.required)}.")
    _say(f"They can leave out: {category_words(study.optional) if study.optional else 'nothing'}.")
    if written.data_use.other:
        named = ", ".join(sorted(written.data_use.other))
        _say(f"No machine decides {named}: a person must look at it, and say why it may be.")
    _say(f"SHA-256 of the text: {study.text_hash}")
    hashed = study.hash() if study.ethics != _UNNAMED else "name its ethics reference with --ethics"
    _say(f"SHA-256 of the study: {hashed}")


def approve(home: Path, file: Path, ethics: str) -> None:
    """Register a study, and print its id and hash."""
    study = read_study(file_text(file, "the study"), ethics)
    with wiring.opened(Settings.read(home)) as installation:
        installation.registration.approve(study, wiring.utc_now())
    _say(f"{study.reference.id} {study.hash()}")


def change(home: Path, file: Path, ethics: str) -> None:
    """Change a study, and print its id and new hash."""
    study = read_study(file_text(file, "the study"), ethics)
    with wiring.opened(Settings.read(home)) as installation:
        installation.registration.change(study, wiring.utc_now())
    _say(f"{study.reference.id} {study.hash()}")


def close(home: Path, study: str) -> None:
    """Close a study."""
    with wiring.opened(Settings.read(home)) as installation:
        retired = installation.registration.close(study, wiring.utc_now())
    _say(f"{study} is closed; releases withdrawn: {retired}")


def show_all(home: Path) -> None:
    """List the studies on the books."""
    with wiring.opened(Settings.read(home)) as installation:
        listed = installation.registration.listed()
    table = Table("study", "title", "as approved", Column("releases", justify="right"), Column("SHA-256"), box=SIMPLE)
    for one in listed:
        state = "yes" if one.as_approved else "NO: it was changed since, and nothing is done for it"
        state = "closed" if one.closed else state
        study = one.study
        table.add_row(study.reference.id, Text(study.reference.title), state, str(one.releases), study.hash()[:16])
    Console().print(table if listed else "No study is registered: `consentry local study approve` registers one.")


def _say(line: str) -> None:
    """Write a line as it is: neither markup nor colour, and no line breaks of ours."""
    sys.stdout.write(f"{line}\n")

"""`consentry consents`, `stop` and `prefer`: what one person allows, and its end, with chain and node down or up."""

import json
import sys
from pathlib import Path

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Column, Table

from consent import wiring
from consent.domain.terms import SubjectId
from consent.services.granting import UnknownPatientError
from consent.settings import Settings, SettingsError
from consent.wiring import Installation


def show(home: Path, subject: str, identifier: str) -> None:
    """List a person's consents: id, study, until when, and how each stands."""
    table = Table(Column("consent", no_wrap=True), "study", "until", "now", box=SIMPLE)
    with wiring.opened(Settings.read(home)) as installation:
        person = person_of(installation, subject, identifier)
        standing = installation.projection.standings()
        for entry in installation.book.entries(person):
            expires, revoked = standing(entry.patient, entry.commitment)
            until, study = entry.terms.expires, entry.terms.study.id
            word = "on its way" if expires is None else "in force" if until > wiring.utc_now() else "ended"
            word = "stopped" if entry.stopped else "revoked" if revoked else word
            table.add_row(entry.id, study, f"{until:%Y-%m-%d}", word)
    Console().print(table if table.row_count else "No consent of this person is kept here.")


def stop(home: Path, subject: str, identifier: str, consents: list[str]) -> None:
    """Stop a person's consents at once, all of them where none is named; print a receipt a line.

    Log and receipts say that the operator stopped them: whoever runs this holds the operator's passphrase.
    """
    with wiring.opened(Settings.read(home)) as installation:
        person = person_of(installation, subject, identifier)
        running = [entry.id for entry in installation.book.entries(person) if not entry.stopped]
        receipts = installation.granting.stop(person, consents or running, wiring.utc_now(), "operator")
        for receipt in receipts:
            sys.stdout.write(json.dumps(receipt.to_json()) + "\n")
        sys.stdout.flush()
    told = f"Stopped now: {len(receipts)}. The chain follows within a day; keep the receipts."
    Console(stderr=True).print(told if receipts else "Nothing to stop: no consent of this person runs.", soft_wrap=True)


def prefer(home: Path, subject: str, identifier: str, *, counted: bool) -> None:
    """Write down whether a person allows being counted; the log says that the operator did."""
    with wiring.opened(Settings.read(home)) as installation:
        person = person_of(installation, subject, identifier)
        installation.preferences.prefer([person], wiring.utc_now(), counted=counted, by="operator")
    Console().print("From now on they are counted." if counted else "From now on they are not counted.")


def person_of(installation: Installation, subject: str, identifier: str) -> SubjectId:
    """Return whom exactly one of these names; raise `SettingsError`, `IdentifierError`, `UnknownPatientError`."""
    if bool(subject) == bool(identifier):
        raise SettingsError("name one person: with --subject, or with --identifier")
    found = installation.records.subject_of(identifier) if identifier else SubjectId(subject)
    if found is None or not installation.records.is_enrolled(found):
        raise UnknownPatientError("no such person is enrolled here: check the SubjectId or the identifier")
    return found

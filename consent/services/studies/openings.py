"""Whose an opening is, told so that nobody can once the person's key is dead.

A manifest's leaf stands beside its opening in an auditor's evidence, with an address and a commitment. A row that named
the leaf and its subject would join the two for whoever holds evidence and an old backup. So a row has

    owner = HMAC-SHA256(the subject's key, "consentry/opening/v1" LF study LF release)
"""

import secrets
from collections.abc import Sequence

from consent.domain.terms import SubjectId
from consent.ports import Unit
from vault import Part, Vault

_OWNER = b"consentry/opening/v1\n"


def owners(vault: Vault, study: str, release: int, subjects: Sequence[SubjectId]) -> list[bytes]:
    """Return the owner's 32 bytes for each of these subjects, in order; raises `KeyNotFoundError`."""
    message = _OWNER + f"{study}\n{release}".encode()
    return vault.mac_all([Part(subject, message) for subject in subjects])


def keyed(unit: Unit, vault: Vault) -> list[SubjectId]:
    """Return who lives, is not blocked and has a key, in order: whose openings open."""
    living = {patient.subject for patient in unit.patients.everyone() if not patient.blocked}
    return [SubjectId(subject) for subject in vault.keys.subjects() if subject in living]


def blind(unit: Unit, vault: Vault) -> None:
    """Blind the rows of versions before 0008 that still name their subject; those of the dead get random bytes."""
    known = {subject.encode(): subject for subject in keyed(unit, vault)}
    for study, release, leaf, clear in unit.studies.openings_in_clear():
        [owner] = owners(vault, study, release, [known[clear]]) if clear in known else [secrets.token_bytes(32)]
        unit.studies.give_owner(study, release, leaf, owner)

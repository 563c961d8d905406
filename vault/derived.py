"""Derived rows: what was once computed from a person's admitted records, kept sealed so that it is not computed again.

A row belongs to one person and to all that it was made of: the name of the derivation, and the categories and the
window that the gate admitted. Each row has a key and an id of its own,

    place = bind("vault.derived.v1", tenant, name, start, end, category, category, ...)    ISO days, empty where open
    key (32) || id (16) || not used (16) = HKDF-Expand-SHA-512(K_p, bind("vault.derived-key.v1", SHA-256(place)))
    sealed = 0x01 || Cobblestone-256(key, content)

so a row that was moved to another person, name, window or set of categories is not found there, and does not open. Ids
tell nobody which people a derivation had in common, nor what anyone agreed to.

A row is one state of a person's records. Whatever comes in drops all rows of its person, in its own transaction, and a
row is stored only if nothing came in since the records were read that it was made of.
"""

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final, NamedTuple

from sqlalchemy import Connection

from vault.cobblestone import KEY_BYTES, MessageKey, bind
from vault.deposits import ID_BYTES, SubjectSeal
from vault.epoch import PatientKey
from vault.errors import DecryptionError
from vault.gate import Admitted
from vault.openings import AT_ONCE, Opening, openings
from vault.sealing import seal, unseal_ready
from vault.sql.batches import in_batches
from vault.sql.derived import (
    SealedRow,
    count_versions,
    derived_at,
    drop_derived,
    put_derived,
    subjects_with,
)

MOST_KEPT: Final = 16
"""How many rows a person has at most: the next one takes the place of them all."""


@dataclass(frozen=True, slots=True)
class Derivation:
    """What is computed from one person's opening.

    Attributes:
        name: says all that the result depends on besides the records, the categories and the window that were admitted:
            whatever changes the result, also a newer version of the code, changes the name.
        make: gives the bytes to keep. Bytes of one length for everybody do not tell people apart in the database.
    """

    name: bytes
    make: Callable[[Opening], bytes]


class Unkept(NamedTuple):
    """A row that was just made, sealed, and how many versions of records its subject had by then."""

    row: SealedRow
    versions: int


class Derived(NamedTuple):
    """One admitted subject: what the gate said, the bytes, and the row to keep where they were made just now."""

    subject: str
    admitted: Admitted
    content: bytes
    unkept: Unkept | None = None


_Slot = tuple[str, bytes]
"""Where one subject's row lies, and the key that it opens with: plain, as there is one for every row that is read."""
_ID: Final = 0
_KEY: Final = 1


@dataclass(frozen=True, slots=True)
class Deriving:
    """One derivation for one tenant's people, as it was admitted."""

    tenant: str
    derivation: Derivation
    admitted: dict[str, Admitted]
    _labels: dict[tuple[frozenset[str], date | None, date | None], bytes] = field(default_factory=dict)

    def stream(self, connection: Connection, keys: Mapping[str, PatientKey]) -> Iterator[Derived]:
        """Yield what is derived of each subject, in the order of `keys`: what was kept, else made from the records."""
        slots = {subject: self._slot(key, self.admitted[subject]) for subject, key in keys.items()}
        kept = derived_at(connection, {subject: slot[_ID] for subject, slot in slots.items()})
        contents = {subject: _opened(slots[subject][_KEY], sealed) for subject, sealed in kept.items()}
        missing = {subject: key for subject, key in keys.items() if contents.get(subject) is None}
        made = self._made(connection, missing, slots)
        for subject in keys:
            content = contents.get(subject)
            yield next(made) if content is None else Derived(subject, self.admitted[subject], content)

    def _made(
        self, connection: Connection, keys: Mapping[str, PatientKey], slots: Mapping[str, _Slot]
    ) -> Iterator[Derived]:  # fmt: skip
        for few in in_batches(list(keys), AT_ONCE):
            # Counted first: what comes in between the two statements makes the row one that is not kept.
            versions = count_versions(connection, few)
            seals = [SubjectSeal(self.tenant, subject, keys[subject]) for subject in few]
            for opening in openings(connection, seals, self.admitted):
                subject, slot = opening.subject, slots[opening.subject]
                content = self.derivation.make(opening)
                row = SealedRow(subject, slot[_ID], seal(slot[_KEY], content, b""))
                yield Derived(subject, opening.admitted, content, Unkept(row, versions.get(subject, 0)))

    def _slot(self, key: PatientKey, admitted: Admitted) -> _Slot:
        made_of = (admitted.categories, admitted.start, admitted.end)
        label = self._labels.get(made_of)
        if label is None:
            label = self._labels[made_of] = self._label(*made_of)
        derived = key.expand(label)
        return derived[KEY_BYTES:_ID_END].hex(), derived[:KEY_BYTES]

    def _label(self, categories: frozenset[str], start: date | None, end: date | None) -> bytes:
        window = [day.isoformat().encode() if day else b"" for day in (start, end)]
        names = [category.encode() for category in sorted(categories)]
        place = bind(b"vault.derived.v1", self.tenant.encode(), self.derivation.name, *window, *names)
        return bind(b"vault.derived-key.v1", hashlib.sha256(place).digest())


def keep(connection: Connection, living: Collection[str], rows: Sequence[Unkept]) -> int:
    """Store rows of those who live and of whom nothing came in since; return how many."""
    versions = count_versions(connection, [row.subject for row, _ in rows])
    current = [row for row, then in rows if row.subject in living and versions.get(row.subject, 0) == then]
    drop_derived(connection, subjects_with(connection, [row.subject for row in current], MOST_KEPT))
    put_derived(connection, current)
    return len(current)


def _opened(key: bytes, sealed: bytes) -> bytes | None:
    """Open a row; None for one that was altered or moved here, which counts for nothing: the records do."""
    try:
        return unseal_ready(MessageKey(key), sealed, b"")
    except DecryptionError:
        return None


_ID_END: Final = KEY_BYTES + ID_BYTES

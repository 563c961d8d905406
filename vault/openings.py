"""Records coming out: what the gate admitted, opened subject by subject."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from operator import itemgetter
from typing import Final, NamedTuple

from sqlalchemy import Connection

from vault.deposits import SubjectSeal
from vault.gate import Access, Admitted, Refused
from vault.sealing import unseal_ready
from vault.sql.records import Row, State, current_records

AT_ONCE: Final = 50
"""How many subjects' records one statement fetches."""


class OpenedRecord(NamedTuple):
    """One opened record: its id, its category, which version it is (from 1), and the bytes as deposited."""

    record_id: str
    category: str
    version: int
    content: bytes


class CurrentRecord(NamedTuple):
    """What a current record's row says without a key: its category, its version, and how many parts stand behind it."""

    category: str
    version: int
    parts: int


@dataclass(frozen=True, slots=True)
class Opening:
    """One admitted subject: what the gate said, and the records it admitted, by category and record id."""

    subject: str
    admitted: Admitted
    records: tuple[OpenedRecord, ...]


class PastVersion(NamedTuple):
    """One version of a record with its state (current, superseded or withdrawn), and how many parts stand behind it."""

    record_id: str
    category: str
    version: int
    state: State
    content: bytes
    parts: int = 0


@dataclass(frozen=True, slots=True)
class History:
    """All that is kept of one admitted subject: every version, by category, record id and version."""

    subject: str
    admitted: Admitted
    versions: tuple[PastVersion, ...]


def cut_down(answer: Admitted | Refused | None, access: Access) -> Admitted | None:
    """Return what the gate admits of what was asked for, None when that is not enough."""
    if not isinstance(answer, Admitted) or not access.required <= answer.categories:
        return None
    categories = answer.categories & (access.required | access.optional)
    return answer if categories == answer.categories else replace(answer, categories=categories)


def openings(
    connection: Connection, seals: Sequence[SubjectSeal], admitted: dict[str, Admitted]
) -> Iterator[Opening]:  # fmt: skip
    """Yield what the gate admitted of each subject, in order; raise `DecryptionError` for what was moved or altered."""
    categories = frozenset[str]().union(*(admitted[seal.subject].categories for seal in seals))
    found = groupby(current_records(connection, [seal.subject for seal in seals], categories), itemgetter(0))
    rows = {subject: list(group) for subject, group in found}
    for seal in seals:
        answer = admitted[seal.subject]
        yield Opening(seal.subject, answer, _opened(seal, rows.pop(seal.subject, ()), answer.categories))


def _opened(seal: SubjectSeal, rows: Sequence[Row], categories: Collection[str]) -> tuple[OpenedRecord, ...]:
    """Open one subject's rows, which come by record id; the loop runs for every record there is."""
    key, place = seal.key, seal.place
    opened = [
        OpenedRecord(record_id, category, version, unseal_ready(key, sealed, place(record_id, version, category)))
        for _, record_id, version, category, _, sealed in rows
        if category in categories
    ]
    opened.sort(key=_CATEGORY)
    return tuple(opened)


_CATEGORY: Final = itemgetter(OpenedRecord._fields.index("category"))

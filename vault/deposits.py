"""Records going in: which version a deposit becomes, and its seal."""

import hmac
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NamedTuple

from sqlalchemy import Connection

from vault.cobblestone import SALT_BYTES, MessageKey
from vault.epoch import PatientKey, SubKey
from vault.places import record_places
from vault.sealing import FORMAT, unseal_ready
from vault.sql.derived import drop_derived
from vault.sql.records import Place, SealedRecord, State, add_records, newest_versions, supersede

ID_BYTES: Final = 16
_NAMELESS: Final = ""
# An enum's value takes as long to look up as a record's place to make.
_CURRENT: Final = State.CURRENT.value
_WITHDRAWN: Final = State.WITHDRAWN.value


@dataclass(frozen=True, slots=True)
class Deposit:
    """One record to seal: the bytes as received.

    Attributes:
        subject: whose it is.
        category: what kind it is.
        content: the bytes.
        name: what it is about among its subject's records, such as "Observation/7": under the same name a later deposit
            is the next version of the same record. Empty: it stands by itself and is never replaced.
        withdrawn: it says that the record was a mistake; nothing of the record is read until a later version.
    """

    subject: str
    category: str
    content: bytes
    name: str = _NAMELESS
    withdrawn: bool = False


class Outcome(StrEnum):
    """What became of a deposit; of the last two nothing was written."""

    STORED = "stored"
    REPLACED = "replaced"
    UNCHANGED = "unchanged"
    OUTDATED = "outdated"


class Deposited(NamedTuple):
    """Where a deposit lies: record id (32 hex digits), its newest version counted from 1, and what became of it."""

    record_id: str
    version: int
    outcome: Outcome


Supersedes = Callable[[Deposit, bytes], bool]
"""Says whether a deposit is newer than the content stored last under its name."""


def always(_deposit: Deposit, _stored: bytes) -> bool:
    """Let every deposit take the place of what is stored."""
    return True


class SubjectSeal:
    """One subject's keys made ready to seal and open their records."""

    __slots__ = ("_index", "_key", "key", "place", "subject")

    def __init__(self, tenant: str, subject: str, key: PatientKey) -> None:
        self.subject = subject
        self.key = MessageKey(key.sub_key(SubKey.RECORD))
        self.place = record_places(tenant, subject)
        self._key = key
        self._index: hmac.HMAC | None = None

    def record_id(self, name: str) -> str:
        """Return the id of a named record: 16 bytes of HMAC-SHA256 under the subject's index key, in hex."""
        if self._index is None:
            self._index = hmac.new(self._key.sub_key(SubKey.INDEX), digestmod="sha256")
        named = self._index.copy()
        named.update(name.encode())
        return named.digest()[:ID_BYTES].hex()

    def sealed(self, record_id: str, version: int, deposit: Deposit, salt: bytes) -> SealedRecord:
        """Seal a deposit as one version of a record; `salt` is 24 random bytes used nowhere else."""
        category = deposit.category
        sealed = self.key.encrypt(salt, deposit.content, self.place(record_id, version, category), FORMAT)
        return SealedRecord(self.subject, record_id, version, category, state_of(deposit), sealed)

    def opened(self, record: SealedRecord) -> bytes:
        """Open one version; raise `DecryptionError`."""
        return unseal_ready(self.key, record.sealed, self.place(record.record_id, record.version, record.category))


class _Known(NamedTuple):
    """The newest version under a name: as it is stored, or as this call is about to write it (`new`, its number)."""

    version: int
    category: str
    state: str
    content: bytes
    stored: SealedRecord | None
    new: int


@dataclass(slots=True)
class _Intake:
    """One call's deposits as they are decided on: what is new, and which stored versions that supersedes."""

    supersedes: Supersedes
    newest: dict[Place, _Known]
    new: list[tuple[Deposit, str, int]] = field(default_factory=list)
    """Deposits to write, each with its record id and version."""
    replaced: list[SealedRecord] = field(default_factory=list)
    replaced_new: set[int] = field(default_factory=set)
    """Which of `new` were superseded within this call."""

    def take(self, deposit: Deposit, record_id: str) -> Deposited:
        """Decide on one deposit."""
        if not deposit.name:
            self.new.append((deposit, record_id, 1))
            return Deposited(record_id, 1, Outcome.STORED)
        place = (deposit.subject, record_id)
        former = self.newest.get(place)
        if former is not None and (kept := self._kept(deposit, former)) is not None:
            return Deposited(record_id, former.version, kept)
        version, outcome = (former.version + 1, Outcome.REPLACED) if former else (1, Outcome.STORED)
        if former:
            self._replace(former)
        known = _Known(version, deposit.category, state_of(deposit), deposit.content, None, len(self.new))
        self.newest[place] = known
        self.new.append((deposit, record_id, version))
        return Deposited(record_id, version, outcome)

    def sealed(self, seals: Mapping[str, SubjectSeal]) -> Iterator[SealedRecord]:
        """Yield the new rows; while one is sealed, PostgreSQL may write the one before."""
        for n, (salt, (deposit, record_id, version)) in enumerate(
            zip(_random(len(self.new), SALT_BYTES), self.new, strict=True)
        ):
            row = seals[deposit.subject].sealed(record_id, version, deposit, salt)
            yield row._replace(state=State.SUPERSEDED.value) if n in self.replaced_new else row

    def _kept(self, deposit: Deposit, former: _Known) -> Outcome | None:
        """Say why what is known stays the newest, None when it does not."""
        if former[1:4] == (deposit.category, state_of(deposit), deposit.content):
            return Outcome.UNCHANGED
        return None if self.supersedes(deposit, former.content) else Outcome.OUTDATED

    def _replace(self, former: _Known) -> None:
        if former.stored is None:
            self.replaced_new.add(former.new)
        else:
            self.replaced.append(former.stored)


def store(
    connection: Connection, seals: Mapping[str, SubjectSeal], deposits: Sequence[Deposit], supersedes: Supersedes
) -> list[Deposited]:
    """Decide on deposits, in order, then seal and write them: of two under one name the second replaces the first.

    Raises `DecryptionError` when what is stored under a name was moved or altered; then nothing is written.
    """
    drawn = _random(len(deposits), ID_BYTES)
    ids = [seals[d.subject].record_id(d.name) if d.name else own.hex() for d, own in zip(deposits, drawn, strict=True)]
    named = ((d.subject, record_id) for d, record_id in zip(deposits, ids, strict=True) if d.name)
    intake = _Intake(supersedes, _newest(connection, seals, named))
    taken = [intake.take(deposit, record_id) for deposit, record_id in zip(deposits, ids, strict=True)]
    supersede(connection, intake.replaced)
    if intake.new:
        drop_derived(connection, (deposit.subject for deposit, _, _ in intake.new))
        add_records(connection, intake.sealed(seals))
    return taken


def _random(count: int, size: int) -> list[bytes]:
    """Return `count` strings of `size` random bytes, asked of the system at once."""
    drawn = os.urandom(count * size)
    return [drawn[start : start + size] for start in range(0, len(drawn), size)]


def _newest(
    connection: Connection, seals: Mapping[str, SubjectSeal], places: Iterable[Place]
) -> dict[Place, _Known]:  # fmt: skip
    rows = newest_versions(connection, list(dict.fromkeys(places)))
    return {
        (row.subject, row.record_id): _Known(
            row.version, row.category, row.state, seals[row.subject].opened(row), row, -1
        )
        for row in rows
    }


def state_of(deposit: Deposit) -> str:
    """Return the state that a deposit's row gets."""
    return _WITHDRAWN if deposit.withdrawn else _CURRENT

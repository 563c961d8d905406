"""The vault: records go in sealed and come out only through a gate, and a shredded key takes them everywhere."""

import hmac
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection

from vault import sealing
from vault.attachments import attach, stream_of
from vault.deposits import Deposit, Deposited, SubjectSeal, Supersedes, always, store
from vault.derived import Derivation, Derived, Deriving, Unkept, keep
from vault.epoch import SubKey
from vault.errors import RecordNotFoundError
from vault.gate import Access, Admitted, Gate, Refused
from vault.keys import KeyTree
from vault.openings import AT_ONCE, CurrentRecord, History, OpenedRecord, Opening, PastVersion, cut_down, openings
from vault.places import part_place
from vault.sql.batches import in_batches
from vault.sql.parts import count_parts, parts_of
from vault.sql.records import (
    SealedRecord,
    State,
    count_current,
    delete_records,
    every_version,
    newest_versions,
    subjects_among,
    version_of,
)

_CATEGORY: Final = "CATEGORY"
"""The reason where the gate said yes, but not to the category."""
_NO_RECORD: Final = "no current record of this subject has this id: list their records anew"


@dataclass(frozen=True, slots=True)
class Part:
    """A personal part of another table: its subject, the bytes (in clear or sealed), and which of its rows it is."""

    subject: str
    content: bytes
    context: bytes = b""


@dataclass(frozen=True, slots=True)
class Vault:
    """Sealed records of one tenant. Connections, transactions and what fails in them are the caller's."""

    tenant: str
    keys: KeyTree

    def enrol(self, subjects: Sequence[str]) -> None:
        """Draw a key for each subject who has none."""
        self.keys.enrol(subjects)

    def deposit(
        self, connection: Connection, deposits: Sequence[Deposit], supersedes: Supersedes = always
    ) -> list[Deposited]:
        """Seal and store records; say of each, in order, where it lies and what became of it.

        Under a name, a deposit becomes the next version of the record that is there. Nothing is written when the
        newest version has the same bytes, category and withdrawal already, so that a file can be imported again; nor
        when `supersedes(deposit, newest content)` says that it is not newer. No other transaction may deposit for these
        subjects meanwhile. Raises `KeyNotFoundError` when a subject is not enrolled and `DecryptionError` when what is
        stored was altered; either way nothing was stored.
        """
        return store(connection, self._seals([deposit.subject for deposit in deposits]), deposits, supersedes)

    def attach(
        self, connection: Connection, deposit: Deposit, parts: Iterable[bytes], supersedes: Supersedes = always
    ) -> Deposited:
        """Store a stream of bytes behind a record, `deposit`, in parts of at most 8 MiB, one in memory at a time.

        As `deposit` does for one record; unchanged is what has the same header and the same stream. Raises as
        `deposit` does, and what the stream raises: then roll back, some parts are written.
        """
        return attach(connection, self._seals([deposit.subject])[deposit.subject], deposit, parts, supersedes)

    def read(self, connection: Connection, gate: Gate, access: Access, subjects: Sequence[str]) -> Iterator[Opening]:
        """Ask the gate once, for all subjects and before this returns; then stream who was admitted, in their order.

        Current records only: nothing superseded, nothing withdrawn. Refused subjects yield nothing, and so do those
        admitted without a category that `access` requires. The connection is in use until the stream ends; at most 50
        subjects' records are in memory at a time. On the way it raises `KeyNotFoundError`, also for who was shredded
        meanwhile, and `DecryptionError` for a record that was moved or altered.
        """
        return self._stream(connection, _admitted(gate, access, subjects))

    def derive(
        self, connection: Connection, gate: Gate, access: Access, subjects: Sequence[str], derivation: Derivation
    ) -> Iterator[Derived]:
        """Ask the gate as `read` does, once and for all; then stream what is derived of each who was admitted.

        A row that was kept for exactly what was admitted is opened, and no record of that person; for anyone else the
        records are opened and the row is made. A row that was made just now is in `unkept`: give it to `keep`.
        Raises as `read` does, and what `derivation.make` raises.
        """
        deriving = Deriving(self.tenant, derivation, _admitted(gate, access, subjects))
        return self._derived(connection, deriving)

    def keep(self, connection: Connection, rows: Sequence[Unkept]) -> int:
        """Store rows that `derive` made, less those whose subject got a record since, or was shredded; say how many.

        No other transaction may deposit for these subjects, or shred them, meanwhile.
        """
        batches = list(in_batches(rows))
        return sum(keep(connection, self._living(batch), batch) for batch in batches)

    def history(self, connection: Connection, gate: Gate, access: Access, subject: str) -> History | Refused:
        """Ask the gate, then return every version of one subject's records, superseded and withdrawn ones too.

        For the subject's own access to what is kept of them. Raises as `read` does.
        """
        answer = gate.admit([subject], access).get(subject)
        admitted = cut_down(answer, access)
        if admitted is None:
            return _refusal(answer)
        seal = self._seals([subject])[subject]
        parts = parts_of(connection, subject)
        versions = tuple(
            PastVersion(
                row.record_id,
                row.category,
                row.version,
                State(row.state),
                seal.opened(row),
                parts.get((row.record_id, row.version), 0),
            )
            for row in every_version(connection, subject, admitted.categories)
        )
        return History(subject, admitted, versions)

    def read_record(
        self, connection: Connection, gate: Gate, access: Access, subject: str, record_id: str
    ) -> Opening | Refused:
        """Ask the gate, then open the current version of one record, and nothing else.

        Raises `RecordNotFoundError`, having opened nothing, and what `read` raises.
        """
        answer = gate.admit([subject], access).get(subject)
        admitted = cut_down(answer, access)
        if admitted is None:
            return _refusal(answer)
        row = _current(connection, subject, record_id)
        if row is None:
            raise RecordNotFoundError(_NO_RECORD)
        if row.category not in admitted.categories:
            return Refused(_CATEGORY)
        content = self._seals([subject])[subject].opened(row)
        return Opening(subject, admitted, (OpenedRecord(record_id, row.category, row.version, content),))

    def read_attachment(
        self,
        connection: Connection,
        gate: Gate,
        access: Access,
        subject: str,
        record_id: str,
        version: int | None = None,
    ) -> Iterator[bytes] | Refused:
        """Ask the gate before this returns; then stream what stands behind a record, at most 8 MiB at a time.

        The record's current version, or one of its `history` by number.

        Raises `RecordNotFoundError`, `KeyNotFoundError`, and on the way `DecryptionError` for a part that was moved,
        altered or taken away: only an iteration that ends without one was the whole.
        """
        answer = gate.admit([subject], access).get(subject)
        admitted = cut_down(answer, access)
        if admitted is None:
            return _refusal(answer)
        place = (connection, subject, record_id)
        header = _current(*place) if version is None else version_of(*place, version)
        if header is None:
            raise RecordNotFoundError(_NO_RECORD)
        if header.category not in admitted.categories:
            return Refused(_CATEGORY)
        return stream_of(connection, self._seals([subject])[subject], header)

    def seal(self, subject: str, label: str, content: bytes, context: bytes = b"") -> bytes:
        """Seal a personal part of another table under the subject's key; `label` and `context` say where it belongs.

        Raises `KeyNotFoundError`.
        """
        return self.seal_all(label, [Part(subject, content, context)])[0]

    def unseal(self, subject: str, label: str, sealed: bytes, context: bytes = b"") -> bytes:
        """Open what `seal` made; raise `KeyNotFoundError`, or `DecryptionError` in any other place."""
        return self.unseal_all(label, [Part(subject, sealed, context)])[0]

    def seal_all(self, label: str, parts: Sequence[Part]) -> list[bytes]:
        """Seal parts of many subjects, in order, as `seal` does; their keys are fetched together."""
        keys = self._record_keys(parts)
        return [sealing.seal(keys[p.subject], p.content, self._part(p.subject, label, p.context)) for p in parts]

    def unseal_all(self, label: str, parts: Sequence[Part]) -> list[bytes]:
        """Open sealed parts of many subjects, in order, as `unseal` does; their keys are fetched together."""
        keys = self._record_keys(parts)
        return [sealing.unseal(keys[p.subject], p.content, self._part(p.subject, label, p.context)) for p in parts]

    def mac_all(self, parts: Sequence[Part]) -> list[bytes]:
        """Return `mac` of many subjects' messages, in order; their keys are fetched together."""
        keys = self.keys.unwrap(list(dict.fromkeys(part.subject for part in parts)))
        secrets_of = {subject: key.sub_key(SubKey.COMMIT) for subject, key in keys.items()}
        return [hmac.digest(secrets_of[part.subject], part.content, "sha256") for part in parts]

    def mac(self, subject: str, message: bytes) -> bytes:
        """Return the 32-byte HMAC-SHA256 of a message that dies with the subject's key; raise `KeyNotFoundError`."""
        return hmac.digest(self.keys.unwrap([subject])[subject].sub_key(SubKey.COMMIT), message, "sha256")

    def tally(self, connection: Connection, subject: str) -> dict[str, int]:
        """Return how many current records of each category a subject has; nothing is opened.

        A category of which only superseded and withdrawn versions are kept counts 0.
        """
        return count_current(connection, subject)

    def current(self, connection: Connection, subject: str, record_id: str) -> CurrentRecord | None:
        """Return what the row of a subject's current record says, None where there is none; nothing is opened."""
        row = _current(connection, subject, record_id)
        if row is None:
            return None
        return CurrentRecord(row.category, row.version, count_parts(connection, subject, record_id, row.version))

    def among(self, connection: Connection, subjects: Collection[str]) -> set[str]:
        """Return those of these subjects of whom a sealed record or derived row lies here, whether or not it opens."""
        return subjects_among(connection, subjects)

    def shred(self, connection: Connection, subjects: Sequence[str]) -> int:
        """Delete the subjects' records and derived rows here and their wrapped keys at once, whether or not you commit.

        Returns how many keys died; asked again, none. Copies made before still hold a wrapped key: they die when the
        epoch does (`KeyTree.turn`). From then on no copy of either database, past or present, opens these records with
        the keys that exist. That rests on trust in three things: that nobody kept the dead epoch's key and can use R,
        that the drives do not keep overwritten blocks (flash drives may), and that memory which held the keys is gone
        when the processes that read them end.
        """
        delete_records(connection, subjects)
        return self.keys.shred(subjects)

    def _stream(self, connection: Connection, admitted: dict[str, Admitted]) -> Iterator[Opening]:
        for batch in in_batches(list(admitted)):
            keys = self._seals(batch)
            for few in in_batches(batch, AT_ONCE):
                yield from openings(connection, [keys[subject] for subject in few], admitted)

    def _derived(self, connection: Connection, deriving: Deriving) -> Iterator[Derived]:
        for batch in in_batches(list(deriving.admitted)):
            keys = self.keys.unwrap(batch)
            yield from deriving.stream(connection, {subject: keys[subject] for subject in batch})

    def _living(self, rows: Sequence[Unkept]) -> set[str]:
        subjects = {unkept.row.subject for unkept in rows}
        return subjects - self.keys.keyless(subjects)

    def _seals(self, subjects: Sequence[str]) -> dict[str, SubjectSeal]:
        keys = self.keys.unwrap(list(dict.fromkeys(subjects)))
        return {subject: SubjectSeal(self.tenant, subject, key) for subject, key in keys.items()}

    def _record_keys(self, parts: Sequence[Part]) -> dict[str, bytes]:
        subjects = list(dict.fromkeys(part.subject for part in parts))
        return {subject: key.sub_key(SubKey.RECORD) for subject, key in self.keys.unwrap(subjects).items()}

    def _part(self, subject: str, label: str, context: bytes) -> bytes:
        return part_place(self.tenant, subject, label, context)


def _admitted(gate: Gate, access: Access, subjects: Sequence[str]) -> dict[str, Admitted]:
    """Ask the gate for all subjects at once; return who may be read, in their order, and what of them."""
    asked = list(dict.fromkeys(subjects))
    admission = gate.admit(asked, access)
    admitted = {subject: cut_down(admission.get(subject), access) for subject in asked}
    return {subject: answer for subject, answer in admitted.items() if answer}


def _current(connection: Connection, subject: str, record_id: str) -> SealedRecord | None:
    newest = next(iter(newest_versions(connection, [(subject, record_id)])), None)
    return newest if newest and newest.state == State.CURRENT else None


def _refusal(answer: Admitted | Refused | None) -> Refused:
    return answer if isinstance(answer, Refused) else Refused(_CATEGORY)

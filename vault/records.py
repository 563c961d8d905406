"""The vault: records go in sealed and come out only through a gate, and a shredded key takes them everywhere."""

import hmac
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from sqlalchemy import Connection

from vault import sealing
from vault.cobblestone import bind
from vault.epoch import PatientKey, SubKey
from vault.gate import Access, Admitted, Gate, Refused
from vault.keys import KeyTree, Shredded
from vault.sql.batches import in_batches
from vault.sql.records import SealedRecord, add_records, delete_records, latest_versions, records_of


@dataclass(frozen=True, slots=True)
class Deposit:
    """One record to seal: the bytes as received."""

    subject: str
    category: str
    content: bytes


@dataclass(frozen=True, slots=True)
class OpenedRecord:
    """One opened record; versions of a subject's category count from 1 in the order of deposit."""

    record_id: str
    category: str
    version: int
    content: bytes


@dataclass(frozen=True, slots=True)
class Opening:
    """One admitted subject: what the gate said, and the records it admitted, by category and version."""

    subject: str
    admitted: Admitted
    records: tuple[OpenedRecord, ...]


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

    def deposit(self, connection: Connection, deposits: Sequence[Deposit]) -> list[str]:
        """Seal and store records; return their ids (16 random bytes in hex) in the same order.

        Raises `KeyNotFoundError` when a subject is not enrolled, having stored nothing.
        """
        subjects = list(dict.fromkeys(deposit.subject for deposit in deposits))
        keys = {subject: key.sub_key(SubKey.RECORD) for subject, key in self.keys.unwrap(subjects).items()}
        versions = latest_versions(connection, subjects)
        records = []
        for deposit in deposits:
            version = versions.get((deposit.subject, deposit.category), 0) + 1
            versions[deposit.subject, deposit.category] = version
            records.append(self._sealed(keys[deposit.subject], deposit, version))
        add_records(connection, records)
        return [record.record_id for record in records]

    def read(self, connection: Connection, gate: Gate, access: Access, subjects: Sequence[str]) -> Iterator[Opening]:
        """Ask the gate once, for all subjects and before this returns; then stream who was admitted, in their order.

        Refused subjects yield nothing, and so do those admitted without a category that `access` requires. The
        connection is in use until the stream ends; at most 500 subjects' records are in memory at a time. On the way
        it raises `KeyNotFoundError`, also for who was shredded meanwhile, and `DecryptionError` for a record that was
        moved or altered.
        """
        asked = list(dict.fromkeys(subjects))
        admission = gate.admit(asked, access)
        admitted = {subject: _cut_down(admission.get(subject), access) for subject in asked}
        return self._stream(connection, {subject: answer for subject, answer in admitted.items() if answer})

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

    def shred(self, connection: Connection, subjects: Sequence[str]) -> Shredded:
        """Erase: delete the subjects' records here, and let their keys die with the epoch, whether or not you commit.

        From then on no copy of either database, past or present, opens their records with the keys that exist. That
        rests on trust in three things: that nobody kept a wrapped key of the dead epoch and can use R, that the
        drives do not keep overwritten blocks (flash drives may), and that memory which held the keys is gone when the
        processes that read them end. After a failure, shred again: it goes on where it stopped.
        """
        delete_records(connection, subjects)
        return self.keys.shred(subjects)

    def _stream(self, connection: Connection, admitted: dict[str, Admitted]) -> Iterator[Opening]:
        for batch in in_batches(list(admitted)):
            keys = self.keys.unwrap(batch)
            categories = frozenset[str]().union(*(admitted[subject].categories for subject in batch))
            found = groupby(records_of(connection, batch, categories), lambda record: record.subject)
            records = {subject: list(group) for subject, group in found}
            for subject in batch:
                yield self._opened(keys[subject], admitted[subject], subject, records.get(subject, []))

    def _opened(self, key: PatientKey, admitted: Admitted, subject: str, found: Sequence[SealedRecord]) -> Opening:
        secret = key.sub_key(SubKey.RECORD)
        records = [self._unsealed(secret, record) for record in found if record.category in admitted.categories]
        return Opening(subject, admitted, tuple(records))

    def _unsealed(self, key: bytes, record: SealedRecord) -> OpenedRecord:
        place = self._place(record.subject, record.record_id, record.version, record.category)
        content = sealing.unseal(key, record.sealed, place)
        return OpenedRecord(record.record_id, record.category, record.version, content)

    def _sealed(self, key: bytes, deposit: Deposit, version: int) -> SealedRecord:
        record_id = secrets.token_hex(16)
        place = self._place(deposit.subject, record_id, version, deposit.category)
        sealed = sealing.seal(key, deposit.content, place)
        return SealedRecord(record_id, deposit.subject, deposit.category, version, sealed)

    def _record_keys(self, parts: Sequence[Part]) -> dict[str, bytes]:
        subjects = list(dict.fromkeys(part.subject for part in parts))
        return {subject: key.sub_key(SubKey.RECORD) for subject, key in self.keys.unwrap(subjects).items()}

    def _place(self, subject: str, record_id: str, version: int, category: str) -> bytes:
        """Return a record's context: moved to any other place, it does not open."""
        fields = (self.tenant, subject, record_id, str(version), category)
        return bind(b"vault.record.v1", *(field.encode() for field in fields))

    def _part(self, subject: str, label: str, context: bytes) -> bytes:
        return bind(b"vault.part.v1", self.tenant.encode(), subject.encode(), label.encode(), context)


def _cut_down(answer: Admitted | Refused | None, access: Access) -> Admitted | None:
    """Return what the gate admits of what was asked for, None when that is not enough."""
    if not isinstance(answer, Admitted) or not access.required <= answer.categories:
        return None
    return replace(answer, categories=answer.categories & (access.required | access.optional))

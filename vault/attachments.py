"""Attachments: a header, which is a record like any other, and a stream of bytes in sealed parts of at most 8 MiB.

Each part is sealed for its place: the record's own, its number from 0, and whether it is the last. A part that was
moved, repeated or left out does not open in the place where it is then found, and a stream that was cut off ends
without a last part.
"""

import os
import secrets
from collections.abc import Iterable, Iterator
from itertools import count
from typing import Final

from sqlalchemy import Connection

from vault.cobblestone import SALT_BYTES
from vault.deposits import ID_BYTES, Deposit, Deposited, Outcome, SubjectSeal, Supersedes, state_of
from vault.errors import DecryptionError
from vault.places import attachment_place
from vault.sealing import seal_ready, unseal_ready
from vault.sql.derived import drop_derived
from vault.sql.parts import SealedPart, add_part, count_parts, delete_parts, part_at
from vault.sql.records import SealedRecord, add_records, newest_versions, supersede

PART_BYTES: Final = 8 * 1024 * 1024
"""The most that one part holds, and with its seal about the most that is in memory at a time."""


def attach(
    connection: Connection, seal: SubjectSeal, deposit: Deposit, stream: Iterable[bytes], supersedes: Supersedes
) -> Deposited:
    """Store a header and its stream, as the next version under the deposit's name.

    The stream is read once, whatever the sizes of its pieces. Where header and stream are the newest version's already,
    nothing is kept of them. Raises `DecryptionError` when what is stored was moved or altered.
    """
    record_id = seal.record_id(deposit.name) if deposit.name else secrets.token_hex(ID_BYTES)
    former = next(iter(newest_versions(connection, [(seal.subject, record_id)] if deposit.name else [])), None)
    version = former.version + 1 if former else 1
    same_header = former is not None and _same(seal, former, deposit)
    if former and not same_header and not supersedes(deposit, seal.opened(former)):
        return Deposited(record_id, former.version, Outcome.OUTDATED)
    header = seal.sealed(record_id, version, deposit, os.urandom(SALT_BYTES))
    same_stream = _write(connection, seal, header, stream, former if same_header else None)
    if former and same_stream:
        delete_parts(connection, seal.subject, record_id, version)
        return Deposited(record_id, former.version, Outcome.UNCHANGED)
    supersede(connection, [former] if former else [])
    drop_derived(connection, [seal.subject])
    add_records(connection, [header])
    return Deposited(record_id, version, Outcome.REPLACED if former else Outcome.STORED)


def stream_of(connection: Connection, seal: SubjectSeal, header: SealedRecord) -> Iterator[bytes]:
    """Yield the bytes behind a header, part by part; raise `DecryptionError`.

    What was yielded is what was stored; only the end of the iteration says that it was all.
    """
    parts = count_parts(connection, header.subject, header.record_id, header.version)
    if not parts:
        raise DecryptionError("the record has no stream of bytes, or all of it was taken away")
    for number in range(parts):
        yield _opened(connection, seal, header, number, last=number == parts - 1)


def _same(seal: SubjectSeal, former: SealedRecord, deposit: Deposit) -> bool:
    stored = (former.category, former.state, seal.opened(former))
    return stored == (deposit.category, state_of(deposit), deposit.content)


def _write(
    connection: Connection,
    seal: SubjectSeal,
    header: SealedRecord,
    stream: Iterable[bytes],
    former: SealedRecord | None,
) -> bool:
    """Write a stream's parts; say whether they are those of `former`, which may be read while they are written."""
    stored = count_parts(connection, former.subject, former.record_id, former.version) if former else 0
    same, number = former is not None, 0
    for number, (content, last) in zip(count(), _parts(stream), strict=False):
        add_part(connection, _sealed(seal, header, number, content, last=last))
        if former and same:
            same = last == (number == stored - 1) and number < stored
            same = same and _opened(connection, seal, former, number, last=last) == content
    return same


def _sealed(seal: SubjectSeal, header: SealedRecord, number: int, content: bytes, *, last: bool) -> SealedPart:
    sealed = seal_ready(seal.key, os.urandom(SALT_BYTES), content, _place(seal, header, number, last=last))
    return SealedPart(header.subject, header.record_id, header.version, number, sealed)


def _opened(connection: Connection, seal: SubjectSeal, header: SealedRecord, number: int, *, last: bool) -> bytes:
    sealed = part_at(connection, header.subject, header.record_id, header.version, number)
    if sealed is None:
        raise DecryptionError("a part of the stream is missing")
    return unseal_ready(seal.key, sealed, _place(seal, header, number, last=last))


def _place(seal: SubjectSeal, header: SealedRecord, number: int, *, last: bool) -> bytes:
    record = seal.place(header.record_id, header.version, header.category)
    return attachment_place(record, number, last=last)


def _parts(stream: Iterable[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Cut a stream into parts, each with whether it is the last; an empty stream is one empty part."""
    held = bytearray()
    for piece in stream:
        held += piece
        # A full part waits for a byte more: until then it may be the last.
        while len(held) > PART_BYTES:
            yield _cut(held), False
    yield _cut(held), True


def _cut(held: bytearray) -> bytes:
    """Take a part off the front, with no more copies of it than the one that is returned."""
    with memoryview(held) as view:
        part = bytes(view[:PART_BYTES])
    del held[:PART_BYTES]
    return part

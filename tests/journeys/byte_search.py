"""The adversary's tools: look for bytes in whatever form, for keys that open, and for rows that join."""

import base64
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import create_engine, inspect, text
from sqlalchemy.pool import NullPool

from vault import DecryptionError, KeyDamagedError
from vault.deposits import SubjectSeal
from vault.epoch import EpochKey, PatientKey
from vault.sql.records import SealedRecord

SHORTEST: Final = 8
"""Bytes of a value that may join two rows; what is shorter, and whole numbers, stand in rows of everybody."""
Row = tuple[object, ...]


def forms(content: bytes) -> set[bytes]:
    """Return bytes as they might stand somewhere: plain, hex, base64 at any offset, UTF-16, as Python shows them."""
    found = {content, content.hex().encode(), content.hex().upper().encode(), repr(content)[2:-1].encode()}
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        for offset in range(3):
            whole = encode(bytes(offset) + content)
            # The first and last characters depend on what stands beside the content.
            found.add(whole[-(-offset * 4 // 3) : (offset + len(content)) * 4 // 3])
    if content.isascii():
        found |= {content.decode().encode(f"utf-16-{order}") for order in ("le", "be")}
    found |= {content.hex().encode("ascii").decode().encode("utf-16-le")}
    return found


def seen(places: Mapping[str, bytes], secrets: Mapping[str, bytes]) -> set[tuple[str, str]]:
    """Return which of these secrets stand in which of these places, in any form."""
    return {
        (place, name)
        for name, secret in secrets.items()
        for form in forms(secret)
        for place, content in places.items()
        if form in content
    }


def files_under(*folders: Path) -> dict[str, bytes]:
    """Return every file under some folders, by its path."""
    found = (path for folder in folders for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return {str(path): path.read_bytes() for path in found}


# ------------------------------------------------------------------------------------------------------ keys that open


@dataclass(frozen=True, slots=True)
class Loot:
    """What an adversary kept of one person from before the erasure.

    Attributes:
        tenant: of the installation.
        subject: whose.
        wrapped: the person's wrapped keys, of every epoch.
        records: their sealed records.
        parts: other sealed bytes of theirs, each with its context.
    """

    tenant: str
    subject: str
    wrapped: tuple[bytes, ...]
    records: tuple[SealedRecord, ...]
    parts: tuple[tuple[bytes, bytes], ...]

    def unwrapped(self, keys: Iterable[bytes], epochs: range) -> set[bytes]:
        """Return what these 32-byte keys unwrap, taken for the key of any epoch."""
        found = set()
        for epoch in (EpochKey(self.tenant, number, key) for key in keys for number in epochs):
            for wrapped in self.wrapped:
                try:
                    found.add(epoch.unwrap(self.subject, wrapped).secret)
                except KeyDamagedError:
                    continue
        return found

    def opened(self, keys: Iterable[bytes]) -> int:
        """Return how many sealed things open with these 32-byte keys, each taken for the person's own."""
        return sum(self._opens(PatientKey(key)) for key in keys)

    def _opens(self, key: PatientKey) -> int:
        from vault import sealing
        from vault.epoch import SubKey

        seal, opened = SubjectSeal(self.tenant, self.subject, key), 0
        for record in self.records:
            try:
                opened += bool(seal.opened(record))
            except DecryptionError:
                continue
        for sealed, context in self.parts:
            try:
                opened += bool(sealing.unseal(key.sub_key(SubKey.RECORD), sealed, context))
            except DecryptionError:
                continue
        return opened


# ------------------------------------------------------------------------------------------------------ rows that join


def rows_of(database: Path) -> dict[str, list[Row]]:
    """Return all rows of a SQLite file, by table, in the order in which it gives them."""
    engine = create_engine(f"sqlite:///file:{database}?immutable=1&uri=true", poolclass=NullPool)
    with engine.connect() as connection:
        names = inspect(connection).get_table_names()
        return {
            name: [tuple(row) for row in connection.execute(text(f'SELECT * FROM "{name}" NOT INDEXED'))]  # noqa: S608  # a table
            for name in names
        }


def lines_of(path: Path) -> list[Row]:
    """Return a file of JSON lines as rows of one cell."""
    return [(line,) for line in path.read_bytes().splitlines()]


def reached(rows: Iterable[Row], start: Sequence[bytes]) -> list[bytes]:
    """Return every row, as bytes, that equal values join to any that holds one of `start`, over any number of rows."""
    blobs = [_blob(row) for row in rows]
    values = [set(_values(blob)) for blob in blobs]
    wanted = {form for one in start for form in forms(one)}
    new = {at for at, blob in enumerate(blobs) if any(form in blob.raw for form in wanted)}
    by_value: dict[bytes, set[int]] = {}
    for at, own in enumerate(values):
        for value in own:
            by_value.setdefault(value, set()).add(at)
    found: set[int] = set()
    while new:
        found |= new
        joined = {value for at in new for value in values[at]}
        new = {at for value in joined for at in by_value[value]} - found
    return [blobs[at].raw for at in sorted(found)]


@dataclass(frozen=True, slots=True)
class _Blob:
    cells: tuple[object, ...]
    raw: bytes


def _blob(row: Row) -> _Blob:
    return _Blob(row, b"\0".join(_bytes(cell) for cell in row))


def _values(blob: _Blob) -> Iterator[bytes]:
    for cell in blob.cells:
        yield from _of_cell(cell)


def _of_cell(cell: object) -> Iterator[bytes]:
    """Yield a cell as a value, and each value in it where it is JSON; hex stands for its bytes."""
    value = _bytes(cell)
    if not isinstance(cell, (bytes, str)) or len(value) < SHORTEST:
        return
    yield _unhexed(value)
    if value[:1] in {b"{", b"["}:
        with suppress(ValueError):  # sealed bytes may begin like JSON
            yield from _of_json(json.loads(value))


def _of_json(value: Any) -> Iterator[bytes]:
    if isinstance(value, dict):
        for name, member in value.items():
            yield from _of_json(name if len(name) > 2 * SHORTEST else "")
            yield from _of_json(member)
    elif isinstance(value, list):
        for member in value:
            yield from _of_json(member)
    elif isinstance(value, str) and len(value) >= SHORTEST:
        yield _unhexed(value.encode())


def _unhexed(value: bytes) -> bytes:
    try:
        return bytes.fromhex(value.decode())
    except ValueError:
        return value


def _bytes(cell: object) -> bytes:
    return bytes(cell) if isinstance(cell, (bytes, memoryview)) else str(cell).encode()

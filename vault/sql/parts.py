"""Statements on the sealed parts of attachments; the connection is the caller's."""

from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, delete, func, insert, select

from vault.tables import vault_parts


class SealedPart(NamedTuple):
    """One part at rest: whose record's which version it belongs to, its number from 0, and `0x01 || ciphertext`."""

    subject: str
    record_id: str
    version: int
    part: int
    sealed: bytes


def add_part(connection: Connection, part: SealedPart) -> None:
    """Store one part."""
    connection.execute(insert(vault_parts), part._asdict())


def count_parts(connection: Connection, subject: str, record_id: str, version: int) -> int:
    """Return how many parts a version of a record has."""
    counted = select(func.count()).select_from(vault_parts).where(_of(subject, record_id, version))
    number: int = connection.execute(counted).scalar_one()
    return number


def parts_of(connection: Connection, subject: str) -> dict[tuple[str, int], int]:
    """Return how many parts each version of a subject's records has, where it has any."""
    of = vault_parts.c
    counted = select(of.record_id, of.version, func.count()).where(of.subject == subject)
    rows = connection.execute(counted.group_by(of.record_id, of.version))
    return {(record_id, version): number for record_id, version, number in rows}


def part_at(connection: Connection, subject: str, record_id: str, version: int, part: int) -> bytes | None:
    """Return one part's sealed bytes, None when it is not there."""
    wanted = select(vault_parts.c.sealed).where(_of(subject, record_id, version), vault_parts.c.part == part)
    return connection.execute(wanted).scalar_one_or_none()


def delete_parts(connection: Connection, subject: str, record_id: str, version: int) -> None:
    """Delete the parts of one version of a record."""
    connection.execute(delete(vault_parts).where(_of(subject, record_id, version)))


def _of(subject: str, record_id: str, version: int) -> ColumnElement[bool]:
    of = vault_parts.c
    return and_(of.subject == subject, of.record_id == record_id, of.version == version)

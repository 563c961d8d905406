"""Certificates, in SQL."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Final

from sqlalchemy import ColumnElement, Connection, delete, insert, select

from consent.adapters.sql.log_tables import certificates
from consent.ports import StoredCertificate

_MOST: Final = 2**31 - 1
"""No checkpoint is larger; what asks may name any number."""


@dataclass(frozen=True)
class SqlCertificates:
    """`Certificates` on one transaction."""

    connection: Connection

    def add(self, certificate: StoredCertificate) -> None:
        """Store a certificate, in the place of an earlier one of the same checkpoint and registry."""
        same = (certificates.c.size == certificate.size, certificates.c.version == certificate.version)
        self.connection.execute(delete(certificates).where(*same))
        self.connection.execute(insert(certificates), asdict(certificate))

    def newest(self) -> StoredCertificate | None:
        """Return that of the largest checkpoint, and of its newest registry."""
        return next(iter(self._where(most=1)), None)

    def of(self, size: int) -> Sequence[StoredCertificate]:
        """Return those of the checkpoint of this size, the newest registry first."""
        return self._where(certificates.c.size == min(size, _MOST))

    def everything(self) -> Sequence[StoredCertificate]:
        """Return all of them, the largest checkpoint first."""
        return self._where()

    def _where(self, *conditions: ColumnElement[bool], most: int | None = None) -> list[StoredCertificate]:
        newest_first = (certificates.c.size.desc(), certificates.c.version.desc())
        query = select(certificates).where(*conditions).order_by(*newest_first).limit(most)
        return [StoredCertificate(**row._mapping) for row in self.connection.execute(query)]  # noqa: SLF001  # public API

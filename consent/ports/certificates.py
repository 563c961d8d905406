"""Certificates of co-signed checkpoints, as the installation keeps them for its bundles."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class StoredCertificate:
    """One certificate.

    Attributes:
        size: of the checkpoint that was co-signed.
        version: of the registry of signers that its bitmap means.
        bitmap: who signed.
        signature: the 96-byte aggregate.
    """

    size: int
    version: int
    bitmap: bytes
    signature: bytes


class Certificates(Protocol):
    """Certificates, one for each checkpoint and registry of signers."""

    def add(self, certificate: StoredCertificate) -> None:
        """Store a certificate, in the place of an earlier one of the same checkpoint and registry."""

    def newest(self) -> StoredCertificate | None:
        """Return that of the largest checkpoint, and of its newest registry; None before the first."""

    def of(self, size: int) -> Sequence[StoredCertificate]:
        """Return those of the checkpoint of this size, the newest registry first."""

    def everything(self) -> Sequence[StoredCertificate]:
        """Return all of them, the largest checkpoint first."""

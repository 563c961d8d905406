"""Wallets for tests: keys that sign as a patient's browser would.

wallet = Wallet.draw()
wallet.grant(domain, commitment=..., expires=..., publish_by=...)
"""

import secrets
from dataclasses import dataclass
from typing import Final, Self

from coincurve import PrivateKey

from consent.domain.grant import (
    AddressCertificate,
    PublishedGrant,
    SignedRevocation,
    certificate_digest,
    grant_digest,
    revocation_digest,
)
from consent.domain.hashing import keccak
from consent.domain.terms import SubjectId
from consent.domain.typed_data import Address, SigningDomain

_ODD: Final = 0x80


@dataclass(frozen=True, slots=True)
class Wallet:
    """One secp256k1 key, 32 bytes."""

    key: bytes

    @classmethod
    def draw(cls) -> Self:
        """Return a wallet with a new random key."""
        return cls(PrivateKey().secret)

    @property
    def address(self) -> Address:
        """The last 20 bytes of the Keccak-256 of the public key."""
        return Address(keccak(PrivateKey(self.key).public_key.format(compressed=False)[1:])[-20:])

    def sign(self, digest: bytes) -> bytes:
        """Return the EIP-2098 signature of a digest, 64 bytes: r, then s with the parity of y in its top bit."""
        signature = bytearray(PrivateKey(self.key).sign_recoverable(digest, hasher=None))
        signature[32] |= signature.pop() * _ODD
        return bytes(signature)

    def grant(self, domain: SigningDomain, expires: int, publish_by: int, commitment: bytes = b"") -> PublishedGrant:
        """Return a signed grant, of a random commitment when none is given."""
        commitment = commitment or secrets.token_bytes(32)
        digest = grant_digest(domain, commitment, self.address, expires, publish_by)
        return PublishedGrant(commitment, self.address, expires, publish_by, self.sign(digest))

    def revocation(self, domain: SigningDomain, commitment: bytes) -> SignedRevocation:
        """Return a signed revocation."""
        signature = self.sign(revocation_digest(domain, commitment, self.address))
        return SignedRevocation(commitment, self.address, signature)

    def certificate(self, domain: SigningDomain, subject: SubjectId, patient: Address) -> AddressCertificate:
        """Return this enrolment key's word that `patient` is an address of `subject`."""
        signature = self.sign(certificate_digest(domain, subject, patient))
        return AddressCertificate(subject, patient, signature)

"""What a wallet signs: a grant, a revocation, and the certificate that ties an address to a person.

    Grant(Details details,address patient,uint64 expires,uint64 publish_by)
    Revocation(bytes32 commitment,address patient)
    AddressCertificate(string subject,address patient)      signed by the enrolment key, never on chain

Grants and revocations carry EIP-2098 compact signatures: r (32 bytes) || y parity in the top bit of s (32 bytes).
"""

from dataclasses import dataclass
from typing import Final

from consent.domain.details import Details
from consent.domain.terms import SubjectId
from consent.domain.typed_data import (
    CERTIFICATE_TYPE,
    GRANT_TYPE,
    REVOCATION_TYPE,
    Address,
    SigningDomain,
    hash_struct,
    hash_text,
    word,
)

SIGNATURE_BYTES: Final = 64
PUBLISH_WITHIN_SECONDS: Final = 7 * 24 * 3600
"""A grant's `publish_by` lies at most this far ahead, here and in the contract: an abandoned signature dies."""
BATCH_LIMIT: Final = 256
"""The registry takes this many grants or revocations a call."""


@dataclass(frozen=True, slots=True)
class Grant:
    """Permission by the holder of `patient` under `details`.

    `expires` and `publish_by` are Unix seconds; from `expires` on it covers nothing, from `publish_by` on it can no
    longer be put on chain.
    """

    details: Details
    patient: Address
    expires: int
    publish_by: int

    @property
    def commitment(self) -> bytes:
        """All that the chain learns of the details: their EIP-712 struct hash, 32 bytes."""
        return self.details.commitment

    def digest(self, domain: SigningDomain) -> bytes:
        """Return the 32 bytes to sign."""
        return grant_digest(domain, self.commitment, self.patient, self.expires, self.publish_by)


def grant_digest(domain: SigningDomain, commitment: bytes, patient: Address, expires: int, publish_by: int) -> bytes:
    """Return a grant's digest from its commitment alone, as the contract does."""
    return domain.digest(hash_struct(GRANT_TYPE, commitment, word(patient), word(expires), word(publish_by)))


@dataclass(frozen=True, slots=True)
class PublishedGrant:
    """A signed grant as it goes on chain: no study, no purpose, no name."""

    commitment: bytes
    patient: Address
    expires: int
    publish_by: int
    signature: bytes

    def digest(self, domain: SigningDomain) -> bytes:
        """Return the 32 bytes that were signed."""
        return grant_digest(domain, self.commitment, self.patient, self.expires, self.publish_by)


@dataclass(frozen=True, slots=True)
class SignedRevocation:
    """A patient's word that `commitment` ends, which anyone may relay; 64 bytes of signature."""

    commitment: bytes
    patient: Address
    signature: bytes

    def digest(self, domain: SigningDomain) -> bytes:
        """Return the 32 bytes that were signed."""
        return revocation_digest(domain, self.commitment, self.patient)


def revocation_digest(domain: SigningDomain, commitment: bytes, patient: Address) -> bytes:
    """Return the 32 bytes to sign for a revocation."""
    return domain.digest(hash_struct(REVOCATION_TYPE, commitment, word(patient)))


@dataclass(frozen=True, slots=True)
class AddressCertificate:
    """The enrolment key's word that `patient` is an address of `subject`; kept off chain, sealed."""

    subject: SubjectId
    patient: Address
    signature: bytes

    def digest(self, domain: SigningDomain) -> bytes:
        """Return the 32 bytes that were signed."""
        return certificate_digest(domain, self.subject, self.patient)


def certificate_digest(domain: SigningDomain, subject: SubjectId, patient: Address) -> bytes:
    """Return the 32 bytes that an enrolment key signs to certify an address."""
    return domain.digest(hash_struct(CERTIFICATE_TYPE, hash_text(subject), word(patient)))

"""Simulated patients: each holds a seed, certifies an address for each consent, and signs what they agree to.

Keys of consents are derived from the seed with HKDF-Expand (RFC 5869, SHA-256), info `consentry/consent-address/v1`
and the 32-byte salt of the consent's details: no counter has to be kept or guessed. The seed's own key (info
`consentry/enrolment/v1`) is the enrolment key. In a deployment this happens in the patient's browser, in
`consent/web/wallet/derive.js`, with the same bytes.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from consent.adapters.signing import WalletKey
from consent.domain.details import render
from consent.domain.grant import (
    AddressCertificate,
    Grant,
    SignedRevocation,
    certificate_digest,
    revocation_digest,
)
from consent.domain.request_file import PatientSignature
from consent.domain.subject_request import SubjectRequest
from consent.domain.terms import SubjectId, Terms
from consent.domain.typed_data import SigningDomain
from consent.services.granting import Submission

ENROLMENT = b"consentry/enrolment/v1"
CONSENT_ADDRESS = b"consentry/consent-address/v1"
PUBLISH_WITHIN = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class Wallet:
    """One patient's keys; nobody else ever holds the seed (32 random bytes).

    `salts` are those of the consents signed here, by commitment.
    """

    subject: SubjectId
    seed: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)
    salts: dict[bytes, bytes] = field(default_factory=dict, repr=False, compare=False)

    @property
    def enrolment_key(self) -> WalletKey:
        """The key that certifies this patient's addresses."""
        return WalletKey(_expand(self.seed, ENROLMENT))

    def consent_key(self, salt: bytes) -> WalletKey:
        """The key of the patient's consent whose details have this salt, 32 bytes."""
        return WalletKey(_expand(self.seed, CONSENT_ADDRESS + salt))

    def sign(self, terms: Terms, domain: SigningDomain, now: datetime) -> Submission:
        """Agree to `terms`: sign the sentences that they render, with an address of its own, certified."""
        details = render(terms, secrets.token_bytes(32))
        key = self.consent_key(details.salt)
        self.salts[details.commitment] = details.salt
        expires, publish_by = int(terms.expires.timestamp()), int((now + PUBLISH_WITHIN).timestamp())
        signature = key.sign(Grant(details, key.address, expires, publish_by).digest(domain))
        certificate = self.enrolment_key.sign(certificate_digest(domain, self.subject, key.address))
        return Submission(
            terms=terms,
            details=details,
            patient=key.address,
            expires=expires,
            publish_by=publish_by,
            signature=signature,
            certificate=AddressCertificate(self.subject, key.address, certificate),
        )

    def revoke(self, commitment: bytes, domain: SigningDomain) -> SignedRevocation:
        """Take back a consent that was signed here."""
        key = self.consent_key(self.salts[commitment])
        return SignedRevocation(commitment, key.address, key.sign(revocation_digest(domain, commitment, key.address)))

    def request(self, request: SubjectRequest, domain: SigningDomain) -> PatientSignature:
        """Ask to be erased or to have all records: sign with the enrolment key."""
        return PatientSignature(self.enrolment_key.sign(request.digest(domain)))


def _expand(seed: bytes, info: bytes) -> bytes:
    """Return one block of HKDF-Expand; it misses the curve's order with probability 2^-128."""
    return hmac.new(seed, info + b"\x01", hashlib.sha256).digest()

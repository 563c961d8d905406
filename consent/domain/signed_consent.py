"""One consent as its patient handed it in: terms, salt, signed grant and address certificate."""

import json
from dataclasses import dataclass

from consent.domain.details import render
from consent.domain.grant import Grant
from consent.domain.hashing import Json, canonical_json
from consent.domain.terms import Terms
from consent.domain.typed_data import Address


@dataclass(frozen=True, slots=True)
class SignedConsent:
    """What a patient handed in: terms, salt, signed grant and address certificate.

    `entry_key` is 32 random bytes that blind the consent in the log; it dies with the subject's key.
    """

    terms: Terms
    salt: bytes
    patient: Address
    expires: int
    publish_by: int
    signature: bytes
    certificate: bytes
    entry_key: bytes

    @property
    def grant(self) -> Grant:
        """The grant over the sentences that the terms render."""
        return Grant(render(self.terms, self.salt), self.patient, self.expires, self.publish_by)

    def to_bytes(self) -> bytes:
        """Return canonical JSON, bytes in hex: what is sealed."""
        value: dict[str, Json] = {"terms": self.terms.to_json(), "expires": self.expires, "publish_by": self.publish_by}
        for name in ("salt", "patient", "signature", "certificate", "entry_key"):
            value[name] = getattr(self, name).hex()
        return canonical_json(value)

    @classmethod
    def from_bytes(cls, opened: bytes) -> "SignedConsent":
        """Read what `to_bytes` wrote."""
        value = json.loads(opened)
        return cls(
            terms=Terms.from_json(value["terms"]),
            salt=bytes.fromhex(value["salt"]),
            patient=Address(bytes.fromhex(value["patient"])),
            expires=value["expires"],
            publish_by=value["publish_by"],
            signature=bytes.fromhex(value["signature"]),
            certificate=bytes.fromhex(value["certificate"]),
            entry_key=bytes.fromhex(value["entry_key"]),
        )

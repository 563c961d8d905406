"""What a signer hands in: one signature of one checkpoint, and the certificate that enough of them make.

{"version": 1, "name": "ward patients", "key": "<96 hex>", "origin": "consentry/5a1c…", "size": 41918,
"root": "<64 hex>", "chain_id": 4137, "anchor": "<40 hex>", "signature": "<192 hex>"}
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

from consent.domain.checkpoint import Checkpoint
from consent.domain.hashing import HASH_BYTES, Json
from consent.domain.note import is_key_name
from consent.domain.typed_data import Address
from consent.verifier.certificate import (
    PUBLIC_KEY_BYTES,
    SIGNATURE_BYTES,
    AnchorContract,
    Certificate,
    CertificateError,
    SignerPolicy,
    aggregate,
    has_signed,
    verify_certificate,
)
from consent.verifier.fields import LARGEST_WHOLE, Fields

_ADDRESS_BYTES: Final = 20
_FIELDS: Final = {"version", "name", "key", "origin", "size", "root", "chain_id", "anchor", "signature"}


class CosignatureError(CertificateError):
    """This is no cosignature, or not one of this policy; ask its signer to sign the right checkpoint."""


@dataclass(frozen=True, slots=True)
class Cosignature:
    """One signer's signature, not checked yet.

    Attributes:
        name: of the signer.
        key: the signer's public key, 48 bytes.
        checkpoint: what was signed.
        contract: where the log is anchored.
        signature: 96 bytes.
    """

    name: str
    key: bytes
    checkpoint: Checkpoint
    contract: AnchorContract
    signature: bytes

    def to_json(self) -> dict[str, Json]:
        """Return the cosignature as JSON values."""
        return {
            "version": 1,
            "name": self.name,
            "key": self.key.hex(),
            "origin": self.checkpoint.origin,
            "size": self.checkpoint.size,
            "root": self.checkpoint.root.hex(),
            "chain_id": self.contract.chain_id,
            "anchor": self.contract.address.hex(),
            "signature": self.signature.hex(),
        }

    @classmethod
    def from_json(cls, value: object) -> Self:
        """Read a cosignature back; raise `CosignatureError` on anything but what `to_json` writes."""
        fields = Fields.of(value, "a cosignature", CosignatureError, _FIELDS)
        fields.whole("version", 1, 1)
        origin = fields.text("origin")
        if not is_key_name(origin):
            raise CosignatureError("a cosignature's origin is a log's name, without spaces and plus signs")
        return cls(
            name=fields.text("name"),
            key=fields.hex("key", PUBLIC_KEY_BYTES),
            checkpoint=Checkpoint(origin, fields.whole("size", 1, LARGEST_WHOLE), fields.hex("root", HASH_BYTES)),
            contract=AnchorContract(
                fields.whole("chain_id", most=LARGEST_WHOLE), Address(fields.hex("anchor", _ADDRESS_BYTES))
            ),
            signature=fields.hex("signature", SIGNATURE_BYTES),
        )


def certificate_of(
    cosignatures: Sequence[Cosignature], checkpoint: Checkpoint, contract: AnchorContract, policy: SignerPolicy
) -> Certificate:
    """Return the certificate of a checkpoint, verified; holds no secret and may run on a server.

    Raises `CosignatureError`, which counts which cosignature is wrong, and `CertificateError` where they are too few.
    """
    known = {(signer.name, signer.public_key): signer for signer in policy.signers if not signer.revoked}
    for place, one in enumerate(cosignatures, 1):
        if (one.name, one.key) not in known:
            raise CosignatureError(f"cosignature {place} is of nobody who signs for this policy")
        if (one.checkpoint, one.contract) != (checkpoint, contract):
            raise CosignatureError(f"cosignature {place} is of another checkpoint, or for another anchor")
    if len({one.key for one in cosignatures}) != len(cosignatures):
        raise CosignatureError("a signer's cosignature is given twice: give each once")
    try:
        certificate = Certificate(
            policy.version,
            policy.bitmap(one.name for one in cosignatures),
            aggregate([one.signature for one in cosignatures]),
        )
        verify_certificate(certificate, checkpoint, contract, policy)
    except CertificateError as error:
        raise _blamed(cosignatures, error) from error
    return certificate


def _blamed(cosignatures: Sequence[Cosignature], error: CertificateError) -> CertificateError:
    """Say whose signature spoils the aggregate, where one does: a pairing each, which a certificate alone spares."""
    for place, one in enumerate(cosignatures, 1):
        if not has_signed(one.key, one.checkpoint, one.contract, one.signature):
            return CosignatureError(f"cosignature {place} does not hold: its signer signed something else")
    return error

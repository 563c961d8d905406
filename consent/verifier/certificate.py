"""The certificate by which auditors, witnesses and patient organisations co-sign a checkpoint, whatever their number.

    signer = Signer.from_seed(seed)                                   # on the signer's own machine
    signature = signer.sign(checkpoint, anchor)
    certificate = Certificate(policy.version, policy.bitmap(["ward patients"]), aggregate([signature]))
    verify_certificate(certificate, checkpoint, anchor, policy)       # anywhere, offline

BLS12-381, ciphersuite BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_ of draft-irtf-cfrg-bls-signature: public keys have 48
bytes, signatures and proofs of possession 96. Every signer signs the same bytes, each field with its length in front as
4 bytes, big-endian:

    "consentry/checkpoint-certificate/v1" | chain id (8) | anchor contract (20) | origin | size (8) | root (32)

Signer i is bit i % 8, the least significant first, of byte i // 8 of the bitmap. Signers and quorum come from the
auditor's own policy, never from whoever hands in the certificate.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from py_ecc.bls import G2ProofOfPossession as Bls

from consent.domain.checkpoint import Checkpoint
from consent.domain.errors import ConsentError
from consent.domain.hashing import Json
from consent.domain.nesting import limit_nesting
from consent.domain.typed_data import Address
from consent.verifier.fields import Fields

limit_nesting()

PUBLIC_KEY_BYTES: Final = 48
SIGNATURE_BYTES: Final = 96
LARGEST_BITMAP: Final = 8192
"""In bytes, of a certificate as it is read."""
_TAG: Final = b"consentry/checkpoint-certificate/v1"
_ADDRESS_BYTES: Final = 20
_SEED_BYTES: Final = 32


class InvalidSignerError(ConsentError):
    """A signer's key, proof of possession or seed is wrong; ask that signer for the right one."""


class InvalidPolicyError(ConsentError):
    """The policy contradicts itself; correct the signers or the quorum in the auditor's own file."""


class CertificateError(ConsentError):
    """The certificate does not show that enough of the policy's signers saw this checkpoint; do not rely on it."""


@dataclass(frozen=True, slots=True)
class AnchorContract:
    """Where the log is anchored: the chain's id, below 2^64, and the contract's 20-byte address."""

    chain_id: int
    address: Address

    def __post_init__(self) -> None:
        if not 0 <= self.chain_id < 2**64 or not _is_bytes(self.address, _ADDRESS_BYTES):
            raise InvalidPolicyError("a chain id has at most 64 bits and a contract's address 20 bytes")


@dataclass(frozen=True, slots=True)
class RegisteredSigner:
    """One signer as the auditor knows it. A key or proof that does not hold raises `InvalidSignerError`.

    Attributes:
        name: of the signer, for people and for `SignerPolicy.bitmap`.
        group: whose quorum it counts for, such as `hospitals` or `patients`.
        public_key: 48 bytes; not the identity, and in the right subgroup (KeyValidate).
        proof: of possession of its secret key, 96 bytes (PopVerify): without it a rogue key could cancel out others.
        revoked: whether its signatures count no more; it keeps its place, so that nobody else's bit moves.
    """

    name: str
    group: str
    public_key: bytes
    proof: bytes
    revoked: bool = False

    def __post_init__(self) -> None:
        if not _is_bytes(self.public_key, PUBLIC_KEY_BYTES) or not Bls.KeyValidate(self.public_key):
            raise InvalidSignerError("a public key is 48 bytes, in the subgroup and not the identity")
        if not _is_bytes(self.proof, SIGNATURE_BYTES) or not Bls.PopVerify(self.public_key, self.proof):
            raise InvalidSignerError("the proof of possession is not this key's")


@dataclass(frozen=True, slots=True)
class SignerPolicy:
    """Whose signatures count: the registry of signers in a fixed order, and how many each group must give.

    Attributes:
        version: of the registry; certificates name it.
        signers: in the order of the bitmap's bits; names and keys are unique.
        quorum: for each group of the registry, how many of its signers are needed; at least 1 and at most all
            that are not revoked. No group can stand in for another.
    """

    version: int
    signers: tuple[RegisteredSigner, ...]
    quorum: Mapping[str, int]

    def __post_init__(self) -> None:
        for unique in ({each.name for each in self.signers}, {each.public_key for each in self.signers}):
            if len(unique) != len(self.signers):
                raise InvalidPolicyError("each signer has a name and a key of its own")
        active = Counter(signer.group for signer in self.signers if not signer.revoked)
        groups = {signer.group for signer in self.signers}
        if not groups or groups != set(self.quorum):
            raise InvalidPolicyError(
                "the quorum names exactly the groups of the registry, of which there is one at least"
            )
        if not all(1 <= needed <= active[group] for group, needed in self.quorum.items()):
            raise InvalidPolicyError("each group needs at least 1 and at most all of its signers that are not revoked")

    def bitmap(self, names: Iterable[str]) -> bytes:
        """Return the bitmap of these signers; raise `CertificateError` when one is not in the registry."""
        places = {signer.name: place for place, signer in enumerate(self.signers)}
        bits = 0
        for name in names:
            if name not in places:
                raise CertificateError("only signers of the registry have a bit")
            bits |= 1 << places[name]
        return bits.to_bytes(self._bitmap_bytes, "little")

    def signers_of(self, bitmap: bytes) -> tuple[RegisteredSigner, ...]:
        """Return the signers behind a bitmap; raise `CertificateError` on a wrong length or bits without signer."""
        bits = int.from_bytes(bitmap, "little")
        if len(bitmap) != self._bitmap_bytes or bits >> len(self.signers):
            raise CertificateError("the bitmap has one bit for each signer of the registry and no other")
        return tuple(signer for place, signer in enumerate(self.signers) if bits >> place & 1)

    @property
    def _bitmap_bytes(self) -> int:
        return (len(self.signers) + 7) // 8


@dataclass(frozen=True, slots=True)
class Certificate:
    """The registry's version, who signed as a bitmap, and the 96-byte aggregate of their signatures.

    Values of the wrong kind or length raise `CertificateError`; whether it holds, `verify_certificate` says.
    """

    registry_version: int
    bitmap: bytes
    signature: bytes

    def __post_init__(self) -> None:
        kinds_hold = type(self.registry_version) is int and isinstance(self.bitmap, bytes)
        if not kinds_hold or not _is_bytes(self.signature, SIGNATURE_BYTES):
            raise CertificateError("a certificate is a version, a bitmap and an aggregate signature of 96 bytes")

    def to_json(self) -> dict[str, Json]:
        """Return certificate.json: bitmap and signature in hex."""
        certified = {"bitmap": self.bitmap.hex(), "signature": self.signature.hex()}
        return {"version": 1, "registry_version": self.registry_version, **certified}

    @classmethod
    def from_json(cls, value: object) -> "Certificate":
        """Read certificate.json back; raise `CertificateError` on anything but what `to_json` writes."""
        members = {"version", "registry_version", "bitmap", "signature"}
        fields = Fields.of(value, "a certificate", CertificateError, members)
        fields.whole("version", 1, 1)
        version, bitmap = fields.whole("registry_version"), fields.text("bitmap", LARGEST_BITMAP * 2)
        return cls(version, fields.hex("bitmap", len(bitmap) // 2), fields.hex("signature", SIGNATURE_BYTES))


def certificate_message(checkpoint: Checkpoint, anchor: AnchorContract) -> bytes:
    """Return the bytes that every signer of a checkpoint signs."""
    fields = (
        _TAG,
        anchor.chain_id.to_bytes(8, "big"),
        anchor.address,
        checkpoint.origin.encode(),
        checkpoint.size.to_bytes(8, "big"),
        checkpoint.root,
    )
    return b"".join(len(each).to_bytes(4, "big") + each for each in fields)


def verify_certificate(
    certificate: Certificate, checkpoint: Checkpoint, anchor: AnchorContract, policy: SignerPolicy
) -> tuple[RegisteredSigner, ...]:
    """Return who signed; raise `CertificateError` unless they are a quorum of every group and their signature holds.

    About 0.3 s with one signer, 0.6 s with thirty.
    """
    if certificate.registry_version != policy.version:
        raise CertificateError("the certificate names another version of the registry than the policy's")
    signers = policy.signers_of(certificate.bitmap)
    if any(signer.revoked for signer in signers):
        raise CertificateError("a revoked signer is among those who signed")
    given = Counter(signer.group for signer in signers)
    if any(given[group] < needed for group, needed in policy.quorum.items()):
        raise CertificateError("too few signers of a group signed")
    keys = [signer.public_key for signer in signers]
    if not Bls.FastAggregateVerify(keys, certificate_message(checkpoint, anchor), certificate.signature):
        raise CertificateError("the signature is not that of these signers on this checkpoint")
    return signers


def has_signed(key: bytes, checkpoint: Checkpoint, anchor: AnchorContract, signature: bytes) -> bool:
    """Say whether one registered key signed a checkpoint; takes 0.3 s."""
    return bool(Bls.FastAggregateVerify([key], certificate_message(checkpoint, anchor), signature))


def aggregate(signatures: Sequence[bytes]) -> bytes:
    """Return the 96-byte aggregate of signatures over one message; raise `CertificateError` when one is malformed.

    It holds no secret and may run on a server. A wrong signature spoils it: verify the certificate before storing it.
    """
    malformed = "aggregating takes at least one signature, each a point of 96 bytes"
    if not signatures or not all(_is_bytes(each, SIGNATURE_BYTES) for each in signatures):
        raise CertificateError(malformed)
    try:
        return bytes(Bls.Aggregate(signatures))
    except (ValueError, AssertionError) as error:
        raise CertificateError(malformed) from error


@dataclass(frozen=True, slots=True)
class Signer:
    """A signer's secret key, for the signer's own machine only.

    py_ecc does not run in constant time: on a server, where others can time it, signing would give the key away.
    """

    _secret: int = field(repr=False)

    @classmethod
    def from_seed(cls, seed: bytes) -> "Signer":
        """Derive the key from 32 or more random bytes (KeyGen); fewer raise `InvalidSignerError`."""
        if len(seed) < _SEED_BYTES:
            raise InvalidSignerError("a signer's seed has at least 32 random bytes")
        return cls(Bls.KeyGen(seed))

    @property
    def public_key(self) -> bytes:
        """The 48-byte public key."""
        return bytes(Bls.SkToPk(self._secret))

    def prove_possession(self) -> bytes:
        """Return the 96-byte proof that this key's secret is known here."""
        return bytes(Bls.PopProve(self._secret))

    def sign(self, checkpoint: Checkpoint, anchor: AnchorContract) -> bytes:
        """Return the 96-byte signature of a checkpoint."""
        return bytes(Bls.Sign(self._secret, certificate_message(checkpoint, anchor)))


def _is_bytes(value: object, length: int) -> bool:
    return isinstance(value, bytes) and len(value) == length

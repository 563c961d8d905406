"""A signer's own half of a certificate: its key, and what it signed last, in one file on its own machine.

    witness = Witness.create(path, "ward patients", "patients", LogTrust(origin, (log_key,)))
    witness.registration()                             # for the auditors' policies
    Witness.open(path).sign(note, contract, proofs)    # a Cosignature

The file, which only its owner may read:

    {"version": 1, "name": "ward patients", "group": "patients", "origin": "consentry/5a1c…", "log_key": "<64 hex>",
     "salt": "<32 hex>" or "", "seed": "<64 hex>", or sealed "<120 hex>", "signed": {"size": 41918, "root": "<64 hex>"}}

A signer signs no two checkpoints of which one does not continue the other. So what it is about to sign is on disk
before it signs: whoever dies between the two signs the same again. The file has one name, to which links lead. A copy
of the file put back from before, or a second machine with the same seed, would undo that.
"""

import fcntl
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from consent.domain.checkpoint import Checkpoint
from consent.domain.errors import ConsentError
from consent.domain.hashing import HASH_BYTES, Json, canonical_json
from consent.domain.merkle import tree_root, verify_consistency
from consent.domain.note import is_key_name
from consent.signatures import verifies
from consent.verifier.certificate import AnchorContract, Signer
from consent.verifier.cosignature import Cosignature
from consent.verifier.fields import LARGEST_WHOLE, Fields, parsed_json, read_file
from consent.verifier.policy import LogTrust

LARGEST_STATE: Final = 64 * 1024
"""In bytes; some five hundred are a state."""
SEED_BYTES: Final = 32
_SALT_BYTES: Final = 16
_NONCE_BYTES: Final = 12
_TAG_BYTES: Final = 16
_SEALED_BYTES: Final = _NONCE_BYTES + SEED_BYTES + _TAG_BYTES
_COST: Final = 2**17
"""Of scrypt with r = 8: 128 MiB and some 0.4 s a guess."""
_SEED: Final = b"consentry/witness-seed/v1"
_FIELDS: Final = {"version", "name", "group", "origin", "log_key", "salt", "seed", "signed"}
_LONGEST_NAME: Final = 100
_KEY_BYTES: Final = 32

Proofs = Mapping[tuple[int, int], list[bytes]]
"""Consistency proofs (RFC 6962, 2.1.2) by the old and the new size."""


class WitnessError(ConsentError):
    """The signer's file is missing, damaged or locked; see to it, and never put an older copy in its place."""


class WitnessRefusesError(ConsentError):
    """Nothing was signed: this checkpoint does not continue what was signed last; show both to other signers."""


@dataclass(frozen=True, slots=True)
class Witness:
    """One signer of one log.

    Attributes:
        path: its file.
        name: of the signer, as policies list it.
        group: whose quorum it counts for.
        log: whose checkpoints it signs.
        salt: 16 bytes where a passphrase seals the seed, empty where none does.
        seed: 32 random bytes, or sealed: nonce and ChaCha20-Poly1305 under what scrypt makes of the passphrase.
        size: of the last checkpoint that it signed, 0 before the first.
        root: of that.
    """

    path: Path
    name: str
    group: str
    log: LogTrust
    salt: bytes
    seed: bytes = field(repr=False)
    size: int = 0
    root: bytes = tree_root([])

    @classmethod
    def create(cls, path: Path, name: str, group: str, log: LogTrust, passphrase: bytes = b"") -> Self:
        """Draw a key into a new file; raise `WitnessError` where there is a file already or a name is none."""
        seed, salt = secrets.token_bytes(SEED_BYTES), secrets.token_bytes(_SALT_BYTES) if passphrase else b""
        witness = cls(path, name, group, log, salt, _sealed(seed, passphrase, salt) if passphrase else seed)
        cls.from_json(path, witness.to_json())
        try:
            with _locked(path):
                _write(path, witness.to_json(), new=True)
        except FileExistsError as error:
            raise WitnessError("there is a file of this name already: a signer keeps its key, name another") from error
        except OSError as error:
            raise WitnessError("the signer's file cannot be written: name a folder of your own") from error
        return witness

    @classmethod
    def open(cls, path: Path) -> Self:
        """Read a signer's file; raise `WitnessError` when it is none."""
        content = read_file(path, "the signer's file", WitnessError, LARGEST_STATE)
        return cls.from_json(_only(path), parsed_json(content, "the signer's file", WitnessError))

    @classmethod
    def from_json(cls, path: Path, value: object) -> Self:
        """Read what the file at `path` holds; raise `WitnessError` on anything but what `to_json` writes."""
        fields = Fields.of(value, "the signer's file", WitnessError, _FIELDS)
        fields.whole("version", 1, 1)
        origin, signed = fields.text("origin"), fields.table("signed", {"size", "root"})
        if not is_key_name(origin):
            raise WitnessError("an origin is a log's name, without spaces and plus signs")
        salt = fields.hex("salt", _SALT_BYTES) if fields.members["salt"] != "" else b""
        return cls(
            path=path,
            name=fields.text("name", _LONGEST_NAME),
            group=fields.text("group", _LONGEST_NAME),
            log=LogTrust(origin, (fields.hex("log_key", _KEY_BYTES),)),
            salt=salt,
            seed=fields.hex("seed", _SEALED_BYTES if salt else SEED_BYTES),
            size=signed.whole("size", most=LARGEST_WHOLE),
            root=signed.hex("root", HASH_BYTES),
        )

    def to_json(self) -> dict[str, Json]:
        """Return what the file holds."""
        return {
            "version": 1,
            "name": self.name,
            "group": self.group,
            "origin": self.log.origin,
            "log_key": self.log.keys[0].hex(),
            "salt": self.salt.hex(),
            "seed": self.seed.hex(),
            "signed": {"size": self.size, "root": self.root.hex()},
        }

    def registration(self, passphrase: bytes = b"") -> str:
        """Return the signer's lines for an auditor's policy, as TOML."""
        signer = self._signer(passphrase)
        lines = {
            "name": self.name,
            "group": self.group,
            "key": signer.public_key.hex(),
            "proof": signer.prove_possession().hex(),
        }
        # JSON spells printable texts as TOML does.
        return "[[signers.signer]]\n" + "".join(
            f"{name} = {json.dumps(value, ensure_ascii=False)}\n" for name, value in lines.items()
        )

    def sign(self, note: str, contract: AnchorContract, proofs: Proofs, passphrase: bytes = b"") -> Cosignature:
        """Sign a checkpoint that continues the last one; the same again gives the same signature.

        Raises `WitnessRefusesError`, `ConsistencyError`, `NoteError` and `CheckpointError`, having signed nothing.
        """
        checkpoint, signer = self.log.open(note, verifies), self._signer(passphrase)
        with _locked(self.path):
            now = Witness.open(self.path)
            now.require_continued(checkpoint, proofs)
            if checkpoint.size > now.size:
                _write(self.path, replace(now, size=checkpoint.size, root=checkpoint.root).to_json())
        return Cosignature(self.name, signer.public_key, checkpoint, contract, signer.sign(checkpoint, contract))

    def require_continued(self, checkpoint: Checkpoint, proofs: Proofs) -> None:
        """Raise `WitnessRefusesError` or `ConsistencyError` unless a checkpoint continues the last one."""
        if checkpoint.size < max(self.size, 1):
            raise WitnessRefusesError("a larger checkpoint was signed before, or this one is of no entries")
        if checkpoint.size == self.size and checkpoint.root != self.root:
            raise WitnessRefusesError("another log of this size was signed before: keep both notes, the log forked")
        if not self.size or checkpoint.size == self.size:
            return
        proof = proofs.get((self.size, checkpoint.size))
        if proof is None:
            raise WitnessRefusesError(
                f"a consistency proof from {self.size} to {checkpoint.size} is needed: the log's door gives it"
            )
        verify_consistency(self.size, checkpoint.size, proof, self.root, checkpoint.root)

    def _signer(self, passphrase: bytes) -> Signer:
        if bool(passphrase) != bool(self.salt):
            told = "is sealed: name its passphrase's file" if self.salt else "was made without a passphrase: name none"
            raise WitnessError(f"this signer's file {told}")
        return Signer.from_seed(_opened(self.seed, passphrase, self.salt) if passphrase else self.seed)


def _only(path: Path) -> Path:
    """Return the one name of a signer's file, behind links: written under another, what it signed would fork."""
    try:
        found = path.resolve(strict=True)
        several = found.stat().st_nlink > 1
    except (OSError, RuntimeError) as error:
        raise WitnessError("the signer's file cannot be read: name a file that is there") from error
    if several:
        raise WitnessError("the signer's file has several names: keep one, or what was signed is found under another")
    return found


def read_proofs(content: bytes) -> dict[tuple[int, int], list[bytes]]:
    """Return consistency proofs out of lines `{"old": n, "new": n, "proof": [hex]}`; raise `WitnessError`."""
    proofs = {}
    for line in content.splitlines():
        value = parsed_json(line, "a line of the consistency proofs", WitnessError)
        fields = Fields.of(value, "a consistency proof", WitnessError, {"old", "new", "proof"})
        sizes = fields.whole("old", most=LARGEST_WHOLE), fields.whole("new", most=LARGEST_WHOLE)
        proofs[sizes] = fields.hexes("proof", HASH_BYTES)
    return proofs


def _sealed(seed: bytes, passphrase: bytes, salt: bytes) -> bytes:
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + ChaCha20Poly1305(_stretched(passphrase, salt)).encrypt(nonce, seed, _SEED)


def _opened(sealed: bytes, passphrase: bytes, salt: bytes) -> bytes:
    nonce, content = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
    try:
        return ChaCha20Poly1305(_stretched(passphrase, salt)).decrypt(nonce, content, _SEED)
    except InvalidTag as error:
        raise WitnessError("the passphrase does not open this signer's file") from error


def _stretched(passphrase: bytes, salt: bytes) -> bytes:
    return Scrypt(salt=salt, length=SEED_BYTES, n=_COST, r=8, p=1).derive(passphrase)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the signer's lock; who comes second waits, and reads the file after the first has written it."""
    lock = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _write(path: Path, value: dict[str, Json], *, new: bool = False) -> None:
    """Write the file whole and have it on disk before it has its name."""
    draft = path.with_name(path.name + ".new")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        os.fchmod(file.fileno(), 0o600)  # a draft that somebody left there may be open to others
        file.write(canonical_json(value) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    if new and path.exists():
        draft.unlink()
        raise FileExistsError
    draft.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)

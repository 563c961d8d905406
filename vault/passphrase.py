"""R, the root key, in a file under a passphrase: JSON, mode 0600, written whole or not at all.

{"version": 1, "kdf": "argon2id", "salt": "<32 hex digits>", "iterations": 3, "lanes": 4, "memory_kib": 65536,
 "sealed": "<hex of 0x01 || Cobblestone-256 of R under Argon2id(passphrase, salt), bound to these parameters>"}
"""

import json
import secrets
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from vault.cobblestone import KEY_BYTES, bind, expand
from vault.errors import DecryptionError, KeyFileError, WrongPassphraseError
from vault.files import write_new
from vault.sealing import seal, unseal

_SCHEME = b"vault.root.v1"
_SALT_BYTES = 16
_MOST_ITERATIONS = 16
_MOST_LANES = 16
_MOST_MEMORY_KIB = 2 * 1024 * 1024
_FIELDS = {"version": int, "kdf": str, "salt": str, "iterations": int, "lanes": int, "memory_kib": int, "sealed": str}


@dataclass(frozen=True, slots=True)
class Cost:
    """What one guess at the passphrase costs: Argon2id's parameters, RFC 9106's second recommendation by default.

    Bounded, so that an altered file cannot take the machine down: at most RFC 9106's first recommendation of memory.
    Raises `KeyFileError`.
    """

    iterations: int = 3
    lanes: int = 4
    memory_kib: int = 64 * 1024

    def __post_init__(self) -> None:
        bounded = 1 <= self.iterations <= _MOST_ITERATIONS and 1 <= self.lanes <= _MOST_LANES
        if not (bounded and 8 * self.lanes <= self.memory_kib <= _MOST_MEMORY_KIB):
            raise KeyFileError("these Argon2id parameters are out of bounds: restore the key file from a good copy")


@dataclass(frozen=True, slots=True)
class PassphraseFile:
    """R, 32 random bytes, held in memory while it is open. It is a `KeyEncryptionKey`."""

    _root: bytes = field(repr=False)

    @classmethod
    def create(cls, path: Path, passphrase: bytes, cost: Cost = Cost()) -> Self:
        """Draw R and keep it in a new file; raise `KeyFileError` when there is one already or it cannot be written."""
        root, salt = secrets.token_bytes(KEY_BYTES), secrets.token_bytes(_SALT_BYTES)
        sealed = seal(_stretched(passphrase, salt, cost), root, _context(salt, cost))
        kept = {"version": 1, "kdf": "argon2id", "salt": salt.hex(), **asdict(cost), "sealed": sealed.hex()}
        try:
            write_new(path, json.dumps(kept, indent=1).encode())
        except FileExistsError as error:
            raise KeyFileError(
                "a file of this name is there already, and is not written over: name a new one"
            ) from error
        except OSError as error:
            raise KeyFileError(f"the key file cannot be written: {error.strerror}") from error
        return cls(root)

    @classmethod
    def open(cls, path: Path, passphrase: bytes) -> Self:
        """Open the file; raise `WrongPassphraseError`, or `KeyFileError` when it is missing or malformed."""
        kept = _read(path)
        try:
            salt, sealed = bytes.fromhex(kept["salt"]), bytes.fromhex(kept["sealed"])
        except ValueError as error:
            raise KeyFileError("the key file is malformed: restore it from a good copy") from error
        cost = Cost(kept["iterations"], kept["lanes"], kept["memory_kib"])
        try:
            return cls(unseal(_stretched(passphrase, salt, cost), sealed, _context(salt, cost)))
        except DecryptionError as error:
            raise WrongPassphraseError("the passphrase does not open this key file, or the file was altered") from error

    @property
    def destruction_delay(self) -> int:
        """0 seconds: nobody keeps for us what a file has lost."""
        return 0

    def wrap(self, context: bytes, key: bytes) -> bytes:
        """Return `key` sealed under R for `context`."""
        return seal(self._root, key, bind(b"vault.wrap.v1", context))

    def unwrap(self, context: bytes, wrapped: bytes) -> bytes:
        """Open what `wrap` made for the same context; raise `DecryptionError`."""
        return unseal(self._root, wrapped, bind(b"vault.wrap.v1", context))

    def derive(self, context: bytes) -> bytes:
        """Return the 32 bytes that belong to `context` under R, always the same."""
        return expand(self._root, bind(b"vault.derive.v1", context), KEY_BYTES)


def _read(path: Path) -> dict[str, Any]:
    try:
        kept = json.loads(path.read_bytes())
    except OSError as error:
        raise KeyFileError(f"the key file cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise KeyFileError("the key file is not JSON: restore it from a good copy") from error
    typed = isinstance(kept, dict) and {name: type(value) for name, value in kept.items()} == _FIELDS
    if not typed or kept["version"] != 1 or kept["kdf"] != "argon2id":
        raise KeyFileError("the key file is malformed: restore it from a good copy")
    return dict(kept)


def _stretched(passphrase: bytes, salt: bytes, cost: Cost) -> bytes:
    try:
        return Argon2id(
            salt=salt, length=KEY_BYTES, iterations=cost.iterations, lanes=cost.lanes, memory_cost=cost.memory_kib
        ).derive(passphrase)
    except (ValueError, MemoryError, UnsupportedAlgorithm) as error:
        raise KeyFileError("Argon2id cannot run with the key file's parameters on this machine") from error


def _context(salt: bytes, cost: Cost) -> bytes:
    return bind(_SCHEME, salt, *(str(value).encode() for value in asdict(cost).values()))

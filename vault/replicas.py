"""Epoch keys at rest: `epoch-<n>.key`, wrapped under R, one copy in each of two or more folders.

The folders belong on different disks, outside every database, snapshot and backup: an epoch's key must be able to die.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from vault.cobblestone import bind
from vault.epoch import EpochKey, KeyEncryptionKey, check_value
from vault.errors import DecryptionError, EpochKeyLostError, EpochNotDestroyedError, KeyFileError
from vault.files import destroy, write_new

FEWEST = 2
_COPY = re.compile(r"epoch-([0-9]{1,15})\.key.*")
"""A key's file, or a draft of one."""


@dataclass(frozen=True, slots=True)
class Replicas:
    """The folders that hold one tenant's epoch keys; raises `KeyFileError` for fewer than two."""

    folders: tuple[Path, ...]
    root: KeyEncryptionKey
    tenant: str

    def __post_init__(self) -> None:
        if len({folder.resolve() for folder in self.folders}) < FEWEST:
            raise KeyFileError("epoch keys need two or more different replica folders")

    def make_folders(self) -> None:
        """Make the folders that are not there, for their owner only; raise `KeyFileError`."""
        try:
            for folder in self.folders:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise KeyFileError(f"a replica folder cannot be made: {error.strerror}") from error

    def write(self, key: EpochKey) -> None:
        """Write a new key into every folder, and read each copy back; raise `KeyFileError`.

        A file of the same name is never replaced: it may be the key of a tree that is in use.
        """
        wrapped = self.root.wrap(self._context(key.number), key.secret)
        try:
            for folder in self.folders:
                write_new(folder / _name(key.number), wrapped)
        except OSError as error:
            raise KeyFileError(f"an epoch key cannot be written: {error.strerror}") from error
        if self.missing(key.number, key.check()):
            raise KeyFileError("an epoch key does not read back from where it was written")

    def read(self, number: int, check: bytes) -> EpochKey:
        """Return an epoch's key from the first intact copy; raise `EpochKeyLostError` when there is none."""
        for folder in self.folders:
            secret = self._intact(folder, number, check)
            if secret is not None:
                return EpochKey(self.tenant, number, secret)
        raise EpochKeyLostError(
            f"no replica folder holds an intact key of epoch {number}: bring one back, or take keys of the live epoch"
        )

    def missing(self, number: int, check: bytes) -> tuple[Path, ...]:
        """Return the folders without an intact copy of an epoch's key."""
        return tuple(folder for folder in self.folders if self._intact(folder, number, check) is None)

    def left_before(self, live: int) -> tuple[int, ...]:
        """Return the epochs before `live` whose key lies in a folder, whether or not a keys database knows of it."""
        named = ((path, _COPY.fullmatch(path.name)) for folder in self.folders for path in _listed(folder) or ())
        dead = ((path, int(name[1])) for path, name in named if name and int(name[1]) < live)
        return tuple(sorted({number for path, number in dead if self._opened(path, number) is not None}))

    def newest(self) -> int:
        """Return the newest epoch whose key opens in some folder, 0 when none does."""
        named = ((path, _COPY.fullmatch(path.name)) for folder in self.folders for path in _listed(folder) or ())
        numbers = sorted(((int(name[1]), path) for path, name in named if name), reverse=True)
        return next((number for number, path in numbers if self._opened(path, number) is not None), 0)

    def all_there(self) -> bool:
        """Say whether every folder can be looked into."""
        return all(_listed(folder) is not None for folder in self.folders)

    def destroy(self, number: int) -> None:
        """Destroy every copy of an epoch's key, drafts too; raise `EpochNotDestroyedError` when one may be left.

        Every folder is tried before that is said.
        """
        left = [str(folder) for folder in self.folders if not _destroyed(folder, number)]
        if left:
            raise EpochNotDestroyedError(f"the key of epoch {number} may still lie in {', '.join(left)}")

    def _intact(self, folder: Path, number: int, check: bytes) -> bytes | None:
        secret = self._opened(folder / _name(number), number)
        return secret if secret is not None and check_value(secret) == check else None

    def _opened(self, path: Path, number: int) -> bytes | None:
        try:
            return self.root.unwrap(self._context(number), path.read_bytes())
        except (OSError, DecryptionError):
            return None

    def _context(self, number: int) -> bytes:
        return bind(b"vault.epoch-key.v1", self.tenant.encode(), b"%d" % number)


def _name(number: int) -> str:
    return f"epoch-{number}.key"


def _listed(folder: Path) -> list[Path] | None:
    try:
        return list(folder.iterdir())
    except OSError:
        return None


def _destroyed(folder: Path, number: int) -> bool:
    try:
        # A folder that is not there may be a disk that is not mounted, and hold a copy.
        copies = [path for path in folder.iterdir() if path.name.startswith(_name(number))]
        for path in copies:
            destroy(path)
    except OSError:
        return False
    return True

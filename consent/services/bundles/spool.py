"""The files of a bundle on their way into the zip: on disk, under no name, until their lengths and hashes are known.

`bundle.json` comes first in the zip and says both of every other file; its signature by the log key is the second. So
those are written one after the other into one unlinked file first, which the system takes back however this process
ends.
"""

import hashlib
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO, Final

from consent.domain.bundle import CONTENTS, SIGNATURE, Contents, FileFacts
from consent.domain.hashing import Json, canonical_json
from consent.services.bundles.scopes import BundleError

_CHUNK: Final = 1 << 16
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)
_UNIX: Final = 3
LARGEST: Final = 2_000_000_000
"""Bytes of one file: a little beyond it zip's first format ends, and readers are asked for nothing newer."""
_TOO_LARGE: Final = "this bundle would be larger than 2 GB: take a shorter period"


@dataclass(slots=True)
class Spool:
    """Files of a bundle, in the order in which they are added; `file` is one that nobody else sees."""

    file: BinaryIO
    _starts: dict[str, int] = field(default_factory=dict)
    files: dict[str, FileFacts] = field(default_factory=dict)

    def add(self, name: str, parts: Iterable[bytes]) -> None:
        """Add a file; raise `BundleError` where it is larger than a bundle's may be."""
        digest, length = hashlib.sha256(), 0
        self._starts[name] = self.file.seek(0, 2)
        for part in parts:
            digest.update(part)
            length += len(part)
            if length > LARGEST:
                raise BundleError(_TOO_LARGE)
            self.file.write(part)
        self.files[name] = FileFacts(length, digest.hexdigest())

    def add_json(self, name: str, value: Mapping[str, Json]) -> None:
        """Add a file of one JSON object."""
        self.add(name, [canonical_json(value)])

    def add_lines(self, name: str, values: Iterable[Mapping[str, Json]]) -> None:
        """Add a file with one JSON object a line."""
        self.add(name, (canonical_json(value) + b"\n" for value in values))

    def written(self, contents: Contents, target: BinaryIO, sign: Callable[[bytes], bytes]) -> str:
        """Write the zip into an empty file that can be read back; return its SHA-256 in hex.

        Raises `BundleError` where it is larger than a bundle may be.
        """
        try:
            with zipfile.ZipFile(target, "w", allowZip64=False) as archive:
                self._write(archive, contents.to_bytes(), sign(contents.signed_bytes()).hex().encode() + b"\n")
        except zipfile.LargeZipFile as error:
            raise BundleError(_TOO_LARGE) from error
        return _sha256(target)

    def _write(self, archive: zipfile.ZipFile, contents: bytes, signature: bytes) -> None:
        _write(archive, CONTENTS, len(contents), [contents])
        _write(archive, SIGNATURE, len(signature), [signature])
        for name, facts in self.files.items():
            _write(archive, name, facts.bytes, self._read(name))

    def _read(self, name: str) -> Iterator[bytes]:
        left = self.files[name].bytes
        self.file.seek(self._starts[name])
        while left:
            part = self.file.read(min(left, _CHUNK))
            left -= len(part)
            yield part


def _write(archive: zipfile.ZipFile, name: str, length: int, parts: Iterable[bytes]) -> None:
    """Write a file whose bytes depend on its name and content alone."""
    member = zipfile.ZipInfo(name, _EPOCH)
    member.compress_type, member.create_system, member.external_attr = zipfile.ZIP_DEFLATED, _UNIX, 0o600 << 16
    member.file_size = length
    with archive.open(member, "w") as file:
        for part in parts:
            file.write(part)


def _sha256(file: BinaryIO) -> str:
    digest = hashlib.sha256()
    file.seek(0)
    while part := file.read(_CHUNK):
        digest.update(part)
    return digest.hexdigest()

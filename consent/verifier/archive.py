"""The archive that a bundle is: a zip file in its one form, read as a stream and never unpacked to a disk.

    local header, name, deflated bytes     of each file, in order, without gaps
    central header, name                   of each
    end of central directory               22 bytes, the last ones

Every other field of the headers has one value (`_FIXED`), so that no byte of an archive can be altered unseen: method 8
(deflate), 1980-01-01, no extra fields, no comments, no flags: not encrypted, no sizes behind the bytes. APPNOTE.TXT
4.3.7 to 4.3.16; what it has for files of 4 GiB and more is not used.
"""

import os
import re
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from consent.domain.errors import ConsentError
from consent.verifier.findings import NotSoundError

MOST_FILES: Final = 10_000
MOST_BYTES: Final = 16 * 1024**3
"""Of all files together, unpacked."""
LONGEST_LINE: Final = 4 * 1024**2
_LONGEST_NAME: Final = 100
_NAME: Final = re.compile(rb"(rows/)?[a-z0-9]{1,20}\.(json|ndjson|sig|txt)")
_RATIO: Final = 200
_SMALL: Final = 1024**2
"""Up to it a file may unpack to more than `_RATIO` times its size; hashes and signatures never do."""
_AT_ONCE: Final = 256 * 1024
_END: Final = struct.Struct("<4s4H2LH")
_CENTRAL: Final = struct.Struct("<4s6H3L5H2L")
_LOCAL: Final = struct.Struct("<4s5H3L2H")
_VERSION, _DEFLATED, _FIRST_DAY, _UNIX, _OWNERS = 20, 8, 0x21, 3 << 8, 0o600 << 16
_FIXED: Final = (_VERSION, 0, _DEFLATED, 0, _FIRST_DAY)
"""Version needed, flags, method, time and date."""


class UnreadableBundleError(ConsentError):
    """The file cannot be read; check its name, or whether you may read it."""


@dataclass(frozen=True, slots=True)
class Member:
    """One file of the archive: where its deflated bytes begin, how many there are, and what they unpack to."""

    name: str
    start: int
    packed: int
    size: int
    crc: int


class Archive:
    """An open archive; several of its files can be read at the same time.

    Attributes:
        members: its files by name, in their order.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.members = {member.name: member for member in _members(descriptor)}

    def lines(self, name: str) -> Iterator[bytes]:
        """Yield a file's lines without their line feeds; raise `NotSoundError` for an empty, endless or open one."""
        rest, number = b"", 0
        for chunk in self.chunks(name):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                number += 1
                if not line or len(line) > LONGEST_LINE:
                    raise NotSoundError(f"{name} line {number}", "a line holds something, and at most 4 MiB")
                yield line
            if len(rest) > LONGEST_LINE:
                raise NotSoundError(f"{name} line {number + 1}", "a line holds something, and at most 4 MiB")
        if rest:
            raise NotSoundError(f"{name} line {number + 1}", "the last line ends in a line feed")

    def read(self, name: str) -> bytes:
        """Return a small file's bytes; raise `NotSoundError` for one that is none."""
        if self.members[name].size > LONGEST_LINE:
            raise NotSoundError(name, "this file is larger than any of its kind")
        return b"".join(self.chunks(name))

    def digest(self, name: str) -> str:
        """Return the SHA-256 of a file, 64 hex digits."""
        found = sha256()
        for chunk in self.chunks(name):
            found.update(chunk)
        return found.hexdigest()

    def chunks(self, name: str) -> Iterator[bytes]:
        """Yield a file's bytes; raise `NotSoundError` where they are not what the headers say."""
        member, found, crc = self.members[name], 0, 0
        for chunk in self._inflated(member):
            found, crc = found + len(chunk), zlib.crc32(chunk, crc)
            if found > member.size:
                break
            yield chunk
        if (found, crc) != (member.size, member.crc):
            raise NotSoundError(name, "its bytes are not those that the archive's headers tell of")

    def _inflated(self, member: Member) -> Iterator[bytes]:
        inflate = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            for first in range(0, member.packed - 1, _AT_ONCE):
                wanted = min(_AT_ONCE, member.packed - 1 - first)
                packed = _read(self._descriptor, member.start + first, wanted)
                while packed:
                    yield inflate.decompress(packed, _AT_ONCE)
                    packed = inflate.unconsumed_tail
                    if inflate.eof:
                        raise NotSoundError(member.name, "there are bytes behind the end of what was deflated")
            yield _last(inflate, _read(self._descriptor, member.start + member.packed - 1, 1), member.name)
        except zlib.error as error:
            raise NotSoundError(member.name, "it is not deflated as it should be") from error


@contextmanager
def opened(path: Path) -> Iterator[Archive]:
    """Open an archive; raise `UnreadableBundleError` where there is no file, `NotSoundError` where it is no archive."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        raise UnreadableBundleError("the bundle cannot be read: check its name") from error
    try:
        yield Archive(descriptor)
    finally:
        os.close(descriptor)


def _last(inflate: "zlib._Decompress", byte: bytes, name: str) -> bytes:
    """Return what a deflated stream's last byte gives; its unused bits are 0, so that none can be altered unseen."""
    # With its highest bit cleared a byte that is needed so far gives something else, or no end.
    other, spared = inflate.copy(), byte[0] & ~(1 << byte[0].bit_length() >> 1)
    rest = inflate.decompress(byte)
    if not inflate.eof or inflate.unused_data:
        raise NotSoundError(name, "the end of what was deflated is missing")
    try:
        same = byte[0] > 0 and other.decompress(bytes([spared])) == rest and other.eof
    except zlib.error:
        same = False
    if same:
        raise NotSoundError(name, "bits behind the end of what was deflated are set")
    return rest


def _members(descriptor: int) -> Iterator[Member]:
    """Yield the files of an archive, whose headers are all as they must be."""
    number, offset, last = _directory(descriptor)
    behind, names = 0, set[str]()
    for _ in range(number):
        member, at = _central(descriptor, offset, last)
        if at != behind or member.name in names:
            raise NotSoundError(member.name, "files follow each other without gaps, each once")
        _require_local(descriptor, member, at)
        names.add(member.name)
        behind, offset = member.start + member.packed, offset + _CENTRAL.size + len(member.name)
        yield member
    if (behind, offset) != (_directory(descriptor)[1], last):
        raise _unlike("the archive's directory follows its files, and nothing else does")


def _directory(descriptor: int) -> tuple[int, int, int]:
    """Return how many files there are, and where the directory begins and ends."""
    length = _length(descriptor)
    last = length - _END.size
    if last < 0:
        raise _unlike("this is no zip archive")
    mark, disk, first_disk, here, number, size, offset, comment = _END.unpack(_read(descriptor, last, _END.size))
    if mark != b"PK\x05\x06" or disk or first_disk or comment or here != number or offset + size != last:
        raise _unlike("this is no zip archive of one part that ends with its directory")
    if not 0 < number <= MOST_FILES or size > number * (_CENTRAL.size + _LONGEST_NAME):
        raise _unlike(f"a bundle has 1 to {MOST_FILES:,} files with short names")
    return number, offset, last


def _length(descriptor: int) -> int:
    try:
        return os.lseek(descriptor, 0, os.SEEK_END)
    except OSError as error:
        raise UnreadableBundleError("the bundle is no file: give the archive itself") from error


def _central(descriptor: int, offset: int, last: int) -> tuple[Member, int]:
    """Return the file of the central header at `offset`, and where its local header is."""
    if offset + _CENTRAL.size > last:
        raise _unlike("the archive's directory is cut off")
    mark, made, *fixed, crc, packed, size, length, extra, comment, disk, inner, outer, at = _CENTRAL.unpack(
        _read(descriptor, offset, _CENTRAL.size)
    )
    if not 0 < length <= _LONGEST_NAME or offset + _CENTRAL.size + length > last:
        raise _unlike("a file's name is short and stands in the directory")
    name = _name(_read(descriptor, offset + _CENTRAL.size, length))
    rest = (made, extra, comment, disk, inner, outer)
    if mark != b"PK\x01\x02" or tuple(fixed) != _FIXED or rest != (_UNIX | _VERSION, 0, 0, 0, 0, _OWNERS):
        raise NotSoundError(name, "its header has another form than a bundle's")
    if packed < 1 or size > max(_SMALL, _RATIO * packed):
        raise NotSoundError(name, "it unpacks to more than a file of a bundle can")
    return Member(name, at + _LOCAL.size + length, packed, size, crc), at


def _require_local(descriptor: int, member: Member, at: int) -> None:
    name = member.name.encode()
    said = _LOCAL.pack(b"PK\x03\x04", *_FIXED, member.crc, member.packed, member.size, len(name), 0) + name
    if _read(descriptor, at, len(said)) != said:
        raise NotSoundError(member.name, "its two headers differ")


def _name(name: bytes) -> str:
    if not _NAME.fullmatch(name):
        raise _unlike("a file's name is not one of a bundle")
    return name.decode()


def _read(descriptor: int, offset: int, length: int) -> bytes:
    try:
        content = os.pread(descriptor, length, offset)
    except OSError as error:
        raise UnreadableBundleError("the bundle cannot be read: is it a file, on a disk that works?") from error
    if len(content) != length:
        raise _unlike("the archive is cut off")
    return content


def _unlike(wrong: str) -> NotSoundError:
    return NotSoundError("the archive", wrong)

"""The archive that a bundle is: read in its one form, and no byte of it can be altered unseen."""

import secrets
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from consent.verifier.archive import Archive, UnreadableBundleError, opened
from consent.verifier.findings import NotSoundError
from tests.verifier.asking import failure
from tests.verifier.workshop import Workshop, pack

FILES: Final = {"bundle.json": b'{"a":1}', "entries.ndjson": b"one\ntwo\n", "rows/0.ndjson": b""}
END: Final = 22
LONG: Final = secrets.token_hex(2 * 1024**2 + 1).encode()


def _packed(tmp_path: Path, files: dict[str, bytes] | None = None) -> Path:
    return pack(tmp_path / "bundle.zip", FILES if files is None else files)


def _read(path: Path) -> dict[str, bytes]:
    with opened(path) as archive:
        return {name: b"".join(archive.chunks(name)) for name in archive.members}


def _altered(path: Path, alter: Callable[[bytes], bytes]) -> Path:
    path.write_bytes(alter(path.read_bytes()))
    return path


def test_files_are_read_as_they_were_packed(tmp_path: Path) -> None:
    """Names, order and bytes, whatever their length."""
    files = FILES | {"rows/1.ndjson": secrets.token_bytes(10_000_000)}
    assert _read(_packed(tmp_path, files)) == files
    assert list(_read(_packed(tmp_path, files))) == list(files)


def test_lines_come_without_their_line_feeds(tmp_path: Path) -> None:
    """Also across the parts in which they are read, and several files at once."""
    long = [b"x" * 300_000, b"y", b"z" * 700_000]
    with opened(_packed(tmp_path, FILES | {"rows/1.ndjson": b"\n".join(long) + b"\n"})) as archive:
        assert list(archive.lines("rows/1.ndjson")) == long
        pairs = zip(archive.lines("entries.ndjson"), archive.lines("rows/1.ndjson"), strict=False)
        assert list(pairs) == [(b"one", long[0]), (b"two", long[1])]
        assert list(archive.lines("rows/0.ndjson")) == []


@pytest.mark.parametrize(
    ("content", "line"),
    [(b"one\n\ntwo\n", 2), (b"one\ntwo", 2), (b"\n", 1), (b"one\n" + LONG + b"\n", 2), (b"one\n" + LONG + LONG, 2)],
)
def test_a_line_that_is_empty_open_or_endless_is_named(tmp_path: Path, content: bytes, line: int) -> None:
    """The first such one."""
    with (
        opened(_packed(tmp_path, {"entries.ndjson": content})) as archive,
        pytest.raises(NotSoundError) as refused,
    ):
        list(archive.lines("entries.ndjson"))
    assert refused.value.item == f"entries.ndjson line {line}"


def test_no_byte_of_a_bundle_can_be_altered_unseen(tmp_path: Path) -> None:
    """Each byte of the archive in turn, headers and the bits behind deflated bytes included."""
    life = Workshop()
    life.approve("heart")
    life.grant(life.enrol(), "heart")
    path = life.write(tmp_path / "receipt.zip", "receipt", index=life.receipts[0].index)
    content, policy = path.read_bytes(), life.policy()
    assert failure(path, policy) == ("", "", "")
    for place in range(len(content)):
        altered = bytearray(content)
        altered[place] ^= 1 << place % 8
        path.write_bytes(altered)
        assert failure(path, policy)[0], f"byte {place}"


def test_no_unused_bit_behind_deflated_bytes_can_be_set_unseen(tmp_path: Path) -> None:
    """Of files whose deflated bytes end at every place of a byte."""
    unseen = spared = 0
    for length in range(40):
        path = _packed(tmp_path, {"entries.ndjson": b"ab" * length})
        content = path.read_bytes()
        with opened(path) as archive:
            member = archive.members["entries.ndjson"]
        last = member.start + member.packed - 1
        for bit in range(8):
            path.write_bytes(content[:last] + bytes([content[last] ^ 1 << bit]) + content[last + 1 :])
            with zipfile.ZipFile(path) as lax:
                try:
                    spared += lax.testzip() is None
                except zlib.error:
                    continue
            try:
                _read(path)
            except NotSoundError:
                continue
            unseen += 1
    assert (spared > 20, unseen) == (True, 0)  # what another reader does not see, we do


def test_whatever_is_cut_off_is_refused(tmp_path: Path) -> None:
    """After every byte."""
    path = _packed(tmp_path)
    content = path.read_bytes()
    for length in range(len(content)):
        path.write_bytes(content[:length])
        with pytest.raises(NotSoundError):
            _read(path)


@pytest.mark.parametrize(
    "name",
    [
        "../bundle.json", "/etc/passwd", "rows/../bundle.json", "rows\\0.ndjson", "C:bundle.json", "rows/",
        "a.exe", "A.json", "\x1b[31m.json", "é.json", "x" * 200 + ".json", "rows/rows/0.ndjson",
    ],
)  # fmt: skip
def test_a_name_that_no_bundle_has_is_refused_and_not_repeated(tmp_path: Path, name: str) -> None:
    """Paths, other cases, control characters, long ones."""
    with pytest.raises(NotSoundError) as refused:
        _read(_packed(tmp_path, {name: b"x"}))
    assert name not in str(refused.value) + refused.value.item


def test_one_name_twice_is_refused(tmp_path: Path) -> None:
    """Another reader could take the other one."""
    path = _packed(tmp_path, {"entries.ndjson": b"one", "entriex.ndjson": b"two"})
    _altered(path, lambda content: content.replace(b"entriex", b"entries"))
    with pytest.raises(NotSoundError, match="each once"):
        _read(path)


def test_a_gap_or_something_in_front_or_behind_is_refused(tmp_path: Path) -> None:
    """Nothing can hide between the files."""
    content = _packed(tmp_path).read_bytes()
    for altered in (b"x" + content, content + b"x", content + content, content[:-END] + b"x" + content[-END:]):
        path = tmp_path / "odd.zip"
        path.write_bytes(altered)
        with pytest.raises(NotSoundError):
            _read(path)


@pytest.mark.parametrize(
    "set_up",
    [
        lambda member: setattr(member, "date_time", (1999, 1, 1, 0, 0, 0)),
        lambda member: setattr(member, "compress_type", zipfile.ZIP_STORED),
        lambda member: setattr(member, "compress_type", zipfile.ZIP_BZIP2),
        lambda member: setattr(member, "compress_type", zipfile.ZIP_LZMA),
        lambda member: setattr(member, "extra", b"\x01\x00\x00\x00"),
        lambda member: setattr(member, "comment", b"hello"),
        lambda member: setattr(member, "external_attr", 0o120777 << 16),  # a link
        lambda member: setattr(member, "create_system", 0),
    ],
)
def test_another_form_of_a_header_is_refused(tmp_path: Path, set_up: Callable[[zipfile.ZipInfo], None]) -> None:
    """Times, methods, extra fields, comments, kinds of file."""
    member = zipfile.ZipInfo("entries.ndjson", (1980, 1, 1, 0, 0, 0))
    member.compress_type, member.external_attr = zipfile.ZIP_DEFLATED, 0o600 << 16
    set_up(member)
    with zipfile.ZipFile(tmp_path / "odd.zip", "w") as archive:
        archive.writestr(member, b"x")
    with pytest.raises(NotSoundError, match="another form"):
        _read(tmp_path / "odd.zip")


def test_an_encrypted_file_and_a_commented_archive_are_refused(tmp_path: Path) -> None:
    """Flags are all clear, and the archive ends with its directory."""
    path = _packed(tmp_path)
    content = path.read_bytes()
    central = content.index(b"PK\x01\x02")
    flagged = content[: central + 8] + b"\x01" + content[central + 9 :]
    for altered in (flagged, content[:6] + b"\x01" + content[7:], content[:-2] + b"\x01\x00!"):
        path.write_bytes(altered)
        with pytest.raises(NotSoundError):
            _read(path)


def test_a_bomb_is_refused_by_its_headers(tmp_path: Path) -> None:
    """100 MB of the same byte, which no file of a bundle is."""
    with pytest.raises(NotSoundError, match="unpacks to more"):
        _read(_packed(tmp_path, {"entries.ndjson": bytes(100 * 1024**2)}))


def test_a_bomb_whose_headers_lie_is_left_where_they_end(tmp_path: Path) -> None:
    """No more is unpacked than the headers tell of, give or take one part."""
    path = _packed(tmp_path, {"entries.ndjson": bytes(100 * 1024**2)})
    size = struct.pack("<L", 100 * 1024**2)
    _altered(path, lambda content: content.replace(size, struct.pack("<L", 1000)))
    with opened(path) as archive, pytest.raises(NotSoundError, match="not those"):
        for _ in archive.chunks("entries.ndjson"):
            pass


def test_ten_thousand_files_are_too_many(tmp_path: Path) -> None:
    """The directory is not even read."""
    content = _packed(tmp_path).read_bytes()
    many = struct.pack("<HH", 60_000, 60_000)
    path = tmp_path / "many.zip"
    path.write_bytes(content[:-14] + many + content[-10:])
    with pytest.raises(NotSoundError, match="1 to 10,000 files"):
        _read(path)


def test_what_is_no_file_is_told_apart_from_what_is_no_archive(tmp_path: Path) -> None:
    """A folder and a missing file cannot be read; anything else that is none is not sound."""
    for path in (tmp_path, tmp_path / "missing.zip", Path("no\x00name")):
        with pytest.raises(UnreadableBundleError), opened(path) as archive:
            assert archive.members
    for content in (b"", b"PK", b"{}\n" * 100, b"PK\x05\x06" + bytes(18)):
        (tmp_path / "other.zip").write_bytes(content)
        with pytest.raises(NotSoundError), opened(tmp_path / "other.zip"):
            pass


def test_a_small_file_must_be_small(tmp_path: Path) -> None:
    """What is read at once is bounded."""
    path = _packed(tmp_path, {"chain.json": secrets.token_bytes(5_000_000)})
    with opened(path) as archive, pytest.raises(NotSoundError, match="larger than any"):
        archive.read("chain.json")
    assert isinstance(archive, Archive)

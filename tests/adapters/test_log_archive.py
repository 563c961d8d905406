"""The log archive: a line an entry, nothing lost, nothing replaced."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.adapters.log_archive import ArchiveError, LogArchiveFile
from consent.domain.errors import LogForkError

ENTRIES = [b'{"index":%d}' % number for number in range(10)]


@pytest.fixture
def archive(tmp_path: Path) -> LogArchiveFile:
    """An archive that is not there yet."""
    return LogArchiveFile(tmp_path / "log-archive")


def test_entries_go_round_and_stay_private_to_their_owner(archive: LogArchiveFile) -> None:
    assert archive.size() == 0
    archive.append(0, ENTRIES[:4])
    archive.append(4, ENTRIES[4:])
    assert archive.size() == 10
    assert list(archive.bodies()) == ENTRIES
    assert list(archive.bodies(7)) == ENTRIES[7:]
    assert archive.path.stat().st_mode & 0o777 == 0o600


def test_what_another_process_wrote_is_seen_and_kept(archive: LogArchiveFile) -> None:
    other = LogArchiveFile(archive.path)
    archive.append(0, ENTRIES[:4])
    other.append(0, ENTRIES[:6])
    archive.append(2, ENTRIES[2:8])
    assert list(other.bodies()) == ENTRIES[:8]


def test_a_gap_or_another_entry_at_a_known_place_is_refused(archive: LogArchiveFile) -> None:
    archive.append(0, ENTRIES[:4])
    for first, bodies in ((5, ENTRIES[5:]), (2, [ENTRIES[2], b"{}"]), (3, [b"{}", ENTRIES[4]])):
        with pytest.raises(LogForkError):
            archive.append(first, bodies)
    assert list(archive.bodies()) == ENTRIES[:4]


@given(kept=st.integers(0, 200))
def test_a_torn_line_was_never_signed_and_is_replaced(tmp_path_factory: pytest.TempPathFactory, kept: int) -> None:
    path = tmp_path_factory.mktemp("archive") / "log-archive"
    whole = b"".join(entry + b"\n" for entry in ENTRIES)
    path.write_bytes(whole[:kept])
    archive = LogArchiveFile(path)
    size = archive.size()
    assert list(archive.bodies()) == ENTRIES[:size]
    archive.append(size, ENTRIES[size:])
    assert path.read_bytes() == whole


def test_long_entries_are_compared_whole(archive: LogArchiveFile) -> None:
    entries = [b"a" * (1 << 21), b"b" * (1 << 21)]
    archive.append(0, entries)
    archive.append(0, entries)
    with pytest.raises(LogForkError):
        archive.append(1, [b"b" * ((1 << 21) - 1)])


def test_a_folder_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="cannot be read or written"):
        LogArchiveFile(tmp_path / "not" / "there").append(0, ENTRIES)

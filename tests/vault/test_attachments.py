"""Attachments: a stream of any length in parts, of which none can be moved, repeated, left out or cut off."""

import tracemalloc
from collections.abc import Callable, Iterator
from itertools import repeat

import pytest
from sqlalchemy import Connection, delete, select, update

from tests.vault.homes import ACCESS, DRUGS, LAB, Home, ListedGate, admitted, open_gate
from vault import Admitted, DecryptionError, Deposit, Deposited, Outcome, RecordNotFoundError, Refused, attachments
from vault.sql.parts import SealedPart, add_part
from vault.tables import vault_parts, vault_records

ANNA, BEN = "a" * 32, "b" * 32
HEADER = Deposit(ANNA, LAB, b"a picture", "Media/1")
PART = 10


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of 10 bytes, so that a few bytes are many parts."""
    monkeypatch.setattr(attachments, "PART_BYTES", PART)


def attach(home: Home, *pieces: bytes, header: Deposit = HEADER) -> Deposited:
    vault = home.vault()
    vault.enrol([header.subject])
    with home.writing() as connection:
        return vault.attach(connection, header, pieces)


def streamed(home: Home, record_id: str) -> Iterator[bytes]:
    with home.writing() as connection:
        stream = home.vault().read_attachment(connection, open_gate(ANNA), ACCESS, ANNA, record_id)
        assert not isinstance(stream, Refused)
        yield from stream


def parts(home: Home) -> int:
    with home.records().connect() as connection:
        return len(connection.execute(select(vault_parts.c.part)).all())


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize(
    ("pieces", "sizes"),
    [
        ([], [0]),
        ([b""], [0]),
        ([b"x" * 9], [9]),
        ([b"x" * 10], [10]),
        ([b"x" * 11], [10, 1]),
        ([b"x"] * 20, [10, 10]),
        ([b"x" * 35, b"", b"y"], [10, 10, 10, 6]),
    ],
    ids=["nothing", "an empty piece", "less", "one part", "one byte more", "byte by byte", "at once"],
)
def test_a_stream_comes_back_as_it_went_in_whatever_its_pieces(
    home: Home, pieces: list[bytes], sizes: list[int]
) -> None:
    attached = attach(home, *pieces)
    found = list(streamed(home, attached.record_id))
    assert b"".join(found) == b"".join(pieces)
    assert [len(part) for part in found] == sizes


def test_the_header_is_a_record_like_any_other(home: Home) -> None:
    attached = attach(home, b"pixels")
    [record] = home.read(ANNA)[0].records
    assert (record.record_id, record.version, record.content) == (attached.record_id, 1, b"a picture")


@pytest.mark.usefixtures("small_parts")
def test_the_same_again_is_unchanged_and_leaves_no_part_behind(home: Home) -> None:
    first = attach(home, b"x" * 25)
    assert first.outcome is Outcome.STORED
    assert attach(home, *[b"x"] * 25) == first._replace(outcome=Outcome.UNCHANGED)
    assert parts(home) == 3


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize(
    "changed", [b"x" * 24, b"x" * 26, b"x" * 20, b"x" * 24 + b"y", b"y" + b"x" * 24, b"x" * 45, b""]
)
def test_another_stream_behind_the_same_header_is_a_next_version(home: Home, changed: bytes) -> None:
    first = attach(home, b"x" * 25)
    second = attach(home, changed)
    assert second == Deposited(first.record_id, 2, Outcome.REPLACED)
    assert b"".join(streamed(home, first.record_id)) == changed


@pytest.mark.usefixtures("small_parts")
def test_the_history_tells_of_parts_and_an_older_version_streams_by_its_number(home: Home) -> None:
    record_id = attach(home, b"x" * 25).record_id
    attach(home, b"y" * 5)
    with home.writing() as connection:
        history = home.vault().history(connection, open_gate(ANNA), ACCESS, ANNA)
        assert not isinstance(history, Refused)
        assert [(version.version, version.parts) for version in history.versions] == [(1, 3), (2, 1)]
        streams = [
            home.vault().read_attachment(connection, open_gate(ANNA), ACCESS, ANNA, record_id, number)
            for number in (1, 2)
        ]
        assert [b"".join(stream) for stream in streams if not isinstance(stream, Refused)] == [b"x" * 25, b"y" * 5]
        with pytest.raises(RecordNotFoundError):
            home.vault().read_attachment(connection, open_gate(ANNA), ACCESS, ANNA, record_id, 3)


def test_another_header_before_the_same_stream_is_a_next_version(home: Home) -> None:
    attach(home, b"pixels")
    other = Deposit(ANNA, LAB, b"a better picture", HEADER.name)
    assert attach(home, b"pixels", header=other).outcome is Outcome.REPLACED


def test_an_older_header_is_outdated_and_its_stream_is_not_read(home: Home) -> None:
    attach(home, b"pixels")
    older = Deposit(ANNA, LAB, b"an older picture", HEADER.name)
    with home.writing() as connection:
        attached = home.vault().attach(connection, older, _unread(), lambda _deposit, _stored: False)
    assert attached.outcome is Outcome.OUTDATED
    assert parts(home) == 1


def _unread() -> Iterator[bytes]:
    raise AssertionError
    yield b""


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ({ANNA: Refused("STOPPED")}, "STOPPED"),
        ({}, "CATEGORY"),
        ({ANNA: admitted(LAB)}, "CATEGORY"),
    ],
    ids=["refused", "no answer", "another category"],
)
def test_who_is_refused_gets_no_stream(home: Home, answers: dict[str, Admitted | Refused], reason: str) -> None:
    gate = ListedGate(answers)
    attached = attach(home, b"pixels", header=Deposit(ANNA, DRUGS, b"a picture"))
    with home.writing() as connection:
        refused = home.vault().read_attachment(connection, gate, ACCESS, ANNA, attached.record_id)
    assert refused == Refused(reason)
    assert len(gate.asked) == 1


def test_a_withdrawn_or_unknown_record_has_no_stream(home: Home) -> None:
    attached = attach(home, b"pixels")
    home.deposit(Deposit(ANNA, LAB, b"a picture", HEADER.name, withdrawn=True))
    for record_id in (attached.record_id, "0" * 32):
        with pytest.raises(RecordNotFoundError):
            list(streamed(home, record_id))


def test_a_record_without_a_stream_has_none_to_read(home: Home) -> None:
    [record_id] = home.deposit(Deposit(ANNA, LAB, b"no picture"))
    with pytest.raises(DecryptionError):
        list(streamed(home, record_id))


def _drop(number: int) -> Callable[[Connection], object]:
    return lambda connection: connection.execute(delete(vault_parts).where(vault_parts.c.part == number))


def _renumber(number: int, to: int) -> Callable[[Connection], object]:
    moved = update(vault_parts).where(vault_parts.c.part == number).values(part=to)
    return lambda connection: connection.execute(moved)


def _swap(connection: Connection) -> None:
    for number, to in ((0, 9), (1, 0), (9, 1)):
        _renumber(number, to)(connection)


def _copy(number: int, to: int) -> Callable[[Connection], None]:
    def copy(connection: Connection) -> None:
        row = connection.execute(select(vault_parts).where(vault_parts.c.part == number)).one()
        add_part(connection, SealedPart(row.subject, row.record_id, row.version, to, row.sealed))

    return copy


def _close_the_gap(connection: Connection) -> None:
    _drop(1)(connection)
    _renumber(2, 1)(connection)


def _recategorise(connection: Connection) -> None:
    connection.execute(update(vault_records).values(category=DRUGS))


def _cut(connection: Connection) -> None:
    connection.execute(update(vault_parts).where(vault_parts.c.part == 1).values(sealed=b"\x01"))


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize(
    "meddle",
    [
        *map(_drop, range(3)),
        lambda connection: connection.execute(delete(vault_parts)),
        _swap,
        _copy(1, 3),
        _copy(2, 3),
        _close_the_gap,
        _renumber(2, 3),
        _recategorise,
        _cut,
    ],
    ids=[
        "first dropped",
        "middle dropped",
        "cut off",
        "all dropped",
        "swapped",
        "middle repeated",
        "last repeated",
        "middle dropped, last moved up",
        "last moved on",
        "under another category",
        "a part emptied",
    ],
)
def test_a_stream_that_was_meddled_with_does_not_open(home: Home, meddle: Callable[[Connection], object]) -> None:
    attached = attach(home, b"x" * 25)
    with home.writing() as connection:
        meddle(connection)
    with pytest.raises(DecryptionError):
        list(streamed(home, attached.record_id))


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("moved", [{"subject": BEN}, {"record_id": "0" * 32}, {"version": 2}])
def test_parts_of_another_record_do_not_open(home: Home, moved: dict[str, object]) -> None:
    attached = attach(home, b"x" * 25)
    attach(home, b"y" * 25, header=Deposit(ANNA, LAB, b"a picture", "Media/2"))
    home.vault().enrol([BEN])
    with home.writing() as connection:
        for table in (vault_parts, vault_records):
            connection.execute(update(table).where(table.c.record_id == attached.record_id).values(moved))
        subject, record_id = str(moved.get("subject", ANNA)), str(moved.get("record_id", attached.record_id))
        stream = home.vault().read_attachment(connection, open_gate(ANNA, BEN), ACCESS, subject, record_id)
        assert not isinstance(stream, Refused)
        with pytest.raises(DecryptionError):
            list(stream)


def test_a_shredded_persons_parts_are_deleted(home: Home) -> None:
    attach(home, b"pixels")
    with home.writing() as connection:
        home.vault().shred(connection, [ANNA])
    assert parts(home) == 0


def test_a_long_stream_goes_in_and_out_with_flat_memory(home: Home) -> None:
    size, piece = 5, bytes(1024 * 1024)
    tracemalloc.start()
    attached = attach(home, *repeat(piece, size * 8))
    assert sum(map(len, streamed(home, attached.record_id))) == size * attachments.PART_BYTES
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 6 * attachments.PART_BYTES

"""The stop list's lines: fixed to the byte, each tied to the one before, and what they add up to."""

from dataclasses import replace
from functools import partial
from typing import Final

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from consent.adapters.signing import LogKey
from consent.domain.hashing import sha256
from consent.domain.stop_list import Chain, Head, Mark, MarkKind, StopListError, StopState, write_line
from consent.domain.terms import SubjectId
from consent.signatures import verifies

KEY: Final = LogKey(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
ORIGIN: Final = "consentry/test"
SOMEONE, ANOTHER = SubjectId("a1" * 16), SubjectId("b2" * 16)
CONSENT: Final = "c1" * 16
IDENTIFIER: Final = "d1" * 32
REFUSED: Final = frozenset({IDENTIFIER})
BEGIN: Final = Mark(MarkKind.BEGIN, 1_800_000_000, origin=ORIGIN)
STOP: Final = Mark(MarkKind.STOP, 1_800_000_001, subject=SOMEONE, consent=CONSENT)
BLOCK: Final = Mark(MarkKind.BLOCK, 1_800_000_002, subject=ANOTHER)
SHRED: Final = Mark(MarkKind.SHRED, 1_800_000_003, subject=ANOTHER)
TOMBSTONE: Final = Mark(MarkKind.TOMBSTONE, 1_800_000_004, identifier=IDENTIFIER)
ENROL: Final = Mark(MarkKind.ENROL, 1_800_000_005, identifier=IDENTIFIER)


def written(*marks: Mark) -> list[bytes]:
    """Return the lines of a list of these marks."""
    head, lines = Head(), list[bytes]()
    for mark in marks:
        lines.append(write_line(head, mark, KEY.sign))
        head = head.after(lines[-1])
    return lines


def chain() -> Chain:
    """Return a reader of this installation's list."""
    return Chain(ORIGIN, partial(verifies, KEY.public_key))


def test_a_line_is_frozen() -> None:
    first, second = written(BEGIN, STOP)
    unsigned = (
        b'{"consent":"' + b"c1" * 16 + b'","kind":"stop","place":1,"previous":"' + sha256(first).hex().encode()
        + b'",%s"subject":"' + b"a1" * 16 + b'","time":1800000001,"version":1}'
    )  # fmt: skip
    signature = KEY.sign(b"consentry/stops/v1\n" + unsigned % b"").hex().encode()
    assert second == unsigned % (b'"signature":"' + signature + b'",') + b"\n"


def test_what_is_written_is_read_again() -> None:
    marks, reader = [BEGIN, STOP, BLOCK, SHRED, TOMBSTONE, ENROL], chain()
    lines = written(*marks)
    assert [reader.take(line) for line in lines] == marks
    reader.require_signed()
    assert reader.head == Head(len(lines), sha256(lines[-1]))


def test_reading_goes_on_where_it_stopped() -> None:
    lines, reader = written(BEGIN, STOP, BLOCK), chain()
    reader.take(lines[0])
    later = replace(chain(), head=reader.head)
    assert [later.take(line) for line in lines[1:]] == [STOP, BLOCK]
    later.require_signed()


def test_a_line_that_does_not_follow_is_named_by_its_number() -> None:
    lines, reader = written(BEGIN, STOP, BLOCK), chain()
    reader.take(lines[0])
    with pytest.raises(StopListError, match="line 2"):
        reader.take(lines[2])


def test_lines_of_a_list_with_another_origin_are_refused() -> None:
    with pytest.raises(StopListError, match="another installation"):
        Chain("consentry/other", lambda _message, _signature: True).take(written(BEGIN)[0])


def test_a_line_that_the_log_key_did_not_sign_does_not_count() -> None:
    forged = write_line(Head(), BEGIN, lambda _message: bytes(64))
    reader = chain()
    reader.take(forged)
    with pytest.raises(StopListError, match="not signed"):
        reader.require_signed()


@given(st.binary(max_size=80))
def test_what_is_no_line_is_refused_without_an_error_of_another_kind(line: bytes) -> None:
    with pytest.raises(StopListError):
        chain().take(line)


def test_a_line_that_is_nested_without_end_is_refused() -> None:
    with pytest.raises(StopListError):
        chain().take(b"[" * 1_000_000 + b"\n")


def test_marks_add_up() -> None:
    state = StopState().after([BEGIN, STOP, BLOCK, TOMBSTONE], Head(4))
    assert state == StopState(frozenset({CONSENT}), frozenset({ANOTHER}), tombstoned=REFUSED, head=Head(4))


def test_who_is_shredded_is_blocked_too() -> None:
    assert StopState().after([SHRED], Head()).blocked == {ANOTHER}


def test_enrolling_lifts_a_tombstone_and_a_later_one_counts_again() -> None:
    lifted = StopState().after([TOMBSTONE, ENROL], Head())
    assert lifted == StopState(lifted=REFUSED)
    assert lifted.after([TOMBSTONE], Head()) == StopState(tombstoned=REFUSED)


@given(st.lists(st.sampled_from([STOP, BLOCK, SHRED, TOMBSTONE, ENROL])), st.integers(0, 9))
def test_marks_add_up_alike_at_once_or_by_and_by(marks: list[Mark], cut: int) -> None:
    at_once = StopState().after(marks, Head())
    assert StopState().after(marks[:cut], Head()).after(marks[cut:], Head()) == at_once


@pytest.mark.parametrize(
    "changed",
    [
        {"consent": ""},
        {"consent": CONSENT.upper()},
        {"subject": SubjectId("a1" * 15)},
        {"identifier": IDENTIFIER},
        {"origin": ORIGIN},
        {"time": -1},
        {"time": 2**53},
        {"time": True},
        {"kind": MarkKind.BLOCK},
        {"kind": MarkKind.BEGIN},
    ],
    ids=repr,
)
def test_a_mark_with_another_kinds_fields_or_malformed_ones_is_refused(changed: dict[str, object]) -> None:
    with pytest.raises(StopListError):
        replace(STOP, **changed)  # type: ignore[arg-type]  # that is the point

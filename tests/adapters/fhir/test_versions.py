"""Which of two versions is the newer one."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.adapters.fhir import supersedes
from tests.adapters.fhir.exports import observation

EARLY, LATE = "2020-01-01T12:00:00+02:00", "2020-01-01T11:00:00Z"
"""The second one is later, by an hour."""


def version(updated: str = "", *, wrong: bool = False, issued: str = EARLY) -> bytes:
    meta = {"meta": {"lastUpdated": updated}} if updated else {}
    status = "entered-in-error" if wrong else "final"
    return json.dumps(observation(status=status, issued=issued) | meta).encode()


@pytest.mark.parametrize(
    ("new", "stored", "answer"),
    [
        (version(LATE), version(EARLY), True),
        (version(EARLY), version(LATE), False),
        (version(LATE), version(LATE, issued=LATE), True),
        (version(), version(LATE), True),
        (version(LATE), version(), True),
        (version(), version(), True),
        (version(LATE, wrong=True), version(EARLY), True),
        (version(wrong=True), version(LATE), True),
        (version(EARLY, wrong=True), version(LATE), False),
        (version(LATE), version(EARLY, wrong=True), True),
        (version(EARLY), version(LATE, wrong=True), False),
        (version(LATE), version(LATE, wrong=True), False),
        (version(), version(EARLY, wrong=True), False),
        (version(LATE), version(wrong=True), False),
        (version(), version(wrong=True), False),
        (version("2020-06-30T23:59:60Z"), version(LATE), True),
    ],
)
def test_the_later_update_counts_and_an_error_stays_until_one_comes(new: bytes, stored: bytes, *, answer: bool) -> None:
    assert supersedes(new, stored) is answer


@given(st.datetimes(timezones=st.timezones()), st.datetimes(timezones=st.timezones()))
def test_of_two_instants_one_is_never_both_older_and_newer(one: object, other: object) -> None:
    first, second = (version(each.isoformat()) for each in (one, other))  # type: ignore[attr-defined]
    assert supersedes(first, second) or supersedes(second, first)
    if one != other:
        assert supersedes(first, second) != supersedes(second, first)

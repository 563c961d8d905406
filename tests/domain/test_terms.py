"""Terms: they read back as themselves, and nothing else reads as terms."""

import json
import math
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.domain.data_use import DataUse
from consent.domain.errors import InvalidTermsError
from consent.domain.hashing import canonical_json
from consent.domain.terms import (
    Category,
    Operation,
    StudyReference,
    SubjectId,
    Terms,
    Window,
    is_month_start,
    month_end_after,
)

Junk = Any  # what a stranger may send

TERMS: Final = Terms(
    subject=SubjectId("0123456789abcdef" * 2),
    study=StudyReference("sepsis-2027", "Who gets sepsis?", "General Hospital"),
    data_use=DataUse(health_research=True),
    operations=frozenset({Operation.TRAIN}),
    categories=frozenset({Category.LABORATORY, Category.DEMOGRAPHICS}),
    window=Window(None, date(1994, 1, 31)),
    expires=datetime(2027, 7, 1, tzinfo=UTC),
    language="en",
    text_hash="ab" * 32,
)
JSON: Final = TERMS.to_json()

days = st.none() | st.dates()
windows = st.one_of(
    st.builds(Window, start=days),
    st.builds(Window, end=days),
    st.tuples(st.dates(), st.dates()).map(lambda pair: Window(min(pair), max(pair))),
)
all_terms = st.builds(
    replace,
    st.just(TERMS),
    subject=st.binary(min_size=16, max_size=16).map(bytes.hex),
    data_use=st.builds(DataUse, general_use=st.booleans(), diseases=st.frozensets(st.sampled_from(["gout", "asthma"]))),
    operations=st.frozensets(st.sampled_from(Operation), min_size=1),
    categories=st.frozensets(st.sampled_from(Category), min_size=1),
    window=windows,
    expires=st.builds(datetime, st.integers(1990, 9999), st.integers(1, 12), st.just(1), tzinfo=st.just(UTC)),
    language=st.sampled_from(["en", "es-MX", "zh-Hant-TW"]),
    retention=st.booleans(),
)


@given(all_terms)
def test_terms_read_back_as_themselves(terms: Terms) -> None:
    read = Terms.from_json(json.loads(canonical_json(terms.to_json())))
    assert read == terms
    assert read.hash() == terms.hash()


@given(all_terms, all_terms)
def test_different_terms_have_different_hashes(one: Terms, other: Terms) -> None:
    assert (one.hash() == other.hash()) == (one == other)


def test_the_canonical_form_is_frozen() -> None:
    assert canonical_json(JSON).decode() == (
        '{"categories":["demographics","laboratory"],'
        '"data_use":{"ancestry":false,"diseases":[],"general_use":false,"health_research":true,"methods":false,'
        '"non_profit_only":null,"other":[]},"expires":"2027-07-01T00:00:00Z","language":"en","operations":["train"],'
        '"retention":false,"study":{"id":"sepsis-2027","institution":"General Hospital","title":"Who gets sepsis?"},'
        '"subject":"0123456789abcdef0123456789abcdef",'
        f'"text_hash":"{"ab" * 32}","version":1,"window":{{"end":"1994-01-31","start":null}}}}'
    )


MALFORMED: Final[dict[str, list[Junk]]] = {
    "version": [0, 2, "1", 1.5, True, None],
    "subject": ["", "0123", "G" * 32, "A" * 32, "0" * 33, "0" * 32 + "\n", 7, None],
    "study": [
        None,
        "sepsis-2027",
        {},
        {"id": "a", "title": "t"},
        {"id": "-a", "institution": "i", "title": "t"},
        {"id": "A", "institution": "i", "title": "t"},
        {"id": "a" * 64, "institution": "i", "title": "t"},
        {"id": "a", "institution": "", "title": "t"},
        {"id": "a", "institution": "i", "title": " t"},
        {"id": "a", "institution": "i", "title": "two\nlines"},
        {"id": "a", "institution": "i", "title": "t\u202eitle"},
        {"id": "a", "institution": "i" * 201, "title": "t"},
        {"id": "a", "institution": "i", "title": 7},
        {"id": "a", "institution": "i", "title": "\ud800"},
        {"id": "a", "institution": "i", "title": "t", "sponsor": "s"},
    ],
    "data_use": [None, {}, [], {"general_use": True}, {**DataUse().to_json(), "general_use": "yes"}],
    "operations": [None, [], "train", ["sell"], ["train", "train"], ["train", "predict"], [1], {"train": True}],
    "categories": [None, [], ["laboratory", "demographics"], ["everything"], [None]],
    "window": [
        None,
        {},
        {"start": None},
        {"start": "1994-02-01", "end": "1994-01-31"},
        {"start": "1994-13-01", "end": None},
        {"start": "19940101", "end": None},
        {"start": 0, "end": None},
        {"start": None, "end": None, "middle": None},
    ],
    "expires": [
        None,
        "",
        "2027-07-01",
        "2027-07-02T00:00:00Z",
        "2027-07-01T00:00:01Z",
        "2027-7-01T00:00:00Z",
        "2027-07-01T00:00:00+00:00",
        "2027-07-01T00:00:00z",
        "0999-07-01T00:00:00Z",
        1_814_400_000,
    ],
    "language": [None, "", "e", "en_US", "en-", "en\n", 7],
    "text_hash": [None, "", "ab" * 31, "AB" * 32, "ab" * 32 + "\n", 7],
    "retention": [None, 0, 1, "false"],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in MALFORMED.items() for value in values])
def test_a_malformed_field_is_refused(name: str, value: Junk) -> None:
    with pytest.raises(InvalidTermsError):
        Terms.from_json({**JSON, name: value})


@pytest.mark.parametrize("name", sorted(JSON))
def test_a_missing_field_is_refused(name: str) -> None:
    with pytest.raises(InvalidTermsError):
        Terms.from_json({key: value for key, value in JSON.items() if key != name})


@pytest.mark.parametrize("value", ["anything", None, math.nan, 2**60, "\ud800"], ids=repr)
def test_an_unknown_field_is_refused(value: Junk) -> None:
    with pytest.raises(InvalidTermsError):
        Terms.from_json({**JSON, "note": value})


@pytest.mark.parametrize("junk", [None, [], "terms", 7], ids=repr)
def test_what_is_no_object_is_no_terms(junk: Junk) -> None:
    with pytest.raises(InvalidTermsError):
        Terms.from_json(junk)


def test_an_error_repeats_nothing_of_the_terms() -> None:
    with pytest.raises(InvalidTermsError) as refused:
        Terms.from_json({**JSON, "subject": "canary"})
    assert "canary" not in str(refused.value)


@pytest.mark.parametrize(
    ("instant", "months", "expected"),
    [
        (datetime(2026, 1, 1, tzinfo=UTC), 0, datetime(2026, 2, 1, tzinfo=UTC)),
        (datetime(2026, 1, 31, 23, 59, tzinfo=UTC), 0, datetime(2026, 2, 1, tzinfo=UTC)),
        (datetime(2026, 1, 31, tzinfo=UTC), 1, datetime(2026, 3, 1, tzinfo=UTC)),
        (datetime(2026, 11, 15, tzinfo=UTC), 0, datetime(2026, 12, 1, tzinfo=UTC)),
        (datetime(2026, 11, 15, tzinfo=UTC), 1, datetime(2027, 1, 1, tzinfo=UTC)),
        (datetime(2026, 12, 31, tzinfo=UTC), 0, datetime(2027, 1, 1, tzinfo=UTC)),
        (datetime(2026, 12, 31, tzinfo=UTC), 12, datetime(2028, 1, 1, tzinfo=UTC)),
        (datetime(2026, 6, 1, tzinfo=UTC), 24, datetime(2028, 7, 1, tzinfo=UTC)),
        (datetime(2026, 12, 31, 23, tzinfo=timezone(timedelta(hours=-2))), 0, datetime(2027, 2, 1, tzinfo=UTC)),
    ],
)
def test_a_month_ends_where_the_next_begins(instant: datetime, months: int, expected: datetime) -> None:
    assert month_end_after(instant, months) == expected


@given(st.datetimes(datetime(1970, 1, 1), datetime(9000, 1, 1), timezones=st.just(UTC)), st.integers(0, 600))  # noqa: DTZ001  # hypothesis takes naive bounds
def test_every_month_s_end_is_an_end_that_terms_may_have(instant: datetime, months: int) -> None:
    end = month_end_after(instant, months)
    assert is_month_start(end)
    assert instant < end
    assert replace(TERMS, expires=end).expires == end


@pytest.mark.parametrize(
    "instant",
    [
        datetime(2027, 7, 1),  # noqa: DTZ001  # an instant without zone is what must be refused
        datetime(2027, 7, 1, tzinfo=timezone(timedelta(hours=2))),
        datetime(2027, 7, 2, tzinfo=UTC),
        datetime(2027, 7, 1, 0, 0, 0, 1, tzinfo=UTC),
    ],
)
def test_terms_end_with_a_month_of_utc_and_at_no_other_time(instant: datetime) -> None:
    with pytest.raises(InvalidTermsError):
        replace(TERMS, expires=instant)


@given(windows, windows, st.dates())
def test_a_day_in_both_windows_means_that_they_intersect(one: Window, other: Window, day: date) -> None:
    if one.holds(day) and other.holds(day):
        assert one.intersects(other)
    assert one.intersects(other) == other.intersects(one)


def test_windows_hold_both_their_ends_and_no_day_beyond() -> None:
    window = Window(date(2020, 1, 1), date(2020, 1, 31))
    assert window.holds(date(2020, 1, 1))
    assert window.holds(date(2020, 1, 31))
    assert not window.holds(date(2019, 12, 31))
    assert not window.holds(date(2020, 2, 1))
    assert window.intersects(Window(date(2020, 1, 31), None))
    assert not window.intersects(Window(date(2020, 2, 1), None))

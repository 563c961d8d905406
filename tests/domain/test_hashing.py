"""One value, one form of canonical JSON (RFC 8785), whichever way it is written."""

from enum import StrEnum

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from consent.domain.hashing import Json, NotCanonicalError, canonical_json

texts = st.text(st.characters(exclude_categories=["Cs"]))
numbers = st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
)


class Colour(StrEnum):
    """A text that is more than a text."""

    RED = "red"


@given(values)
def test_what_is_written_fast_is_what_the_library_writes(value: Json) -> None:
    assert canonical_json(value) == rfc8785.dumps(value)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ({"b": 1, "a": [True, None, "\x1f\x7f\u2028€"]}, '{"a":[true,null,"\\u001f\x7f\u2028€"],"b":1}'),
        ({"\U0001f600": 1, "\ufb33": 2}, '{"\U0001f600":1,"\ufb33":2}'),
        ([Colour.RED, 1.0, 1e21], '["red",1,1e+21]'),
    ],
)
def test_names_are_sorted_as_utf_16_and_numbers_are_written_as_in_ecmascript(value: Json, written: str) -> None:
    assert canonical_json(value) == written.encode()


@pytest.mark.parametrize("value", [2**53, float("nan"), "\ud800", {"\ud800": 1}, ["\ud800"]])
def test_what_has_no_canonical_form_is_refused(value: Json) -> None:
    with pytest.raises(NotCanonicalError):
        canonical_json(value)

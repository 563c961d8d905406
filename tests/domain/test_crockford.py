"""Codes on paper: every number comes back, what is misread is understood, and anything else is refused in words."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consent.domain.crockford import ALPHABET, MistypedCodeError, read, written

MOST = 26
"""Characters of the longest code."""


@st.composite
def codes(draw: st.DrawFn) -> tuple[int, int]:
    """Return a number and how many characters it is written with."""
    characters = draw(st.integers(1, MOST))
    return draw(st.integers(0, 32**characters - 1)), characters


@given(codes())
@settings(deadline=None)
def test_every_number_that_is_written_is_read_again(code: tuple[int, int]) -> None:
    number, characters = code
    text = written(number, characters)
    assert read(text, characters) == number
    assert [len(group) for group in text.split("-")[:-1]] == [4] * ((characters - 1) // 4)
    assert len(text.replace("-", "")) == characters


@given(codes(), st.data())
@settings(deadline=None)
def test_a_code_is_read_however_it_is_typed(code: tuple[int, int], data: st.DataObject) -> None:
    number, characters = code
    looks = {"0": "0Oo", "1": "1IiLl"}
    plain = written(number, characters).replace("-", "")
    typed = [data.draw(st.sampled_from(looks.get(letter, letter + letter.lower()))) for letter in plain]
    gaps = [data.draw(st.sampled_from(["", " ", "-", " - ", "\n", "\u00a0"])) for _ in typed]
    assert read("".join(map("".join, zip(gaps, typed, strict=True))) + " ", characters) == number


def test_the_alphabet_is_crockfords() -> None:
    assert len(set(ALPHABET)) == len(ALPHABET) == 32
    assert set("ILOU").isdisjoint(ALPHABET)
    assert [written(number, 1) for number in (0, 10, 17, 18, 20, 22, 27, 31)] == list("0AHJMPVZ")
    assert written(32**8 - 2, 8) == "ZZZZ-ZZZY"


@pytest.mark.parametrize(
    "text",
    ["", "-", "ABCD-123", "ABCD-12345", "ABCD-123U", "ABCD-123!", "ABCD_1234", "ABCD-123\u0664", "ABCD-123\u00df"],
)
def test_what_is_no_such_code_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(MistypedCodeError, match="8 letters and digits") as refused:
        read(text, 8)
    assert len(text) < 2 or text not in str(refused.value)


@given(st.text(max_size=12))
@settings(deadline=None)
def test_whatever_is_typed_is_a_number_of_that_length_or_refused(text: str) -> None:
    try:
        number = read(text, 8)
    except MistypedCodeError:
        return
    assert 0 <= number < 32**8
    assert read(written(number, 8), 8) == number

"""What the client makes of answers: typed values, or an error that names the field and never what stood there."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from consent.client import ServerError
from consent.client.answers import parsed, read, text


@dataclass(frozen=True)
class Inner:
    """Something within something."""

    name: str


@dataclass(frozen=True)
class Outer:
    """One member of each kind."""

    text: str
    whole: int
    decimal: float
    truth: bool
    maybe: int | None
    inner: Inner
    names: tuple[str, ...]
    inners: tuple[Inner, ...]
    counts: Mapping[str, int | None]
    anything: Mapping[str, Any]


SENT: dict[str, Any] = {
    "text": "t",
    "whole": 1,
    "decimal": 0.5,
    "truth": True,
    "maybe": None,
    "inner": {"name": "n"},
    "names": ["a", "b"],
    "inners": [{"name": "x"}],
    "counts": {"PERMIT": 15, "NO_GRANT": None},
    "anything": {"a": [1, {"b": None}]},
}


def test_each_kind_is_read() -> None:
    found = read(Outer, SENT)
    assert found == Outer(
        text="t",
        whole=1,
        decimal=0.5,
        truth=True,
        maybe=None,
        inner=Inner("n"),
        names=("a", "b"),
        inners=(Inner("x"),),
        counts={"PERMIT": 15, "NO_GRANT": None},
        anything={"a": [1, {"b": None}]},
    )


def test_a_newer_server_may_say_more_and_whole_decimals_have_no_point() -> None:
    assert read(Outer, SENT | {"newer": "member", "decimal": 1, "maybe": 3}).decimal == 1.0


@pytest.mark.parametrize("name", SENT)
def test_a_member_that_is_missing_means_another_version(name: str) -> None:
    with pytest.raises(ServerError, match=rf"another version: its Outer has no {name}$"):
        read(Outer, {other: value for other, value in SENT.items() if other != name})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("text", 1), ("text", None), ("whole", "1"), ("whole", 1.0), ("whole", True), ("decimal", "Marchetti"),
        ("decimal", True), ("truth", 1), ("maybe", "Marchetti"), ("inner", []), ("inner", {}), ("names", "Marchetti"),
        ("names", [1]), ("inners", [1]), ("counts", {"a": "Marchetti"}), ("counts", []), ("anything", "Marchetti"),
    ],
)  # fmt: skip
def test_a_member_of_another_kind_means_another_version(name: str, value: object) -> None:
    with pytest.raises(ServerError, match="another version") as refused:
        read(Outer, SENT | {name: value})
    assert "Marchetti" not in str(refused.value)


@pytest.mark.parametrize("body", [b"", b"Marchetti", b"\xff", b"[" * 100_000])
def test_what_is_no_json_is_no_answer(body: bytes) -> None:
    with pytest.raises(ServerError) as refused:
        parsed(body)
    assert "Marchetti" not in str(refused.value)


def test_what_is_no_text_is_no_text() -> None:
    assert text("é".encode()) == "é"
    with pytest.raises(ServerError):
        text(b"\xff")


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999", "-1e999", "9007199254740992", "1" * 400, "1" * 5000])
def test_a_number_that_others_would_read_in_another_way_is_none(number: str) -> None:
    with pytest.raises(ServerError, match="not JSON"):
        parsed(f'{{"decimal": {number}}}'.encode())

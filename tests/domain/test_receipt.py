"""Receipts: what is signed is fixed to the byte, and nothing but a receipt is read as one."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.domain.hashing import Json
from consent.domain.receipt import InvalidReceiptError, Receipt
from consent.domain.terms import SubjectId

RECEIPT = Receipt(
    origin="consentry/test",
    action="grant",
    subject=SubjectId("a" * 32),
    commitment="01" * 32,
    patient="02" * 20,
    by="patient",
    time=1_800_000_000,
    index=7,
    leaf="03" * 32,
    signature="04" * 64,
)


def test_the_signed_bytes_are_frozen() -> None:
    assert RECEIPT.signed_bytes() == (
        b"consentry/receipt/v1\n"
        b'{"action":"grant","by":"patient","commitment":"' + b"01" * 32 + b'","index":7,"leaf":"' + b"03" * 32
        + b'","origin":"consentry/test","patient":"' + b"02" * 20 + b'","subject":"' + b"a" * 32
        + b'","time":1800000000}'
    )  # fmt: skip


def test_a_receipt_goes_round() -> None:
    assert Receipt.from_json(json.loads(json.dumps(RECEIPT.to_json()))) == RECEIPT
    erased = replace(RECEIPT, action="erase", commitment="", patient="")
    assert Receipt.from_json(erased.to_json()) == erased


@pytest.mark.parametrize("name", [name for name in Receipt.__slots__ if name != "signature"])
def test_every_field_is_signed(name: str) -> None:
    other = 8 if name in {"time", "index"} else "other"
    assert replace(RECEIPT, **{name: other}).signed_bytes() != RECEIPT.signed_bytes()  # type: ignore[arg-type]  # by kind


WRONG: dict[str, Json] = {
    "no object": [],
    "nothing": None,
    "a field missing": {k: v for k, v in RECEIPT.to_json().items() if k != "leaf"},
    "a field too many": RECEIPT.to_json() | {"note": "x"},
    "a number as text": RECEIPT.to_json() | {"index": "7"},
    "a truth as number": RECEIPT.to_json() | {"index": True},
    "a place before the first": RECEIPT.to_json() | {"index": -1},
    "a number beyond JSON's": RECEIPT.to_json() | {"time": 2**70},
    "text as number": RECEIPT.to_json() | {"origin": 5},
    "an address that is no hex": RECEIPT.to_json() | {"patient": "zz" * 20},
    "an address cut short": RECEIPT.to_json() | {"patient": "02" * 19},
    "a commitment in capitals": RECEIPT.to_json() | {"commitment": "AB" * 32},
    "a signature that is no hex": RECEIPT.to_json() | {"signature": " " * 128},
    "no leaf": RECEIPT.to_json() | {"leaf": ""},
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_receipt_is_refused(name: str) -> None:
    with pytest.raises(InvalidReceiptError):
        Receipt.from_json(WRONG[name])


@given(
    name=st.sampled_from(sorted(Receipt.__slots__)), value=st.none() | st.integers() | st.text() | st.lists(st.text())
)
def test_whatever_is_read_can_be_checked(name: str, value: Json) -> None:
    """A receipt that was read gives its bytes, signature and key without an error of another kind."""
    try:
        receipt = Receipt.from_json(RECEIPT.to_json() | {name: value})
        bytes.fromhex(receipt.patient + receipt.commitment + receipt.signature + receipt.leaf)
    except InvalidReceiptError:
        return
    assert isinstance(receipt.index, int)


def test_what_a_final_erasure_attests_is_signed_with_it_and_otherwise_left_out() -> None:
    final = replace(RECEIPT, action="erase", attested="Attested, not proven.")
    assert Receipt.from_json(final.to_json()) == final
    assert final.signed_bytes() != replace(final, attested="Proven.").signed_bytes()
    assert "attested" not in RECEIPT.to_json()
    with pytest.raises(InvalidReceiptError):
        Receipt.from_json({**RECEIPT.to_json(), "attested": ""})

"""Requests and changes of operators: what is signed is fixed to the byte, and nothing else is read as one."""

import json
from dataclasses import fields, replace
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.domain.hashing import Json
from consent.domain.operator_change import ChangeAction, OperatorChange
from consent.domain.request_file import Authorisation, OperatorApprovals, PatientSignature, RequestFile
from consent.domain.subject_request import LONGEST_AGE, InvalidRequestError, RequestAction, SubjectRequest, untimely
from consent.domain.terms import SubjectId
from consent.domain.typed_data import Address, SigningDomain

NOW: Final = 1_800_000_000
ERASE: Final = SubjectRequest(RequestAction.ERASE, SubjectId("a1" * 16), "consentry/test", NOW, "0c" * 16)
ADD: Final = OperatorChange(ChangeAction.ADD, "privacy-office", "0b" * 32, "consentry/test", NOW, "0c" * 16)
HOME: Final = SigningDomain(1, Address(b"\x01" * 20))
APPROVED: Final = OperatorApprovals((("privacy-office", b"\x05" * 64), ("records-office", b"\x06" * 64)))
SIGNED: Final = PatientSignature(b"\x04" * 64)
OTHER: Final[dict[str, Any]] = {
    "subject": SubjectId("a2" * 16),
    "origin": "consentry/other",
    "requested": NOW + 1,
    "nonce": "0d" * 16,
    "operator": "records-office",
    "key": "0a" * 32,
}


def test_what_operators_sign_of_a_request_is_frozen() -> None:
    assert ERASE.signed_bytes() == (
        b'consentry/request/v1\n{"action":"erase","nonce":"' + b"0c" * 16
        + b'","origin":"consentry/test","requested":1800000000,"subject":"' + b"a1" * 16 + b'"}'
    )  # fmt: skip


def test_what_operators_sign_of_a_change_is_frozen() -> None:
    assert ADD.signed_bytes() == (
        b'consentry/request/v1\n{"action":"add-operator","key":"' + b"0b" * 32 + b'","nonce":"' + b"0c" * 16
        + b'","operator":"privacy-office","origin":"consentry/test","requested":1800000000}'
    )  # fmt: skip


def test_a_patients_digest_is_frozen() -> None:
    assert ERASE.digest(HOME).hex() == "9b4b56ba95c57d747a1bea0b9fba766aab0f6f06e4a3fddbbbf28cc885a65f44"


@pytest.mark.parametrize("name", [member.name for member in fields(SubjectRequest)])
def test_every_field_of_a_request_is_signed(name: str) -> None:
    changed = replace(ERASE, **({"action": RequestAction.ACCESS} if name == "action" else {name: OTHER[name]}))
    assert changed.signed_bytes() != ERASE.signed_bytes()
    assert changed.digest(HOME) != ERASE.digest(HOME)


@pytest.mark.parametrize("name", [member.name for member in fields(OperatorChange)])
def test_every_field_of_a_change_is_signed(name: str) -> None:
    changed = replace(ADD, **({"action": ChangeAction.REMOVE} if name == "action" else {name: OTHER[name]}))
    assert changed.signed_bytes() != ADD.signed_bytes()


@pytest.mark.parametrize(
    ("request_", "authorisation"),
    [(ERASE, OperatorApprovals()), (ERASE, APPROVED), (ERASE, SIGNED), (ADD, OperatorApprovals()), (ADD, APPROVED)],
)
def test_a_file_goes_round(request_: SubjectRequest | OperatorChange, authorisation: Authorisation) -> None:
    file = RequestFile(request_, authorisation)
    assert RequestFile.from_json(json.loads(json.dumps(file.to_json()))) == file


def test_a_file_is_frozen() -> None:
    assert RequestFile(ERASE, OperatorApprovals((("privacy-office", b"\x05" * 64),))).to_json() == {
        "version": 1,
        "request": {
            "action": "erase",
            "subject": "a1" * 16,
            "origin": "consentry/test",
            "requested": NOW,
            "nonce": "0c" * 16,
        },
        "patient": None,
        "operators": [{"operator": "privacy-office", "signature": "05" * 64}],
    }


ASKED: Final = ERASE.to_json()
CHANGE: Final = ADD.to_json()
FILE: Final = RequestFile(ERASE, APPROVED).to_json()
APPROVAL: Final = {"operator": "privacy-office", "signature": "05" * 64}
WRONG: Final[dict[str, Json]] = {
    "nothing": None,
    "a list": [],
    "a field too many": FILE | {"note": "x"},
    "a field missing": {name: member for name, member in FILE.items() if name != "patient"},
    "another version": FILE | {"version": 2},
    "a version that is true": FILE | {"version": True},
    "no request": FILE | {"request": None},
    "an unknown action": FILE | {"request": ASKED | {"action": "forget"}},
    "an action that is a list": FILE | {"request": ASKED | {"action": ["erase"]}},
    "no action": FILE | {"request": {name: member for name, member in ASKED.items() if name != "action"}},
    "a request with a field too many": FILE | {"request": ASKED | {"key": "0b" * 32}},
    "a subject in capitals": FILE | {"request": ASKED | {"subject": "A1" * 16}},
    "a subject cut short": FILE | {"request": ASKED | {"subject": "a1" * 15}},
    "a subject with a line feed": FILE | {"request": ASKED | {"subject": "a1" * 16 + "\n"}},
    "an origin with a space": FILE | {"request": ASKED | {"origin": "consentry test"}},
    "a time as text": FILE | {"request": ASKED | {"requested": str(NOW)}},
    "a time with a fraction": FILE | {"request": ASKED | {"requested": NOW + 0.5}},
    "a time before the first": FILE | {"request": ASKED | {"requested": -1}},
    "a time beyond JSON's": FILE | {"request": ASKED | {"requested": 2**53}},
    "a time that is true": FILE | {"request": ASKED | {"requested": True}},
    "a nonce cut short": FILE | {"request": ASKED | {"nonce": "0c" * 15}},
    "no nonce": FILE | {"request": ASKED | {"nonce": None}},
    "an operator's name with a space": FILE | {"request": CHANGE | {"operator": "privacy office"}},
    "an operator's name in capitals": FILE | {"request": CHANGE | {"operator": "Privacy"}},
    "an operator's name that is too long": FILE | {"request": CHANGE | {"operator": "a" * 41}},
    "an operator without a name": FILE | {"request": CHANGE | {"operator": ""}},
    "an operator's key cut short": FILE | {"request": CHANGE | {"key": "0b" * 31}},
    "a signature of a patient cut short": FILE | {"operators": [], "patient": "04" * 63},
    "a signature of a patient in capitals": FILE | {"operators": [], "patient": "AB" * 64},
    "a signature of a patient that is a number": FILE | {"operators": [], "patient": 4},
    "a patient and operators": FILE | {"patient": "04" * 64},
    "a patient's signature over a change": FILE | {"request": CHANGE, "operators": [], "patient": "04" * 64},
    "operators that are no list": FILE | {"operators": {}},
    "an approval that is no object": FILE | {"operators": ["privacy-office"]},
    "an approval with a field too many": FILE | {"operators": [APPROVAL | {"time": NOW}]},
    "an approval cut short": FILE | {"operators": [APPROVAL | {"signature": "05" * 63}]},
    "an approval by nobody": FILE | {"operators": [APPROVAL | {"operator": None}]},
    "an operator who approves twice": FILE | {"operators": [APPROVAL, APPROVAL | {"signature": "06" * 64}]},
    "approvals without end": FILE | {"operators": [APPROVAL | {"operator": f"office-{n}"} for n in range(17)]},
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_request_is_refused(name: str) -> None:
    with pytest.raises(InvalidRequestError):
        RequestFile.from_json(WRONG[name])


@given(name=st.sampled_from(sorted(ASKED)), value=st.none() | st.integers() | st.text() | st.lists(st.text()))
def test_whatever_is_read_can_be_signed(name: str, value: Json) -> None:
    try:
        request = SubjectRequest.from_json(ASKED | {name: value})
    except InvalidRequestError:
        return
    assert request.signed_bytes()
    assert request.digest(HOME)


def test_a_request_that_the_patient_signed_takes_no_approval() -> None:
    with pytest.raises(InvalidRequestError):
        RequestFile(ERASE, SIGNED).approved("privacy-office", bytes(64))


def test_an_approval_takes_the_place_of_an_earlier_one_under_its_name() -> None:
    first = RequestFile(ERASE).approved("privacy-office", bytes(64)).approved("records-office", bytes(64))
    mended = first.approved("privacy-office", b"\x05" * 64)
    assert mended.authorisation == OperatorApprovals((("records-office", bytes(64)), ("privacy-office", b"\x05" * 64)))
    assert RequestFile.from_json(mended.to_json()) == mended


def test_approvals_gather_one_after_the_other() -> None:
    file = RequestFile(ERASE)
    for operator, signature in APPROVED.approvals:
        file = file.approved(operator, signature)
    assert file == RequestFile(ERASE, APPROVED)


@pytest.mark.parametrize(("age", "counts"), [(-1, False), (0, True), (LONGEST_AGE, True), (LONGEST_AGE + 1, False)])
def test_a_request_counts_for_thirty_days(age: int, *, counts: bool) -> None:
    assert (untimely(NOW - age, NOW) == "") is counts

"""Requests: the patient's own signature or two different operators', fresh, for here, and once."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from consent.domain.entry import Action, Entry
from consent.domain.operator_change import ChangeAction
from consent.domain.request_file import Authorisation, OperatorApprovals, PatientSignature
from consent.domain.subject_request import RequestAction, SubjectRequest
from consent.domain.terms import SubjectId
from consent.domain.typed_data import SigningDomain
from consent.services.authorising import Authorised, NotAuthorisedError
from tests.services.house import House, receive
from tests.services.operators import (
    FIRST,
    NOBODY,
    SECOND,
    STRANGER,
    approvals,
    authorising,
    change,
    key_of,
    operators,
    registered,
    request,
)


@pytest.fixture
def staffed(house: House) -> House:
    """An installation with two operators."""
    registered(house, FIRST, SECOND)
    return house


def judged(house: House, asked: SubjectRequest, authorisation: Authorisation) -> Authorised:
    with house.open.store.reading() as unit:
        return authorising(house).require(unit, asked, authorisation, house.clock())


def refused(house: House, asked: SubjectRequest, authorisation: Authorisation, told: str) -> None:
    with pytest.raises(NotAuthorisedError, match=told):
        judged(house, asked, authorisation)


def signed(house: House, asked: SubjectRequest, by: SubjectId | None = None) -> PatientSignature:
    return house.wallets[by or asked.subject].request(asked, house.open.domain)


@pytest.mark.parametrize("action", RequestAction)
def test_the_patients_own_signature_is_enough(house: House, action: RequestAction) -> None:
    asked = request(house, house.people[0], action)
    signature = signed(house, asked)
    authorised = judged(house, asked, signature)
    assert authorised.by == "patient"
    assert authorised.facts == {
        "requested": asked.requested,
        "nonce": asked.nonce,
        "patient": signature.signature.hex(),
    }


@pytest.mark.parametrize("action", RequestAction)
def test_two_operators_are_enough(staffed: House, action: RequestAction) -> None:
    asked = request(staffed, staffed.people[0], action)
    authorised = judged(staffed, asked, approvals(asked, SECOND, FIRST))
    assert authorised.by == "operator"
    signatures = [[name, key_of(name).sign(asked.signed_bytes()).hex()] for name in (SECOND, FIRST)]
    assert authorised.facts == {"requested": asked.requested, "nonce": asked.nonce, "approvals": signatures}


@pytest.mark.parametrize("by", [(), (FIRST,), (FIRST, STRANGER), (STRANGER,)], ids=str)
def test_less_than_two_registered_operators_are_refused(staffed: House, by: tuple[str, ...]) -> None:
    asked = request(staffed, staffed.people[0])
    refused(staffed, asked, approvals(asked, *by), "2 different registered operators")


def test_one_operator_under_two_names_is_one(staffed: House) -> None:
    asked = request(staffed, staffed.people[0])
    signature = key_of(FIRST).sign(asked.signed_bytes())
    refused(staffed, asked, OperatorApprovals(((FIRST, signature), (SECOND, signature))), ": 1 did")


def test_an_operator_who_was_removed_counts_no_more(staffed: House) -> None:
    removal = change(staffed, SECOND, ChangeAction.REMOVE)
    operators(staffed).change(removal, approvals(removal, FIRST), staffed.clock())
    asked = request(staffed, staffed.people[0])
    refused(staffed, asked, approvals(asked, FIRST, SECOND), ": 1 did")


def test_another_patients_signature_is_refused(house: House) -> None:
    asked = request(house, house.people[0])
    refused(house, asked, signed(house, asked, house.people[1]), "enrolment key did not sign")


def test_the_key_of_a_consent_is_not_the_enrolment_key(house: House) -> None:
    asked = request(house, house.people[0])
    signature = house.wallets[asked.subject].consent_key(bytes(32)).sign(asked.digest(house.open.domain))
    refused(house, asked, PatientSignature(signature), "enrolment key did not sign")


@pytest.mark.parametrize("signature", [bytes(64), b"\xff" * 64], ids=["zeros", "ones"])
def test_what_is_no_signature_is_refused(house: House, signature: bytes) -> None:
    refused(house, request(house, house.people[0]), PatientSignature(signature), "enrolment key did not sign")


def test_a_signature_for_another_chain_is_refused(house: House) -> None:
    asked = request(house, house.people[0])
    elsewhere = SigningDomain(house.open.domain.chain_id + 1, house.open.domain.contract)
    refused(house, asked, house.wallets[asked.subject].request(asked, elsewhere), "enrolment key did not sign")


CHANGED: Mapping[str, Callable[[House, SubjectRequest], SubjectRequest]] = {
    "another action": lambda _, asked: replace(asked, action=RequestAction.ACCESS),
    "another person": lambda house, asked: replace(asked, subject=house.people[1]),
    "another time": lambda _, asked: replace(asked, requested=asked.requested - 1),
    "another nonce": lambda _, asked: replace(asked, nonce="0b" * 16),
}


@pytest.mark.parametrize("what", CHANGED)
def test_a_signature_counts_for_what_was_signed_only(staffed: House, what: str) -> None:
    asked = request(staffed, staffed.people[0])
    changed = CHANGED[what](staffed, asked)
    refused(staffed, changed, signed(staffed, asked), "enrolment key did not sign")
    refused(staffed, changed, approvals(asked, FIRST, SECOND), ": 0 did")


def test_a_request_to_another_installation_is_refused(staffed: House) -> None:
    asked = replace(request(staffed, staffed.people[0]), origin="consentry/other")
    refused(staffed, asked, signed(staffed, asked), "another installation")
    refused(staffed, asked, approvals(asked, FIRST, SECOND), "another installation")


def test_a_request_of_the_future_or_of_long_ago_is_refused(house: House) -> None:
    early = request(house, house.people[0])
    early = replace(early, requested=early.requested + 60)
    refused(house, early, signed(house, early), "future")
    house.clock.ahead += timedelta(days=31)
    refused(house, early, signed(house, early), "30 days")


def test_a_request_for_nobody_is_refused(staffed: House) -> None:
    asked = request(staffed, SubjectId("0" * 32))
    refused(staffed, asked, approvals(asked, FIRST, SECOND), "no such subject")


def test_who_has_no_enrolment_key_needs_two_operators(staffed: House) -> None:
    [newcomer] = receive(staffed.open, 900)
    asked = request(staffed, newcomer)
    refused(staffed, asked, signed(staffed, asked, staffed.people[0]), "no enrolment key")
    assert judged(staffed, asked, approvals(asked, FIRST, SECOND)).by == "operator"


def test_an_enrolment_key_put_into_the_database_does_not_count(house: House) -> None:
    subject, thief = house.people[0], house.wallets[house.people[1]]
    with house.open.store.begin() as unit:
        unit.patients.set_enrolment({subject: thief.enrolment_key.address})
        entry = Entry(1, "patient", Action.ENROL, "KEY", subject, facts={"key": thief.enrolment_key.address.hex()})
        house.open.log.append(unit, [entry])
    asked = request(house, subject)
    refused(house, asked, thief.request(asked, house.open.domain), "enrolment key did not sign")
    assert judged(house, asked, signed(house, asked)).by == "patient"


def test_an_empty_key_recovers_nobody(house: House) -> None:
    """A signature that recovers to nothing is not equal to a key that is nothing."""
    [newcomer] = receive(house.open, 901)
    with house.open.store.begin() as unit:
        entry = Entry(1, "patient", Action.ENROL, "KEY", newcomer, facts={"key": ""})
        house.open.log.append(unit, [entry])
    asked = request(house, newcomer)
    refused(house, asked, PatientSignature(bytes(64)), "enrolment key")


def test_a_request_counts_once(staffed: House) -> None:
    asked = request(staffed, staffed.people[0])
    with staffed.open.store.begin() as unit:
        authorised = authorising(staffed).require(unit, asked, signed(staffed, asked), staffed.clock())
        entry = Entry(1, "patient", Action.ERASE, "REQUESTED", asked.subject, facts=authorised.facts)
        staffed.open.log.append(unit, [entry])
    refused(staffed, asked, signed(staffed, asked), "used before")
    refused(staffed, asked, approvals(asked, FIRST, SECOND), "used before")
    again = request(staffed, staffed.people[0])
    assert judged(staffed, again, signed(staffed, again)).by == "patient"


def test_who_is_blocked_can_still_ask(house: House) -> None:
    """A request to be erased that a legal hold met may be made again."""
    subject = house.people[0]
    house.open.book.forget(subject)
    asked = request(house, subject)
    assert judged(house, asked, signed(house, asked)).by == "patient"
    refused(house, asked, NOBODY, "2 different")

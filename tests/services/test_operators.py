"""Operators: two freely, each further one and each removal with an approval, and the log alone counts."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from consent.domain.entry import Action, Entry
from consent.domain.hashing import Json
from consent.domain.operator_change import ChangeAction, OperatorChange
from consent.domain.request_file import OperatorApprovals
from consent.services.operators import OperatorChangeError
from tests.services.house import House
from tests.services.operators import (
    FIRST,
    NOBODY,
    SECOND,
    STRANGER,
    THIRD,
    approvals,
    change,
    key_of,
    operators,
    registered,
)


@pytest.fixture
def staffed(house: House) -> House:
    """An installation with two operators."""
    registered(house, FIRST, SECOND)
    return house


def names(house: House) -> set[str]:
    return set(operators(house).registered())


def refused(house: House, asked: OperatorChange, by: OperatorApprovals, told: str) -> None:
    before = house.log()
    with pytest.raises(OperatorChangeError, match=told):
        operators(house).change(asked, by, house.clock())
    assert house.log() == before


def test_the_first_two_are_added_freely(house: House) -> None:
    for name in (FIRST, SECOND):
        assert not operators(house).needs_approval(ChangeAction.ADD)
        operators(house).change(change(house, name), NOBODY, house.clock())
    assert operators(house).registered() == {name: key_of(name).public_key for name in (FIRST, SECOND)}
    assert operators(house).needs_approval(ChangeAction.ADD)


def test_an_entry_tells_of_the_change_and_who_approved_it(staffed: House) -> None:
    asked = change(staffed, THIRD)
    operators(staffed).change(asked, approvals(asked, SECOND), staffed.clock())
    entry = staffed.log()[-1]
    assert (entry["action"], entry["verdict"], entry["actor"]) == ("operator", "ADDED", "operator")
    assert entry["facts"] == {
        "operator": THIRD,
        "key": key_of(THIRD).public_key.hex(),
        "requested": asked.requested,
        "nonce": asked.nonce,
        "approvals": [[SECOND, key_of(SECOND).sign(asked.signed_bytes()).hex()]],
    }


@pytest.mark.parametrize("by", [(), (STRANGER,), (THIRD,)], ids=["nobody", "a stranger", "themselves"])
def test_a_third_needs_the_approval_of_one_who_is_registered(staffed: House, by: tuple[str, ...]) -> None:
    asked = change(staffed, THIRD)
    refused(staffed, asked, approvals(asked, *by), "must approve")
    registered(staffed, THIRD)
    assert names(staffed) == {FIRST, SECOND, THIRD}


def test_a_removal_needs_an_approval_even_with_two(staffed: House) -> None:
    asked = change(staffed, SECOND, ChangeAction.REMOVE)
    refused(staffed, asked, NOBODY, "must approve")
    operators(staffed).change(asked, approvals(asked, FIRST), staffed.clock())
    assert names(staffed) == {FIRST}


def test_after_a_removal_nobody_is_added_freely_again(staffed: House) -> None:
    removal = change(staffed, SECOND, ChangeAction.REMOVE)
    operators(staffed).change(removal, approvals(removal, FIRST), staffed.clock())
    asked = change(staffed, THIRD)
    refused(staffed, asked, NOBODY, "must approve")


def test_who_was_removed_approves_nothing_more(staffed: House) -> None:
    removal = change(staffed, SECOND, ChangeAction.REMOVE)
    operators(staffed).change(removal, approvals(removal, SECOND), staffed.clock())
    asked = change(staffed, THIRD)
    refused(staffed, asked, approvals(asked, SECOND), "must approve.*; records-office's does not count")


def test_the_last_operator_stays(house: House) -> None:
    registered(house, FIRST)
    asked = change(house, FIRST, ChangeAction.REMOVE)
    refused(house, asked, approvals(asked, FIRST), "last operator")


def test_nobody_has_two_names_and_no_name_two_keys(staffed: House) -> None:
    twice = replace(change(staffed, THIRD), key=key_of(FIRST).public_key.hex())
    refused(staffed, twice, approvals(twice, SECOND), "registered")
    again = replace(change(staffed, THIRD), operator=FIRST)
    refused(staffed, again, approvals(again, SECOND), "registered")


def test_who_is_not_registered_cannot_be_removed(staffed: House) -> None:
    asked = change(staffed, THIRD, ChangeAction.REMOVE)
    refused(staffed, asked, approvals(asked, FIRST), "registered")


WRONG: Mapping[str, Callable[[OperatorChange], OperatorChange]] = {
    "another key": lambda asked: replace(asked, key="0b" * 32),
    "another name": lambda asked: replace(asked, operator="another"),
    "another time": lambda asked: replace(asked, requested=asked.requested - 1),
    "another nonce": lambda asked: replace(asked, nonce="0b" * 16),
    "another installation": lambda asked: replace(asked, origin="consentry/other"),
}


@pytest.mark.parametrize("what", WRONG)
def test_an_approval_counts_for_what_was_approved_only(staffed: House, what: str) -> None:
    asked = change(staffed, THIRD)
    refused(staffed, WRONG[what](asked), approvals(asked, FIRST), "approve|another installation")


def test_an_approval_for_another_installation_is_refused(staffed: House) -> None:
    asked = replace(change(staffed, THIRD), origin="consentry/other")
    refused(staffed, asked, approvals(asked, FIRST), "another installation")


def test_an_approval_counts_once(staffed: House) -> None:
    asked = change(staffed, THIRD)
    operators(staffed).change(asked, approvals(asked, FIRST), staffed.clock())
    removal = change(staffed, THIRD, ChangeAction.REMOVE)
    operators(staffed).change(removal, approvals(removal, FIRST), staffed.clock())
    refused(staffed, asked, approvals(asked, FIRST), "made before")


def test_a_change_of_the_future_or_of_long_ago_is_refused(staffed: House) -> None:
    early = change(staffed, THIRD, ahead=60)
    refused(staffed, early, approvals(early, FIRST), "future")
    staffed.clock.ahead += timedelta(days=31)
    refused(staffed, early, approvals(early, FIRST), "30 days")


def planted(house: House, verdict: str, facts: Mapping[str, Json]) -> None:
    """Write an entry as whoever holds the database would."""
    with house.open.store.begin() as unit:
        house.open.log.append(unit, [Entry(1, "operator", Action.OPERATOR, verdict, facts=facts)])


def told(asked: OperatorChange) -> dict[str, Json]:
    """Return the facts of an entry that has no approval."""
    return {"operator": asked.operator, "key": asked.key, "requested": asked.requested, "nonce": asked.nonce}


def test_an_entry_that_was_put_in_makes_and_unmakes_nobody(staffed: House) -> None:
    asked, forged = change(staffed, STRANGER), [[FIRST, "05" * 64]]
    for facts in (told(asked), told(asked) | {"approvals": []}, told(asked) | {"approvals": forged}):
        planted(staffed, "ADDED", facts)
    planted(staffed, "REMOVED", told(change(staffed, FIRST)) | {"approvals": forged})
    assert names(staffed) == {FIRST, SECOND}


def test_an_entry_repeated_from_before_a_removal_brings_nobody_back(staffed: House) -> None:
    asked = change(staffed, THIRD)
    operators(staffed).change(asked, approvals(asked, FIRST), staffed.clock())
    added = staffed.log()[-1]
    removal = change(staffed, THIRD, ChangeAction.REMOVE)
    operators(staffed).change(removal, approvals(removal, FIRST), staffed.clock())
    planted(staffed, "ADDED", added["facts"])
    assert names(staffed) == {FIRST, SECOND}


@pytest.mark.parametrize(
    "facts",
    [{}, {"operator": 5}, {"approvals": 5}, {"approvals": [5]}, {"approvals": [["a"]]}, {"approvals": [["a", 5]]},
     {"approvals": [["a", "zz"]]}, {"approvals": [["a", "05" * 64]] * 2}, {"nonce": None}, {"key": [1]}],
    ids=repr,
)  # fmt: skip
def test_an_entry_that_makes_no_sense_says_nothing(staffed: House, facts: dict[str, Json]) -> None:
    planted(staffed, "ADDED", told(change(staffed, STRANGER)) | facts if facts else {})
    planted(staffed, "PROMOTED", told(change(staffed, STRANGER)))
    assert names(staffed) == {FIRST, SECOND}

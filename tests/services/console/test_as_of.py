"""What a study could read at a time, held against the gate and against what really happened."""

from dataclasses import replace
from datetime import timedelta

import pytest

from consent.domain.decision import Permit
from consent.domain.terms import Category, Operation
from consent.services.console.as_of import AsOf, NotYetError, UnknownStudyThenError
from consent.services.console.console import Console
from consent.wiring.console import console_of
from tests.services.audited import AGREED, Past, second_of
from tests.services.house import ALL, DICTIONARY, STUDY, House
from vault import Access

_SECOND = timedelta(seconds=1)


def readable(found: AsOf) -> set[str]:
    return {one.subject for one in found.readable}


def test_each_day_has_its_own_answer(past: Past, console: Console) -> None:
    people = past.house.people
    before, agreed, stopped, blocked = (console.past.at("kidneys", past.second(day)) for day in (-1, 2, 6, 10))
    assert (readable(before), before.refused, before.erased) == (set(), {}, 0)
    assert readable(agreed) == {*people[:AGREED]} - {past.erased}
    assert (agreed.refused, agreed.erased) == ({}, 1)
    assert readable(stopped) == set(past.standing)
    assert (stopped.refused, stopped.erased) == ({"STOPPED": 3}, 1)
    assert readable(blocked) == set(past.standing)
    assert (blocked.refused, blocked.erased) == ({"STOPPED": 3, "BLOCKED": 1}, 0)


def test_what_it_could_read_is_told_by_kind_and_use(past: Past, console: Console) -> None:
    found = console.past.at("kidneys", past.second(10))
    assert found.of_category() == {category: len(past.standing) for category in ALL}
    assert found.of_operation() == {Operation.TRAIN: len(past.standing)}
    assert all(one.certain and one.consent == past.consent_of(one.subject) for one in found.readable[:3])
    assert (found.kept, found.closed, found.definition) == (True, False, STUDY.hash())


def test_now_it_says_what_the_gate_says(past: Past, console: Console) -> None:
    house = past.house
    access = Access("study:kidneys", "kidneys", "train", DICTIONARY.required, DICTIONARY.optional)
    with house.open.store.reading() as unit:
        decided = house.gate().decide_all(unit, house.people, access, house.clock())
    found = console.past.at("kidneys", second_of(house.clock()))
    assert readable(found) == {subject for subject, one in decided.items() if isinstance(one, Permit)}


def test_a_day_to_come_and_an_unknown_study_are_refused(past: Past, console: Console) -> None:
    with pytest.raises(NotYetError):
        console.past.at("kidneys", past.second(15))
    with pytest.raises(UnknownStudyThenError):
        console.past.at("hearts", past.second(3))


def test_before_a_study_was_approved_it_read_nobody(past: Past, console: Console) -> None:
    found = console.past.at("kidneys", 1_000_000_000)
    assert (found.definition, found.size, readable(found)) == ("", 0, set())


@pytest.fixture
def granted(house: House) -> House:
    """A hospital in which people allowed the study an hour ago, and nothing tells when which block came."""
    house.grant(*house.people[:5])
    house.publish()
    house.clock.ahead += 3600 * _SECOND
    house.follow()
    with house.open.store.begin() as unit:
        unit.projection.keep([])
    return house


def test_where_no_block_tells_when_it_is_not_certain(granted: House) -> None:
    then = second_of(granted.clock()) - 600
    found = console_of(granted.open, granted.clock).past.at("kidneys", then)
    assert len(found.readable) == 5
    assert not any(one.certain for one in found.readable)
    asked = replace(
        console_of(granted.open, granted.clock).past, ask=lambda block: granted.open.ledger.block(block).time
    )
    assert all(one.certain for one in asked.at("kidneys", then).readable)
    assert asked.at("kidneys", then).blocks[0] == asked.at("kidneys", then).blocks[1]


def test_a_closed_study_reads_nobody_and_could_before(house: House) -> None:
    house.grant(*house.people[:5])
    house.publish()
    before = second_of(house.clock())
    house.clock.ahead += 100 * _SECOND
    house.open.registration.close("kidneys", house.clock())
    house.follow()
    past = console_of(house.open, house.clock).past
    assert len(past.at("kidneys", before + 50).readable) == 5
    now = past.at("kidneys", second_of(house.clock()))
    assert (now.closed, now.readable, now.refused) == (True, [], {"STUDY_CLOSED": 5})


def test_a_study_that_was_changed_since_says_so(house: House) -> None:
    house.grant(*house.people[:5])
    house.publish()
    before = second_of(house.clock())
    house.clock.ahead += 100 * _SECOND
    house.open.registration.change(replace(STUDY, text="This study asks something else."), house.clock())
    house.follow()
    past = console_of(house.open, house.clock).past
    then, now = past.at("kidneys", before + 50), past.at("kidneys", second_of(house.clock()))
    assert (then.kept, len(then.readable)) == (False, 5)
    assert (now.kept, now.refused) == (True, {"TEXT": 5})
    assert now.definition != then.definition


def test_a_category_that_was_left_out_is_not_readable(house: House) -> None:
    house.grant(*house.people[:2])
    house.grant(*house.people[2:5], categories=STUDY.required)
    house.publish()
    house.clock.ahead += timedelta(minutes=1)  # blocks that come fast are dated ahead
    house.follow()
    found = console_of(house.open, house.clock).past.at("kidneys", second_of(house.clock()))
    assert found.of_category()[Category.LABORATORY] == 2
    assert found.of_category()[Category.OUTCOMES] == 5

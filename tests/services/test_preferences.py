"""Being counted: nobody is until they say so, the newest word stands, and the log alone says which it is."""

from dataclasses import replace

import pytest

from consent.domain.entry import PERMIT, Action, Entry
from consent.domain.terms import SubjectId
from consent.services.acts import read_acts
from consent.services.auditing import audit_acts
from consent.services.preferences import PreferenceError
from tests.services.house import House, Template


def counted(house: House) -> frozenset[SubjectId]:
    with house.open.store.reading() as unit:
        return house.open.preferences.counted(unit)


def prefer(house: House, *subjects: SubjectId, yes: bool = True, by: str = "patient") -> None:
    house.open.preferences.prefer(subjects, house.clock(), counted=yes, by=by)


def test_nobody_is_counted_who_never_said_so(house: House) -> None:
    house.grant(*house.people[:3])
    assert counted(house) == frozenset()


@pytest.mark.parametrize("by", ["patient", "operator"])
def test_a_preference_is_an_entry_and_the_newest_stands(house: House, by: str) -> None:
    one, other = house.people[:2]
    before = house.state()
    prefer(house, one, other, by=by)
    assert counted(house) == {one, other}
    prefer(house, one, yes=False, by=by)
    assert counted(house) == {other}
    said = [(e["actor"], e["action"], e["verdict"], e["subject"]) for e in house.log(before.entries)]
    assert said == [
        (by, "prefer", "COUNTED", one),
        (by, "prefer", "COUNTED", other),
        (by, "prefer", "NOT_COUNTED", one),
    ]
    assert house.state().consents == before.consents


def test_a_preference_outlives_the_process(house: House, template: Template) -> None:
    prefer(house, house.people[0])
    with House.without_ledger(house.settings.home, template.wallets) as beside:
        assert counted(beside) == {house.people[0]}


def test_a_stop_of_consents_leaves_the_preference_and_an_erasure_ends_it(house: House) -> None:
    stopping, leaving = house.people[:2]
    house.grant(stopping)
    prefer(house, stopping, leaving)
    house.stop(stopping)
    house.open.erasures.request(house.ask(leaving))
    assert counted(house) == {stopping}
    with pytest.raises(PreferenceError):
        prefer(house, leaving)
    assert counted(house) == {stopping}


def test_nobody_unknown_has_a_preference_and_none_of_a_refused_set_is_written(house: House) -> None:
    before = house.state()
    with pytest.raises(PreferenceError, match="enrolled"):
        prefer(house, house.people[0], SubjectId("f" * 32))
    assert house.state() == before


def test_an_auditor_sees_a_count_of_somebody_who_did_not_allow_it(house: House) -> None:
    one = house.people[0]
    entry = Entry(1, "study:kidneys", Action.READ, PERMIT, one, study="kidneys", operation="count")

    def findings() -> list[str]:
        with house.open.store.reading() as unit:
            return [f.name for f in audit_acts(read_acts(unit.log), unit.patients) if not f.holds]

    prefer(house, one)
    with house.open.store.begin() as unit:
        house.open.log.append(unit, [entry])
    assert findings() == []
    prefer(house, one, yes=False)
    with house.open.store.begin() as unit:
        house.open.log.append(unit, [replace(entry, time=2)])
    assert findings() == ["log.stops_obeyed"]


def test_reading_some_actions_only_says_the_same_of_them(house: House) -> None:
    prefer(house, *house.people[:5])
    house.open.erasures.request(house.ask(house.people[0]))
    with house.open.store.reading() as unit:
        some, all_of_them = read_acts(unit.log, Action.PREFER, Action.ERASE), read_acts(unit.log)
    assert (some.counted, some.blocked, some.size) == (all_of_them.counted, all_of_them.blocked, all_of_them.size)
    assert some.approved == {} != all_of_them.approved

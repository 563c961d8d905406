"""What the log says of studies: only an approval approves, and nobody is asked before a study recruits."""

from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.cli.verify import Held
from consent.cli.verify import run as verify
from consent.domain.entry import Action, Entry
from consent.domain.study import Study
from consent.domain.study_acts import StudyActs, StudyRequest
from consent.domain.terms import StudyReference
from consent.services.acts import Acts, read_acts
from consent.services.auditing import audit_acts
from consent.services.studies.approved import StudyNotApprovedError, open_study
from tests.services.house import STUDY, House, Template

EYES: Final = replace(STUDY, reference=StudyReference("eyes", "Eyes", "The Test Hospital"))
NEW: Final = {"definition": "b" * 64, "text": "2" * 64}
ASKED: Final = {"definition": "a" * 64, "text": "1" * 64}


def said(verdict: Any, time: Any = 7, study: Any = "eyes", **facts: Any) -> dict[str, Any]:
    return {"action": "approve", "verdict": verdict, "study": study, "time": time, "facts": facts}


def taken(*bodies: dict[str, Any]) -> StudyActs:
    acts = StudyActs()
    for index, body in enumerate(bodies):
        acts.take(index, body)
    return acts


WAITING: Final = said("APPROVED", **ASKED, recruiting=False)


def test_a_log_of_before_asks_from_the_approval_on() -> None:
    acts = taken(said("APPROVED", 5, definition="a" * 64, ethics="EC"))
    assert (set(acts.recruiting), acts.waiting, acts.since) == ({"eyes"}, set(), {"eyes": 5})
    assert acts.requests_of("eyes") == (StudyRequest(1, 5, ""),)


def test_a_study_that_waits_is_approved_and_asks_nobody_until_it_recruits() -> None:
    acts = taken(WAITING)
    assert (acts.approved, acts.recruiting, acts.waiting) == ({"eyes": "a" * 64}, frozenset(), {"eyes"})
    assert acts.requests_of("eyes") == ()
    acts.take(1, said("RECRUITING", 9, **ASKED))
    assert (set(acts.recruiting), acts.waiting) == ({"eyes"}, set())
    assert acts.requests_of("eyes") == (StudyRequest(1, 9, "1" * 64),)


@pytest.mark.parametrize("fact", [None, 0, "false", "", {}, 1])
def test_a_fact_that_is_no_yes_is_a_no(fact: object) -> None:
    assert taken(said("APPROVED", **ASKED, recruiting=fact)).recruiting == frozenset()
    assert taken(said("APPROVED", **ASKED, recruiting=True)).recruiting == {"eyes"}


@pytest.mark.parametrize("verdict", ["RESOLVED", "REFUSED", "RECRUITING", "SUBMITTED", "approved", "", None])
def test_no_other_verdict_approves_a_definition(verdict: Any) -> None:
    assert taken(said(verdict, **NEW)) == replace(StudyActs(), size=1)
    before, after = taken(WAITING), taken(WAITING, said(verdict, **NEW))
    assert after.approved == before.approved
    assert (after.waiting == before.waiting) is (verdict != "RECRUITING")


def test_nothing_but_recruiting_ends_the_wait() -> None:
    acts = taken(WAITING, said("CHANGED", **NEW), said("APPROVED", **NEW))
    assert (acts.recruiting, acts.approved) == (frozenset(), {"eyes": "b" * 64})
    assert acts.requests_of("eyes") == ()


def test_another_text_asks_anew_and_the_same_one_does_not() -> None:
    recruiting = said("RECRUITING", 8, **ASKED)
    acts = taken(
        WAITING, recruiting, said("CHANGED", 9, definition="c" * 64, text="1" * 64), said("CHANGED", 10, **NEW)
    )
    assert acts.requests_of("eyes") == (StudyRequest(1, 8, "1" * 64), StudyRequest(2, 10, "2" * 64))
    acts.take(9, said("RECRUITING", 11, **NEW))
    assert len(acts.requests_of("eyes")) == 2, "it asks already"
    assert acts.requests_of("others") == ()


def test_a_change_of_before_counts_as_another_text() -> None:
    acts = taken(said("APPROVED", definition="a" * 64), said("CHANGED", 9, definition="b" * 64))
    assert acts.requests_of("eyes") == (StudyRequest(1, 7, ""), StudyRequest(2, 9, ""))


def test_a_closed_study_neither_waits_for_anything_nor_asks() -> None:
    acts = taken(WAITING, said("CLOSED"), said("RECRUITING", **ASKED))
    assert acts.recruiting == frozenset()
    assert acts.closed == {"eyes"}


VERDICTS: Final = ("APPROVED", "CHANGED", "RECRUITING", "CLOSED", "RESOLVED", "REFUSED")
bodies = st.builds(
    said,
    st.sampled_from(VERDICTS),
    st.integers(0, 3),
    st.sampled_from(["eyes", "ears"]),
    definition=st.sampled_from("ab"),
    text=st.sampled_from(["", "1", "2"]),
    recruiting=st.booleans(),
)


@given(st.lists(bodies, max_size=12), st.integers(0, 12))
def test_entries_that_are_taken_up_again_say_nothing_new(entries: list[dict[str, Any]], again: int) -> None:
    once, twice = taken(*entries), taken(*entries)
    for index, body in list(enumerate(entries))[again:]:
        twice.take(index, body)
    assert twice == once
    assert once.recruiting <= once.approved.keys() - once.closed - once.waiting


# ---------------------------------------------------------------------------------------------------- on a real log


def old(house: House, study: Study) -> None:
    """Approve a study as a version did that wrote neither its text nor whether it asks."""
    facts = {"definition": study.hash(), "ethics": study.ethics}
    with house.open.store.begin() as unit:
        unit.studies.add(study)
        entry = Entry(int(house.clock().timestamp()), "operator", Action.APPROVE, "APPROVED", study="eyes", facts=facts)
        house.open.log.append(unit, [entry])


def acts_of(house: House) -> Acts:
    with house.open.store.reading() as unit:
        house.open.book.follow(unit)
        return read_acts(unit.log)


def test_the_book_follows_what_the_log_says(house: House) -> None:
    registration, now = house.open.registration, house.clock()
    registration.approve(EYES, now, recruiting=False)
    assert acts_of(house).waiting == house.open.book.waiting == {"eyes"}
    registration.ask("eyes", now)
    registration.close("eyes", now, by="study:eyes")
    acts = acts_of(house)
    assert acts.studies == house.open.book.studies
    assert (set(acts.waiting), set(acts.closed)) == (set(), {"eyes"})
    assert [(e["verdict"], e["actor"]) for e in house.log()[-3:]] == [
        ("APPROVED", "operator"),
        ("RECRUITING", "study:eyes"),
        ("CLOSED", "study:eyes"),
    ]


def test_a_study_of_an_old_log_asks(house: House) -> None:
    old(house, EYES)
    acts_of(house)
    assert "eyes" in house.open.book.recruiting
    with house.open.store.reading() as unit:
        assert open_study(unit, "eyes") == EYES


@pytest.mark.parametrize("verdict", ["RESOLVED", "REFUSED", "RECRUITING"])
def test_an_altered_study_is_not_approved_by_what_is_no_approval(house: House, verdict: str) -> None:
    house.open.registration.approve(EYES, house.clock(), recruiting=False)
    altered = replace(EYES, text="Something else.")
    entry = Entry(1, "operator", Action.APPROVE, verdict, study="eyes", facts={"definition": altered.hash()})
    with house.open.store.begin() as unit:
        unit.studies.replace(altered)
        house.open.log.append(unit, [entry])
    with house.open.store.reading() as unit, pytest.raises(StudyNotApprovedError):
        open_study(unit, "eyes")


@pytest.mark.sqlite_only  # `verify` takes the databases from the environment
def test_the_auditors_replay_holds_on_old_and_new_entries(
    template: Template, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "home"
    with House.copied(template, home) as house:
        old(house, EYES)
        ears = replace(STUDY, reference=replace(EYES.reference, id="ears"))
        house.open.registration.approve(ears, house.clock(), recruiting=False)
        house.open.registration.ask("ears", house.clock())
        house.grant(house.people[0])
        house.publish()
        house.anchor()
        with house.open.store.reading() as unit:
            assert all(finding.holds for finding in audit_acts(read_acts(unit.log), unit.patients))
    verify(home, Held(None, [], None))
    assert "checks hold" in capsys.readouterr().out

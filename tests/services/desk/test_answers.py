"""What a study is told of answers: two noisy cells of those who are asked, under its budget, and nobody's name."""

from dataclasses import replace
from datetime import timedelta
from typing import Final

import pytest
from sqlalchemy import update

from consent.adapters.sql.tables import entries
from consent.domain.hashing import canonical_json, sha256
from consent.domain.study import StudyConflictError
from consent.domain.study_acts import StudyRequest
from consent.domain.terms import StudyReference
from consent.services.desk.answers import Answering, Answers, AnswersUnknownError, UnknownRequestError
from consent.services.studies.approved import StudyClosedError, StudyNotApprovedError, StudyNotRecruitingError
from consent.services.studies.count_budget import CountRefusedError, CountRules
from tests.services.house import STUDY, House
from tests.services.portal.patients import Portal

ASKED, ALLOWING = 40, 20
CHANGED: Final = replace(STUDY, text=STUDY.text + "\nAnd how kidneys heal.")
ALMOST_EXACT: Final = CountRules(epsilon=50.0, budget=150.0)
"""Noise of this epsilon is 0 but once in e^50: what is told is the truth, rounded."""


@pytest.fixture
def answering(house: House) -> Answering:
    """Forty are asked; the first twenty of them and ten who are not asked allow the study."""
    house.open.preferences.prefer(house.people[:ASKED], house.clock(), counted=True)
    house.grant(*house.people[:ALLOWING], *house.people[50:60])
    house.publish()
    return with_rules(house, ALMOST_EXACT)


def with_rules(house: House, rules: CountRules) -> Answering:
    here = house.open.answering
    return replace(here, budget=replace(here.budget, rules=rules))


def test_of_those_who_are_asked_it_is_told_how_many_allow_it(house: House, answering: Answering) -> None:
    before = house.state()
    answers = answering.answers("kidneys", 1, house.clock())
    assert answers == Answers(ASKED, ALLOWING, 50.0, 100.0)
    [entry] = house.log(before.entries)
    assert (entry["action"], entry["verdict"], entry["actor"]) == ("count", "DISCLOSED", "study:kidneys")
    question = sha256(canonical_json({"answers": "kidneys", "text": STUDY.text_hash})).hex()
    assert entry["facts"] == {"question": question, "epsilon": 50.0, "answer": [20, 20]}
    assert "subject" not in entry, "nobody is opened, and nobody is named"


def test_an_answer_is_repeated_and_costs_nothing_again(house: House, answering: Answering) -> None:
    first = answering.answers("kidneys", 1, house.clock())
    house.grant(*house.people[ALLOWING:25])
    house.publish()
    before = house.state()
    assert answering.answers("kidneys", 1, house.clock()) == first
    assert house.state() == before
    house.clock.ahead += timedelta(days=31)
    house.follow()
    assert answering.answers("kidneys", 1, house.clock()).allowed == 25, "a period later it is another answer"


def test_whoever_said_no_and_whoever_never_saw_it_look_alike(house: House, answering: Answering) -> None:
    portal = Portal.of(house)
    for subject in house.people[ALLOWING : ALLOWING + 10]:
        portal.room.asking.decline(subject, "kidneys")
    answers = answering.answers("kidneys", 1, house.clock())
    assert (answers.asked, answers.allowed) == (ASKED, ALLOWING)
    assert house.log()[-1]["facts"]["answer"] == [ALLOWING, ASKED - ALLOWING]


def test_who_stopped_and_who_is_no_longer_asked_allow_nothing(house: House, answering: Answering) -> None:
    for subject in house.people[:5]:
        house.stop(subject)
    house.open.preferences.prefer(house.people[5:10], house.clock(), counted=False)
    answers = answering.answers("kidneys", 1, house.clock())
    assert (answers.asked, answers.allowed) == (35, 10)


@pytest.mark.parametrize("allowing", [9, 31], ids=["few allow it", "all but few"])
def test_where_a_cell_is_small_neither_number_is_told(house: House, allowing: int) -> None:
    house.open.preferences.prefer(house.people[:ASKED], house.clock(), counted=True)
    house.grant(*house.people[:allowing])
    house.publish()
    answers = with_rules(house, ALMOST_EXACT).answers("kidneys", 1, house.clock())
    assert (answers.asked, answers.allowed) == (None, None)


def test_what_is_told_is_noisy(house: House, answering: Answering) -> None:
    answers = set()
    for _ in range(30):
        answers.add(with_rules(house, CountRules(0.1, 100.0, period=1)).answers("kidneys", 1, house.clock()))
        house.clock.ahead += timedelta(seconds=2)
    assert len(answers) > 1


def test_answers_and_counts_spend_one_budget(house: House, answering: Answering) -> None:
    once = with_rules(house, CountRules(epsilon=1.0, budget=1.0))
    assert once.answers("kidneys", 1, house.clock()).left == 0
    house.open.registration.change(CHANGED, house.clock())
    before = house.state()
    with pytest.raises(CountRefusedError, match="the budget is spent"):
        once.answers("kidneys", 2, house.clock())
    assert house.state() == before
    with house.open.store.reading() as unit:
        assert once.budget.spending(unit, "kidneys", house.clock()).left == 0


def test_another_text_is_another_request_to_which_nobody_said_yes_yet(house: House, answering: Answering) -> None:
    answering.answers("kidneys", 1, house.clock())
    house.open.registration.change(CHANGED, house.clock())
    for number in (0, 1, 3):
        with pytest.raises(UnknownRequestError):
            answering.answers("kidneys", number, house.clock())
    house.grant(*house.people[:15], text_hash=CHANGED.text_hash)
    house.publish()
    assert answering.answers("kidneys", 2, house.clock()) == Answers(ASKED, 15, 50.0, 50.0)
    requests = answering.requests_of("kidneys")
    assert [(one.number, one.text_hash) for one in requests] == [(1, STUDY.text_hash), (2, CHANGED.text_hash)]


def test_a_study_that_does_not_recruit_is_told_nothing(house: House, answering: Answering) -> None:
    eyes = replace(STUDY, reference=StudyReference("eyes", "Eyes", "The Test Hospital"))
    house.open.registration.approve(eyes, house.clock(), recruiting=False)
    before = house.state()
    with pytest.raises(StudyNotRecruitingError):
        answering.answers("eyes", 1, house.clock())
    assert (house.state(), answering.requests_of("eyes")) == (before, ())
    assert house.open.registration.ask("eyes", house.clock()) == 1
    assert answering.requests_of("eyes") == (StudyRequest(1, house.log()[-1]["time"], eyes.text_hash),)
    assert answering.answers("eyes", 1, house.clock()).asked is None, "nobody allows it yet"
    with pytest.raises(StudyConflictError):
        house.open.registration.ask("eyes", house.clock())


def test_a_closed_study_and_one_that_there_is_not_are_told_nothing(house: House, answering: Answering) -> None:
    house.open.registration.close("kidneys", house.clock())
    before = house.state()
    with pytest.raises(StudyClosedError):
        answering.answers("kidneys", 1, house.clock())
    with pytest.raises(StudyNotApprovedError):
        answering.answers("eyes", 1, house.clock())
    with pytest.raises(StudyNotApprovedError):
        answering.requests_of("eyes")
    assert (house.state(), len(answering.requests_of("kidneys"))) == (before, 1)


def test_nothing_is_told_or_spent_on_a_ledger_that_was_not_read(house: House, answering: Answering) -> None:
    house.clock.ahead += timedelta(seconds=answering.max_staleness + 60)
    before = house.state()
    with pytest.raises(AnswersUnknownError):
        answering.answers("kidneys", 1, house.clock())
    assert house.state() == before
    house.follow()
    assert answering.answers("kidneys", 1, house.clock()).allowed == ALLOWING


def test_the_request_of_an_old_log_has_the_text_that_the_study_has(house: House, answering: Answering) -> None:
    facts = {"definition": STUDY.hash(), "ethics": STUDY.ethics}
    with house.open.store.begin() as unit:
        [entry] = [e for e in house.log() if e["action"] == "approve"]
        body = canonical_json(entry | {"facts": facts})
        unit.connection.execute(update(entries).where(entries.c.index == entry["index"]).values(body=body))
    assert answering.requests_of("kidneys") == [StudyRequest(1, entry["time"], STUDY.text_hash)]

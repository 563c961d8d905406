"""A study that says something else asks again, and one that was closed gets nothing more."""

from dataclasses import replace
from typing import Final

import pytest

from consent.domain.entry import Action
from consent.domain.study import StudyRefusedError, Translation
from consent.domain.terms import Category, StudyReference, SubjectId
from consent.services.granting import StudyMismatchError
from consent.services.studies.approved import StudyClosedError, StudyNotApprovedError
from consent.services.studies.training import TrainingError
from tests.services.house import DICTIONARY, PARAMETERS, STUDY, House
from tests.services.portal.patients import Portal

CHANGED: Final = replace(STUDY, text=STUDY.text + "\nFrom now on it looks at how kidneys heal, too.")


@pytest.fixture
def subject(house: House) -> SubjectId:
    """Somebody who allowed being asked, and the study."""
    house.open.preferences.prefer([house.people[0]], house.clock(), counted=True)
    house.grant(house.people[0])
    house.publish()
    assert house.verdict(house.people[0]) == "PERMIT"
    return house.people[0]


def asks(house: House, subject: SubjectId) -> list[tuple[str, bool]]:
    """Return the texts of which studies are asked of somebody, and whether the three questions come."""
    return [(one.study.text, one.first) for one in Portal.of(house).room.asking.requests(subject, house.clock())]


# ------------------------------------------------------------------------------------------------------------- changed


def test_who_agreed_to_another_text_is_asked_again_and_not_read_until_they_agree(
    house: House, subject: SubjectId
) -> None:
    assert asks(house, subject) == []
    house.open.registration.change(CHANGED, house.clock())
    assert asks(house, subject) == [(CHANGED.text, True)]
    assert house.verdict(subject, CHANGED) == "TEXT"
    house.grant(subject, text_hash=CHANGED.text_hash)
    house.publish()
    assert asks(house, subject) == []
    assert house.verdict(subject, CHANGED) == "PERMIT"


def test_a_gate_that_was_made_before_the_change_permits_nothing(house: House, subject: SubjectId) -> None:
    house.open.registration.change(CHANGED, house.clock())
    assert house.verdict(subject) == "STUDY", "as a training that runs meanwhile finds out"


def test_the_old_text_can_no_longer_be_agreed_to(house: House, subject: SubjectId) -> None:
    house.open.registration.change(CHANGED, house.clock())
    with pytest.raises(StudyMismatchError):
        house.grant(house.people[1])


def test_a_no_to_the_old_text_stays_a_no(house: House, subject: SubjectId) -> None:
    other, asking = house.people[1], Portal.of(house).room.asking
    house.open.preferences.prefer([other], house.clock(), counted=True)
    asking.decline(other, STUDY.reference.id)
    house.open.registration.change(CHANGED, house.clock())
    assert asks(house, other) == [], "nobody is asked twice who said no"


def test_another_process_knows_at_once(house: House, subject: SubjectId) -> None:
    with House.without_ledger(house.settings.home, house.wallets) as beside:
        house.open.registration.change(CHANGED, house.clock())
        assert beside.verdict(subject) == "STUDY"
        house.open.registration.close(STUDY.reference.id, house.clock())
        assert beside.verdict(subject, CHANGED) == "STUDY_CLOSED"


NO_CHANGES: Final = {
    "none": (STUDY, "nothing in the file differs"),
    "another title": (
        replace(CHANGED, reference=StudyReference("kidneys", "Hearts", STUDY.reference.institution)),
        "register another study",
    ),
    "more records under the same text": (
        replace(STUDY, optional=STUDY.optional | {Category.NOTES}),
        "say in the study's text",
    ),
}


@pytest.mark.parametrize("name", NO_CHANGES)
def test_what_people_would_not_notice_is_no_change(house: House, name: str) -> None:
    study, sentence = NO_CHANGES[name]
    before = house.state()
    with pytest.raises(StudyRefusedError, match=sentence):
        house.open.registration.change(study, house.clock())
    assert house.state() == before


def test_a_further_language_asks_nobody_again_and_hides_no_change(house: House, subject: SubjectId) -> None:
    spanish = Translation("es", "Los riñones", "Este estudio mira los riñones.")
    house.open.registration.change(translated := replace(STUDY, translations=(spanish,)), house.clock())
    assert asks(house, subject) == []
    assert house.verdict(subject, translated) == "PERMIT"
    more = replace(translated, text=CHANGED.text, optional=STUDY.optional | {Category.NOTES})
    with pytest.raises(StudyRefusedError, match="in each language"):
        house.open.registration.change(more, house.clock())


def test_what_no_patient_reads_changes_without_asking_anybody(house: House, subject: SubjectId) -> None:
    approved = replace(STUDY, ethics="EC 2027/1")
    house.open.registration.change(approved, house.clock())
    assert asks(house, subject) == []
    assert house.verdict(subject, approved) == "PERMIT"


def test_only_a_study_that_is_registered_can_change(house: House) -> None:
    unknown = replace(CHANGED, reference=StudyReference("hearts", "Hearts", "The Test Hospital"))
    with pytest.raises(StudyNotApprovedError):
        house.open.registration.change(unknown, house.clock())


# -------------------------------------------------------------------------------------------------------------- closed


def test_nobody_is_read_for_a_closed_study_or_asked_or_can_allow_it(house: House, subject: SubjectId) -> None:
    other = house.people[1]
    house.open.preferences.prefer([other], house.clock(), counted=True)
    assert asks(house, other) == [(STUDY.text, True)]
    assert house.open.registration.close(STUDY.reference.id, house.clock()) == 0
    assert asks(house, other) == []
    assert house.verdict(subject) == "STUDY_CLOSED"
    assert house.verdict(house.people[2]) == "STUDY_CLOSED", "also where nobody granted anything"
    with pytest.raises(StudyMismatchError):
        house.grant(other)
    [entry] = [e for e in house.log() if (e["action"], e["verdict"]) == (Action.APPROVE, "CLOSED")]
    assert (entry["actor"], entry["study"]) == ("operator", STUDY.reference.id)


def test_a_study_is_closed_for_good(house: House, subject: SubjectId) -> None:
    house.open.registration.close(STUDY.reference.id, house.clock())
    for decide in (
        lambda: house.open.registration.close(STUDY.reference.id, house.clock()),
        lambda: house.open.registration.change(CHANGED, house.clock()),
    ):
        with pytest.raises(StudyClosedError):
            decide()
    with pytest.raises(StudyRefusedError, match="registered already"):
        house.open.registration.approve(STUDY, house.clock())
    house.refresh()
    assert house.verdict(subject) == "STUDY_CLOSED"


def test_no_model_is_trained_for_a_closed_study(house: House, subject: SubjectId) -> None:
    house.open.registration.close(STUDY.reference.id, house.clock())
    before = house.state()
    with pytest.raises(TrainingError, match="the study was closed"):
        house.open.training.train(STUDY.reference.id, DICTIONARY, PARAMETERS)
    assert house.state() == before

"""What people wish to be asked: kinds of research that never ask, and a no that is taken back."""

from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from consent.domain.data_use import DataUse
from consent.domain.research import ResearchKind
from consent.domain.terms import StudyReference, SubjectId
from consent.services.portal.wishing import WishError
from tests.services.house import STUDY, House
from tests.services.portal.patients import Portal
from vault import KeysUnavailableError

FOR_PROFIT: Final = replace(
    STUDY,
    reference=StudyReference("pills", "New pills", "A Firm"),
    data_use=DataUse(health_research=True, non_profit_only=False),
    ethics="EC 2026/4",
)
ROOTS: Final = replace(
    STUDY,
    reference=StudyReference("roots", "Families of the north", "The Test Hospital"),
    data_use=DataUse(ancestry=True, non_profit_only=True),
    ethics="EC 2026/5",
)


@pytest.fixture
def portal(house: House) -> Portal:
    """The portal of a house with studies of three kinds."""
    for study in (FOR_PROFIT, ROOTS):
        house.open.registration.approve(study, house.clock())
    return Portal.of(house)


@pytest.fixture
def subject(portal: Portal) -> SubjectId:
    """Somebody who allowed being asked."""
    portal.house.open.preferences.prefer([portal.house.people[0]], portal.house.clock(), counted=True)
    return portal.house.people[0]


def asked(portal: Portal, subject: SubjectId) -> list[str]:
    requests = portal.room.asking.requests(subject, portal.house.clock())
    assert portal.room.asking.waiting(subject, portal.house.clock()) == len(requests)
    return [one.reference.id for one in requests]


def wish(portal: Portal, subject: SubjectId, *never: ResearchKind) -> None:
    portal.room.wishing.wish(subject, never, portal.house.clock())


def test_a_kind_that_never_asks_does_not_ask_and_the_newest_wish_counts(portal: Portal, subject: SubjectId) -> None:
    assert asked(portal, subject) == ["kidneys", "pills", "roots"]
    wish(portal, subject, ResearchKind.PROFIT)
    assert asked(portal, subject) == ["kidneys", "roots"]
    wish(portal, subject, ResearchKind.HEALTH, ResearchKind.ORIGINS)
    assert asked(portal, subject) == []
    assert portal.room.wishing.never(subject) == {ResearchKind.HEALTH, ResearchKind.ORIGINS}
    wish(portal, subject)
    assert asked(portal, subject) == ["kidneys", "pills", "roots"]


def test_somebody_elses_wishes_change_nothing(portal: Portal, subject: SubjectId) -> None:
    wish(portal, portal.house.people[1], *ResearchKind)
    assert asked(portal, subject) == ["kidneys", "pills", "roots"]


def test_a_wish_takes_no_consent_back_and_keeps_nobody_from_looking(portal: Portal, subject: SubjectId) -> None:
    portal.house.grant(subject)
    portal.house.publish()
    wish(portal, subject, *ResearchKind)
    assert portal.house.verdict(subject) == "PERMIT"
    assert portal.room.asking.request(subject, "roots", portal.house.clock()) is not None, "who has the link may read"


def test_the_log_says_that_wishes_changed_and_not_which(portal: Portal, subject: SubjectId, tmp_path: Path) -> None:
    before = portal.house.state()
    wish(portal, subject, ResearchKind.ORIGINS)
    [entry] = portal.house.log(before.entries)
    del entry["index"], entry["time"]
    assert entry == {"version": 1, "actor": "patient", "action": "prefer", "verdict": "WISHES", "subject": subject}
    with portal.house.open.store.reading() as unit:
        sealed = unit.wishes.get(subject)
    assert sealed is not None
    assert b"origins" not in sealed
    portal.house.refresh()
    assert asked(portal, subject) == ["kidneys", "pills"], "and they may still be asked"


def test_where_wishes_cannot_be_read_nothing_asks_and_nothing_breaks(
    portal: Portal, subject: SubjectId, monkeypatch: pytest.MonkeyPatch
) -> None:
    wish(portal, subject, ResearchKind.ORIGINS)

    def away(*_: object) -> bytes:
        raise KeysUnavailableError("the key service is away: try again")

    monkeypatch.setattr("vault.records.Vault.unseal", away)
    assert asked(portal, subject) == []


def test_erasure_takes_wishes_and_nothing_new_is_kept(portal: Portal, subject: SubjectId) -> None:
    wish(portal, subject, ResearchKind.ORIGINS)
    portal.house.open.erasures.request(portal.house.ask(subject))
    with pytest.raises(WishError):
        wish(portal, subject)
    portal.house.anchor()
    portal.house.open.keep_house()
    with portal.house.open.store.reading() as unit:
        assert unit.wishes.get(subject) is None


def test_a_no_can_be_taken_back(portal: Portal, subject: SubjectId) -> None:
    for study in ("pills", "roots"):
        portal.room.asking.decline(subject, study)
    assert portal.room.wishing.declined(subject) == [ROOTS.reference, FOR_PROFIT.reference]
    assert portal.room.wishing.declined(portal.house.people[1]) == []
    portal.room.wishing.let_ask(subject, "roots")
    assert asked(portal, subject) == ["kidneys", "roots"]
    portal.house.open.registration.close("pills", portal.house.clock())
    assert portal.room.wishing.declined(subject) == [], "a closed study asks nobody"


def test_a_no_to_what_is_no_study_is_not_looked_for(portal: Portal) -> None:
    """PostgreSQL takes no NUL in a text: somebody who sent one made the records database look as if it were away."""
    for study in ("\x00", "kidneys\x00", ""):
        portal.room.wishing.let_ask(portal.house.people[0], study)

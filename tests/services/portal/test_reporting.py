"""“This looks wrong”: a number, a text that only the hospital reads, and an answer beside the line."""

from datetime import timedelta

import pytest

from consent.domain.terms import SubjectId
from consent.services.portal.reporting import LONGEST, OPEN, Report, ReportError, UnknownReportError
from tests.services.house import House
from tests.services.portal.patients import Portal
from vault import KeyNotFoundError

TEXT = "I was not there on that day.\nAnd I never said yes to this."


@pytest.fixture
def subject(portal: Portal) -> SubjectId:
    return portal.house.people[0]


def own(portal: Portal, subject: SubjectId, place: int = 0) -> int:
    """Return the index of one of somebody's lines, counted from the oldest."""
    mine: list[int] = [entry["index"] for entry in portal.house.log() if entry.get("subject") == subject]
    return mine[place]


def report(portal: Portal, subject: SubjectId, text: str = TEXT, place: int = 0) -> Report:
    return portal.room.reporting.report(subject, own(portal, subject, place), text, portal.house.clock())


def test_a_report_has_a_number_and_waits_for_its_answer(portal: Portal, subject: SubjectId) -> None:
    asked = report(portal, subject)
    assert (len(asked.number), asked.text, asked.answered, asked.answer) == (9, TEXT, None, "")
    assert portal.room.reporting.about(subject, [asked.entry]) == {asked.entry: asked}
    assert portal.room.reporting.everything() == [asked]
    portal.house.clock.ahead += timedelta(hours=2)
    answered = portal.room.reporting.answer(asked.number.lower(), "It was\nthe other ward.", portal.house.clock())
    assert (answered.number, answered.answer) == (asked.number, "It was\nthe other ward.")
    assert answered.answered is not None
    assert portal.room.reporting.one(asked.number) == answered
    assert portal.room.reporting.answer(asked.id, "We were wrong.", portal.house.clock()).answer == "We were wrong."


def test_the_log_tells_that_somebody_asked_and_was_answered_and_no_words(portal: Portal, subject: SubjectId) -> None:
    before = portal.house.state()
    asked = report(portal, subject)
    portal.room.reporting.answer(asked.id, "Fine.", portal.house.clock())
    told = [(e["actor"], e["action"], e["verdict"], e["facts"]) for e in portal.house.log(before.entries)]
    facts = {"report": asked.id, "entry": asked.entry}
    assert told == [("patient", "report", "ASKED", facts), ("operator", "report", "ANSWERED", facts)]
    with portal.house.open.store.reading() as unit:
        stored = unit.reports.get(asked.id)
    assert stored is not None
    assert stored.answer is not None
    assert b"day" not in stored.sealed
    assert b"Fine" not in stored.answer


def test_one_line_is_reported_once(portal: Portal, subject: SubjectId) -> None:
    asked, before = report(portal, subject), portal.house.state()
    assert report(portal, subject, "And another thing") == asked
    assert portal.house.state() == before


def test_nobody_reports_what_is_not_about_them(portal: Portal, subject: SubjectId) -> None:
    other, before = portal.house.people[1], portal.house.state()
    for entry in (own(portal, other), 10**6, -1):
        with pytest.raises(ReportError):
            portal.room.reporting.report(subject, entry, TEXT, portal.house.clock())
    assert portal.house.state() == before
    asked = report(portal, other)
    assert portal.room.reporting.about(subject, [asked.entry]) == {}


@pytest.mark.parametrize("text", ["x" * (LONGEST + 1), "a\tb", "turned \u202eround", "nul\x00"])
def test_what_is_written_is_short_and_plain(portal: Portal, subject: SubjectId, text: str) -> None:
    with pytest.raises(ReportError):
        report(portal, subject, text)
    asked = report(portal, subject, " \r\n")
    assert asked.text == ""
    with pytest.raises(ReportError):
        portal.room.reporting.answer(asked.id, text, portal.house.clock())
    with pytest.raises(ReportError, match="has words"):
        portal.room.reporting.answer(asked.id, "  ", portal.house.clock())


def test_an_unknown_number_is_told(portal: Portal) -> None:
    for number in ("AAAA-AAAA", "", "x", "1" * 100):
        with pytest.raises(UnknownReportError):
            portal.room.reporting.one(number)


def test_so_many_wait_and_no_more(portal: Portal, subject: SubjectId) -> None:
    for _ in range(OPEN):
        portal.house.open.preferences.prefer([subject], portal.house.clock(), counted=True)
    for place in range(OPEN):
        report(portal, subject, place=place)
    with pytest.raises(ReportError, match="wait for an answer"):
        report(portal, subject, place=OPEN)
    portal.room.reporting.answer(portal.room.reporting.everything()[0].id, "Done.", portal.house.clock())
    report(portal, subject, place=OPEN)


def test_erasure_takes_what_was_written(portal: Portal, subject: SubjectId) -> None:
    house, asked = portal.house, report(portal, subject)
    house.open.erasures.request(house.ask(subject))
    with pytest.raises(ReportError, match="erased"):
        portal.room.reporting.answer(asked.id, "Too late.", house.clock())
    with pytest.raises(ReportError):
        report(portal, subject, place=1)
    house.anchor()
    house.open.keep_house()
    assert portal.room.reporting.everything() == []
    with pytest.raises(KeyNotFoundError):
        house.open.vault.seal(subject, "report", b"anything")


def test_another_process_answers(portal: Portal, subject: SubjectId) -> None:
    asked = report(portal, subject)
    with House.without_ledger(portal.house.settings.home, portal.house.wallets) as beside:
        Portal.of(beside).room.reporting.answer(asked.number, "Found it.", beside.clock())
    assert portal.room.reporting.about(subject, [asked.entry])[asked.entry].answer == "Found it."

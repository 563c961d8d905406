"""Activity: each entry about a person is one line of theirs, each opening of records exactly one, and nobody else's."""

from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from consent.domain.entry import Action, Entry
from consent.domain.study import Translation
from consent.domain.subject_request import RequestAction
from consent.domain.terms import Category, StudyReference, SubjectId
from consent.services.bundles.making import Wanted
from consent.services.bundles.scopes import Scope
from consent.services.portal.activity import Line, LineKind, Shown
from consent.wiring.bundles import bundles_of
from tests.services.house import DICTIONARY, STUDY, House
from tests.services.portal.patients import Portal
from vault import Access

USES: Final = {LineKind.OPENED, LineKind.PREDICTED}
ACCESS: Final = Access("study:kidneys", "kidneys", "train", DICTIONARY.required, DICTIONARY.optional)


def lines(portal: Portal, subject: SubjectId, shown: Shown = Shown.ALL) -> list[Line]:
    """Return all lines of somebody, read a page at a time, the newest first."""
    found: list[Line] = []
    before: int | None = None
    while True:
        page = portal.room.activity.page(subject, shown, before, 7)
        found += page.lines
        if page.older is None:
            return found
        before = page.older


def kinds(portal: Portal, subject: SubjectId) -> list[LineKind]:
    return [line.kind for line in lines(portal, subject)]


# -------------------------------------------------------------------------------------------------------- what is told


def test_every_entry_about_somebody_is_one_line_and_nobody_elses_is(portal: Portal) -> None:
    house, (ann, ben) = portal.house, portal.house.people[:2]
    house.grant(ann, ben)
    house.publish()
    house.gate().admit([ann, ben], ACCESS)
    house.stop(ann)
    house.gate().admit([ann], ACCESS)
    for subject in (ann, ben):
        told = [line.index for line in lines(portal, subject)]
        assert told == [e["index"] for e in reversed(house.log()) if e.get("subject") == subject]
    assert kinds(portal, ann)[:4] == [LineKind.REFUSED, LineKind.STOPPED, LineKind.OPENED, LineKind.GRANTED]
    refused, stopped, opened, granted = lines(portal, ann)[:4]
    assert (opened.title, opened.operation, opened.actor) == (STUDY.reference.title, "train", "study:kidneys")
    assert set(opened.categories) == {Category(name) for name in DICTIONARY.required | DICTIONARY.optional}
    assert opened.consent == granted.consent == stopped.consent
    assert (refused.verdict, refused.categories, refused.consent) == ("STOPPED", [], "")


def test_lines_are_found_by_what_they_tell(portal: Portal) -> None:
    house, subject = portal.house, portal.house.people[0]
    house.grant(subject)
    house.publish()
    house.gate().admit([subject], ACCESS)
    house.stop(subject)
    house.gate().admit([subject], ACCESS)
    own = {Shown.USES: {LineKind.OPENED}, Shown.REFUSALS: {LineKind.REFUSED}}
    for shown, expected in own.items():
        assert {line.kind for line in lines(portal, subject, shown)} == expected
    assert {line.actor for line in lines(portal, subject, Shown.MINE)} == {"patient"}
    assert {line.actor for line in lines(portal, subject, Shown.HOSPITAL)} == {"operator"}
    every = {line.index for line in lines(portal, subject)}
    parts = [shown for shown in Shown if shown is not Shown.ALL]
    assert set().union(*({line.index for line in lines(portal, subject, shown)} for shown in parts)) == every


def test_no_filter_leaves_out_a_line_that_it_names(portal: Portal) -> None:
    house, subject = portal.house, portal.house.people[0]
    verdicts, actors = ("PERMIT", "PREDICTED", "STOPPED", "NO_GRANT", ""), ("patient", "operator", "study:kidneys")
    facts: dict[str, Any] = {"verdict": "PERMIT", "actor": "operator", "note": '"verdict":"PERMIT","version":1'}
    with house.open.store.begin() as unit:
        every = [
            Entry(1, actor, action, verdict, subject, facts=facts if verdict else {})
            for action in Action
            for verdict in verdicts
            for actor in actors
            if (action is Action.PREDICT, verdict) not in {(True, "PERMIT"), (False, "PREDICTED")}  # a prediction's own
        ]
        house.open.log.append(unit, every)
    told = lines(portal, subject)
    assert len(told) > len(every)
    assert lines(portal, subject, Shown.USES) == [one for one in told if one.kind in USES]
    assert lines(portal, subject, Shown.REFUSALS) == [one for one in told if one.kind is LineKind.REFUSED]
    assert lines(portal, subject, Shown.MINE) == [one for one in told if one.actor == "patient"]
    assert lines(portal, subject, Shown.HOSPITAL) == [one for one in told if one.actor == "operator"]


def test_a_line_is_shown_to_whom_it_is_about_alone(portal: Portal) -> None:
    house, (ann, ben) = portal.house, portal.house.people[:2]
    [newest, *_rest] = lines(portal, ann)
    assert portal.room.activity.line(ann, newest.index) == newest
    assert portal.room.activity.line(ben, newest.index) is None
    assert portal.room.activity.line(ann, 10**9) is None
    assert portal.room.activity.line(ann, -1) is None
    assert house.log()[newest.index]["subject"] == ann


def test_an_entry_that_only_looks_as_if_it_named_somebody_is_no_line(portal: Portal) -> None:
    house, subject = portal.house, portal.house.people[0]
    before = lines(portal, subject)
    with house.open.store.begin() as unit:
        facts: dict[str, Any] = {"subject": subject}
        house.open.log.append(unit, [Entry(1, "operator", Action.APPROVE, "APPROVED", study="x", facts=facts)])
    assert lines(portal, subject) == before


def test_a_study_is_named_in_the_readers_language_where_it_has_a_name_there(portal: Portal) -> None:
    house, subject = portal.house, portal.house.people[0]
    sleep = StudyReference("sleep", "Sleep on the ward", STUDY.reference.institution)
    spanish = (Translation("es", "Dormir en planta", "Preguntamos cómo duerme la gente."),)
    house.open.registration.approve(replace(STUDY, reference=sleep, translations=spanish), house.clock())
    house.grant(subject)
    house.grant(subject, study=sleep)
    for language, title in (("en", "Sleep on the ward"), ("es", "Dormir en planta")):
        newest, before = portal.room.activity.page(subject, Shown.MINE, None, 2, language).lines
        assert (newest.title, before.title) == (title, STUDY.reference.title)
        assert portal.room.activity.line(subject, newest.index, language) == newest


def test_what_another_process_does_is_there_at_once(portal: Portal) -> None:
    house, subject = portal.house, portal.house.people[0]
    house.grant(subject)
    house.publish()
    with House.without_ledger(house.settings.home, house.wallets) as beside:
        there = Portal.of(beside)
        house.gate().admit([subject], ACCESS)
        assert kinds(there, subject)[0] is LineKind.OPENED


def test_own_copies_imports_wishes_and_holds_are_told(portal: Portal) -> None:
    house, subject = portal.house, portal.house.people[0]
    list(house.open.own_records.bundle(house.ask(subject, RequestAction.ACCESS)))
    house.open.preferences.prefer([subject], house.clock(), counted=True)
    assert kinds(portal, subject)[:2] == [LineKind.WISHED, LineKind.LOOKED]
    assert {LineKind.IMPORTED, LineKind.ENROLLED} <= set(kinds(portal, subject))


def test_evidence_that_was_made_of_somebody_is_told_to_them_alone(portal: Portal, tmp_path: Path) -> None:
    house, (ann, ben) = portal.house, portal.house.people[:2]
    house.grant(ann, ben)
    house.anchor()
    before = kinds(portal, ben)
    with (tmp_path / "bundle.zip").open("w+b") as file:
        bundles_of(house.open, house.settings, house.clock).write(Wanted(Scope.patient(ann)), file, "operator")
    assert kinds(portal, ann)[0] is LineKind.AUDITED
    assert kinds(portal, ben) == before

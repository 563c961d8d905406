"""One consent, two consents, an entry, a model, the checkpoints, all findings: as the pages are given them."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete, insert, update

from consent.adapters.sql.log_tables import certificates
from consent.adapters.sql.tables import consents, entries, openings, releases
from consent.domain.entry import Action, Entry
from consent.domain.hashing import Json, canonical_json
from consent.domain.terms import SubjectId
from consent.ports import ModelStatus
from consent.services.console.consents import compared
from consent.services.console.console import Console
from consent.services.console.looking import Looker
from consent.services.console.sides import ConsentState, Difference
from consent.services.granting import UnknownConsentError
from consent.services.portal.activity import Activity, LineKind, Shown
from consent.services.portal.studies import ApprovedStudies
from consent.wiring.console import console_of
from tests.services.audited import AGREED, Past
from tests.services.house import DICTIONARY, PARAMETERS, STUDY, House, Template


def test_looking_at_a_consent_is_written_before_it_opens(past: Past, console: Console, who: Looker) -> None:
    subject, size = past.standing[1], len(past.house.log())
    consent = past.consent_of(subject)
    [found] = console.consents.look(who, consent)
    assert found.differences == ()
    assert found.sides.signed is not None
    assert found.sides.signed.terms.subject == subject
    [entry] = past.house.log(size)
    told = {name: entry[name] for name in ("action", "actor", "operation", "verdict", "subject", "consent", "study")}
    assert told == {
        "action": "access",
        "actor": "auditor:audrey",
        "operation": "audit",
        "verdict": "PERMIT",
        "subject": subject,
        "consent": consent,
        "study": "kidneys",
    }


def test_the_person_reads_that_somebody_checked(past: Past, console: Console, who: Looker) -> None:
    here, subject = past.house.open, past.standing[2]
    console.consents.look(who, past.consent_of(subject))
    page = Activity(here.store, here.book, ApprovedStudies(here.book)).page(subject, Shown.ALL, None, 1)
    assert [(line.kind, line.actor) for line in page.lines] == [(LineKind.AUDITED, "auditor:audrey")]


def test_what_an_erased_person_signed_stays_closed(past: Past, console: Console, who: Looker) -> None:
    size = len(past.house.log())
    [found] = console.consents.look(who, past.consent_of(past.erased))
    assert (found.sides.gone, found.sides.signed, found.differences) == (True, None, ())
    assert len(past.house.log()) == size


def test_an_unknown_consent_opens_nothing_beside_it(past: Past, console: Console, who: Looker) -> None:
    size = len(past.house.log())
    with pytest.raises(UnknownConsentError):
        console.consents.look(who, past.consent_of(past.standing[0]), "0" * 32)
    assert len(past.house.log()) == size


def test_a_row_without_an_entry_is_not_opened_unwritten(house: House, who: Looker) -> None:
    house.grant(house.people[0])
    [grant] = [one for one in house.log() if one["action"] == "grant"]
    with house.open.store.begin() as unit:
        [entry] = unit.log.entries(grant["index"])
        forged = entry.body.replace(b'"action":"grant"', b'"action":"prefer"')
        unit.connection.execute(update(entries).where(entries.c.index == entry.index).values(body=forged))
    size = len(house.log())
    [found] = console_of(house.open, house.clock).consents.look(who, grant["consent"])
    assert Difference.NOT_LOGGED in found.differences
    assert [(one["action"], one["subject"]) for one in house.log(size)] == [("access", house.people[0])]


def test_two_consents_differ_in_what_differs(house: House, console: Console, who: Looker) -> None:
    one, other = house.terms(house.people[0]), house.terms(house.people[0], categories=STUDY.required)
    differing = [change for change in compared(one, other) if not change.same]
    assert [(change.name, change.one, change.other) for change in differing] == [
        ("categories", ["demographics", "laboratory", "outcomes"], ["demographics", "outcomes"])
    ]
    assert not [change for change in compared(one, one) if not change.same]
    assert {"study.id", "data_use.diseases", "window.start", "expires"} <= {c.name for c in compared(one, other)}


def test_the_list_says_how_each_consent_stands(past: Past, console: Console) -> None:
    page = console.consents.page("", "", None, 100)
    states = {one.given.subject: one.state for one in page.consents}
    assert (page.total, page.older) == (AGREED, None)
    assert {states[subject] for subject in past.stopped} == {ConsentState.STOPPED}
    assert {states[subject] for subject in past.standing} == {ConsentState.IN_FORCE}
    assert states[past.erased] is ConsentState.GONE
    assert console.consents.page("", "hearts", None, 100).total == 0


def test_the_list_is_found_by_beginnings_and_paged(past: Past, console: Console) -> None:
    subject = past.standing[0]
    for search in (subject, subject[:20], past.consent_of(subject)[:20]):
        assert [one.given.subject for one in console.consents.page(search, "", None, 9).consents] == [subject]
    seen, before = list[SubjectId](), None
    while True:
        page = console.consents.page("", "kidneys", before, 7)
        seen += [one.given.subject for one in page.consents]
        before = page.older
        if before is None:
            break
    assert seen == list(reversed(past.house.people[:AGREED]))


def test_every_entry_is_proven(past: Past, console: Console) -> None:
    signed = console.checkpoints.page(None, 1).checkpoints[0].size
    for index in (0, 1, signed // 2, signed - 1):
        row = console.history.entry(index)
        assert row is not None
        placed = console.proving.of(row.entry)
        assert (placed.leaf, placed.holds) == (True, True)
        assert placed.covered is not None
        assert placed.covered > index
        assert placed.anchor is not None


def test_an_altered_entry_is_not_proven(house: House) -> None:
    house.anchor()
    console = console_of(house.open, house.clock)
    with house.open.store.begin() as unit:
        [entry] = unit.log.entries(3, 4)
        body = entry.body.replace(b'"version":1', b'"version":2')
        unit.connection.execute(update(entries).where(entries.c.index == 3).values(body=body))
    row = console.history.entry(3)
    assert row is not None
    placed = console.proving.of(row.entry)
    assert (placed.leaf, placed.holds) == (False, False)


def test_a_checkpoint_that_is_not_the_log_keys_proves_nothing(house: House) -> None:
    house.anchor()
    with house.open.store.begin() as unit:
        note = unit.log.latest_checkpoint()
        assert note is not None
        from consent.adapters.sql.tables import checkpoints

        unit.connection.execute(update(checkpoints).values(note=note.replace("consentry/", "consentry/x")))
    console = console_of(house.open, house.clock)
    row = console.history.entry(3)
    assert row is not None
    assert console.proving.of(row.entry).newest is None
    assert console.checkpoints.page(None, 1).checkpoints[0].root == b""


def test_a_model_stands_on_the_consents_of_its_rows(past: Past, console: Console) -> None:
    [found] = console.foundations.all()
    assert (found.rows, found.status, found.registered, found.served) == (AGREED, ModelStatus.ACTIVE, True, True)
    assert (found.withdrawn, found.ended(ConsentState.STOPPED), found.erased) == (4, 3, 1)
    assert {row.subject for row in found.living} == {*past.stopped, *past.standing}
    assert {row.consent for row in found.living if row.subject == past.standing[0]} == {
        past.consent_of(past.standing[0])
    }
    assert console.foundations.of_model(found.model) == found
    assert console.foundations.of_model("0" * 64) is None


def test_checkpoints_tell_who_signed_and_how_late(past: Past, console: Console) -> None:
    page = console.checkpoints.page(None, 3, proven=True)
    newest = page.checkpoints[0]
    assert newest.anchor is not None
    assert newest.lag is not None
    assert len(newest.root) == 32
    assert page.anchored.size == newest.size
    assert page.certified is None
    assert newest.signers is None
    older = console.checkpoints.page(page.older, 3, proven=True)
    assert older.checkpoints[0].size < page.checkpoints[-1].size


def test_an_anchor_is_late_after_twice_the_schedule(house: House) -> None:
    house.anchor()
    checkpoints = console_of(house.open, house.clock, every=600).checkpoints
    house.clock.ahead += timedelta(hours=5)
    assert (checkpoints.page(None, 1).anchored.behind, checkpoints.page(None, 1).anchored.late) == (0, False)
    house.grant(house.people[0])
    for minutes, late in ((19, False), (2, True)):
        house.clock.ahead += timedelta(minutes=minutes)
        anchored = checkpoints.page(None, 1).anchored
        assert (anchored.behind, anchored.late) == (1, late)


def test_a_certified_checkpoint_names_its_signers(house: House) -> None:
    house.anchor()
    with house.open.store.begin() as unit:
        size = unit.log.size()
        values = {"size": size, "version": 2, "bitmap": b"\x03", "signature": bytes(96)}
        unit.connection.execute(insert(certificates), values)
        facts: dict[str, Json] = {"size": size, "version": 2, "signers": ["hospital-a", "patients-b"]}
        entry = Entry(int(house.clock().timestamp()), "operator", Action.CERTIFY, "CERTIFIED", facts=facts)
        house.open.log.append(unit, [entry])
    console = console_of(house.open, house.clock)
    found = console.checkpoints.page(None, 9)
    signed = next(one for one in found.checkpoints if one.size == size)
    assert (signed.signers, signed.version, found.certified) == (["hospital-a", "patients-b"], 2, size)
    row = console.history.entry(0)
    assert row is not None
    certified = console.proving.of(row.entry).certified
    assert certified is not None
    assert certified.facts["signers"] == ["hospital-a", "patients-b"]


def test_everything_that_can_be_checked_holds(past: Past, console: Console) -> None:
    found = {one.name: one.holds for one in console.findings.all()}
    assert found.pop("log.certified") is None
    assert set(found.values()) == {True}
    assert {"log.entries", "chain.copy", "consents.agree", "release.kidneys.1.rows", "erasures.in_time"} <= found.keys()


def test_what_was_altered_does_not_hold(house: House) -> None:
    house.grant(*house.people[:3])
    house.publish()
    consent = house.open.book.entries(house.people[0])[0].id
    with house.open.store.begin() as unit:
        unit.connection.execute(update(consents).where(consents.c.id == consent).values(stopped=True))
        [entry] = unit.log.entries(3, 4)
        body = entry.body.replace(b'"version":1', b'"version":2')
        unit.connection.execute(update(entries).where(entries.c.index == 3).values(body=body))
    findings = console_of(house.open, house.clock).findings
    failed = {one.name for one in findings.all() if one.holds is False}
    assert {"log.entries", "consents.agree"} <= failed


def test_a_release_that_is_not_as_it_was_made_does_not_hold(template: Template, tmp_path: Path) -> None:
    """Its bytes, a row, the day of its block: by then its consents had run out."""
    with House.copied(template, tmp_path / "home") as house:
        house.grant(*house.people[:AGREED])
        house.publish()
        house.open.training.train(STUDY.reference.id, DICTIONARY, PARAMETERS)
        house.publish()
        assert not_holding(house) == set()
        with house.open.store.reading() as unit:
            [stored] = unit.studies.releases(STUDY.reference.id)
            leaf = next(iter(unit.studies.openings(STUDY.reference.id, 1))).leaf
        told = json.loads(stored.manifest)
        later = canonical_json({**told, "block_time": told["block_time"] + 20 * 365 * 86400})
        name = "release.kidneys.1"
        for edit, failing in (
            (update(releases).values(model=stored.model + b"x"), {f"{name}.registered"}),
            (update(releases).values(model=stored.model, manifest=later), {f"{name}.registered", f"{name}.consents"}),
            (update(releases).values(manifest=stored.manifest), set()),
            (delete(openings).where(openings.c.leaf == leaf), {f"{name}.rows"}),
        ):
            with house.open.store.begin() as unit:
                unit.connection.execute(edit)
            assert not_holding(house) == failing


def not_holding(house: House) -> set[str]:
    """Return the checks of releases that do not hold, or say nothing."""
    found = console_of(house.open, house.clock).findings.all()
    return {one.name for one in found if one.name.startswith("release.") and one.holds is not True}

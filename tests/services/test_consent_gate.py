"""The gate: one entry for each subject and call, on disk before any key is used, whatever the answer."""

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from consent.domain.terms import Category, Window
from consent.wiring import opened_for_audit
from tests.databases import forbid
from tests.services.house import STUDY, House
from vault import Access, Admitted, KeyNotFoundError, Refused

ACCESS = Access("study:kidneys", "kidneys", "train", frozenset({"demographics", "outcomes"}), frozenset({"laboratory"}))


def test_each_subject_of_a_call_gets_one_entry_permitted_or_refused(house: House) -> None:
    granted, silent, stopped = house.people[:3]
    house.grant(granted, stopped)
    house.publish()
    house.stop(stopped)
    before = house.state()
    admission = house.gate().admit([granted, silent, stopped, granted], ACCESS)
    assert isinstance(admission[granted], Admitted)
    assert admission[silent] == Refused("NO_GRANT")
    assert admission[stopped] == Refused("STOPPED")
    entries = house.log(before.entries)
    told = {entry["subject"]: entry["verdict"] for entry in entries}
    assert told == {granted: "PERMIT", silent: "NO_GRANT", stopped: "STOPPED"}
    assert len(entries) == 3
    permitted = next(entry for entry in entries if entry["subject"] == granted)
    assert permitted["categories"] == ["demographics", "laboratory", "outcomes"]
    assert permitted["consent"] == house.open.book.entries(granted)[0].id
    assert all("categories" not in entry for entry in entries if entry["subject"] != granted)


def test_an_access_is_on_disk_before_its_key_is_used(house: House) -> None:
    """The key is gone behind the gate's back, so unwrapping fails; the entry must be there all the same."""
    subject = house.people[0]
    house.grant(subject)
    house.publish()
    house.open.keys.shred([subject])
    before = house.state()
    with house.open.store.reading() as unit:
        stream = house.open.vault.read(unit.connection, house.gate(), ACCESS, [subject])
        with (
            opened_for_audit(house.open.places.home, databases=house.settings.databases) as room,
            room.store.reading() as other,
        ):
            [entry] = [json.loads(entry.body) for entry in other.log.entries(before.entries)]
        assert (entry["action"], entry["verdict"]) == ("read", "PERMIT")
        with pytest.raises(KeyNotFoundError):
            list(stream)


def test_what_cannot_be_logged_is_not_read(house: House, tmp_path: Path) -> None:
    subject = house.people[0]
    house.grant(subject)
    house.publish()
    with house.open.store.begin() as unit:
        forbid(unit.connection, "INSERT", "entries", "disk full")
    with house.open.store.reading() as unit, pytest.raises(Exception, match=r"(?i)disk full|database"):
        house.open.vault.read(unit.connection, house.gate(), ACCESS, [subject])


def test_categories_are_cut_to_what_is_asked_and_what_is_allowed(house: House) -> None:
    generous, modest = house.people[:2]
    house.grant(generous)
    house.grant(modest, categories=STUDY.required)
    house.publish()
    admission = house.gate().admit([generous, modest], replace(ACCESS, optional=frozenset()))
    asked = {"demographics", "outcomes"}
    assert [admission[s].categories for s in (generous, modest)] == [asked, asked]  # type: ignore[union-attr]  # both are admitted
    admission = house.gate().admit([generous, modest], ACCESS)
    assert [len(admission[s].categories) for s in (generous, modest)] == [3, 2]  # type: ignore[union-attr]  # likewise


def test_a_required_category_that_was_withheld_refuses_it_all(house: House) -> None:
    subject = house.people[0]
    house.grant(subject, categories=frozenset({Category.DEMOGRAPHICS, Category.LABORATORY}))
    house.publish()
    assert house.gate().admit([subject], ACCESS) == {subject: Refused("CATEGORY")}


def test_the_window_that_is_admitted_is_the_one_both_allow(house: House) -> None:
    subject = house.people[0]
    later = replace(STUDY, text="From June 2020 on.", window=Window(start=date(2020, 6, 1)))
    house.open.registration.change(later, house.clock())
    house.grant(subject, text_hash=later.text_hash, window=Window(start=date(2020, 1, 1), end=date(2020, 12, 31)))
    house.publish()
    answer = house.gate(later).admit([subject], ACCESS)[subject]
    assert isinstance(answer, Admitted)
    assert (answer.start, answer.end) == (date(2020, 6, 1), date(2020, 12, 31))


def test_days_of_which_none_is_allowed_are_refused(house: House) -> None:
    subject = house.people[0]
    later = replace(STUDY, text="From 2021 on.", window=Window(start=date(2021, 1, 1)))
    house.open.registration.change(later, house.clock())
    house.grant(subject, text_hash=later.text_hash, window=Window(end=date(2020, 12, 31)))
    house.publish()
    assert house.gate(later).admit([subject], ACCESS) == {subject: Refused("WINDOW")}


def test_an_access_in_another_studys_name_is_refused_and_logged(house: House) -> None:
    subject = house.people[0]
    house.grant(subject)
    house.publish()
    before = house.state()
    assert house.gate().admit([subject], replace(ACCESS, study="hearts")) == {subject: Refused("STUDY")}
    [entry] = house.log(before.entries)
    assert (entry["verdict"], entry["study"]) == ("STUDY", "hearts")


def test_an_operation_that_was_not_allowed_is_refused(house: House) -> None:
    subject = house.people[0]
    house.grant(subject)
    house.publish()
    assert house.gate().admit([subject], replace(ACCESS, operation="export")) == {subject: Refused("OPERATION")}


def test_a_subject_nobody_knows_is_refused(house: House) -> None:
    house.follow()
    assert house.gate().admit(["f" * 32], ACCESS) == {"f" * 32: Refused("NO_GRANT")}


def test_whoever_was_erased_is_refused_for_that(house: House) -> None:
    subject = house.people[0]
    house.grant(subject)
    house.publish()
    house.erase(subject)
    assert house.gate().admit([subject], ACCESS) == {subject: Refused("BLOCKED")}

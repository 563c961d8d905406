"""The pages of one's own records: what each opens, what each leaves in the log, and what is not there."""

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy import select

from consent.domain.terms import Category, SubjectId
from tests.services.house import House, Template, received
from tests.web.site import Browser, Site, served
from vault.tables import vault_records

LAB = Category.LABORATORY


@pytest.fixture
def site(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A hospital whose people have records, and have said nothing yet."""
    home = tmp_path_factory.mktemp("site") / "home"
    with House.copied(template, home) as house, served(house) as found:
        yield found


def record_of(site: Site, subject: SubjectId, kind: Category = LAB) -> str:
    """Return the id of somebody's only record of a kind, without opening it."""
    of = vault_records.c
    with site.house.open.store.reading() as unit:
        wanted = select(of.record_id).where(of.subject == subject, of.category == kind.value)
        return str(unit.connection.execute(wanted).scalar_one())


def lines(browser: Browser) -> int:
    """Count the lines of Activity that tell of a look."""
    return browser.get("/activity?show=mine").get_data(as_text=True).count("You looked at your records")


def test_the_page_of_one_record_is_one_line_of_activity(site: Site) -> None:
    subject = site.house.people[3]
    browser, record = site.signed_in(subject), record_of(site, subject)
    answer = browser.get(f"/records/laboratory/{record}")
    assert answer.status_code == 200
    assert "mg/dL" in answer.get_data(as_text=True)
    assert lines(browser) == 1
    browser.get("/records/laboratory")
    assert lines(browser) == 2


def test_a_record_of_somebody_else_or_of_nobody_is_not_there_and_no_line(site: Site) -> None:
    ann, ben = site.house.people[:2]
    browser, before = site.signed_in(ann), site.house.state()
    of_ann, of_ben = record_of(site, ann), record_of(site, ben)
    for path in (f"laboratory/{of_ben}", "laboratory/00ff", f"outcomes/{of_ann}", f"none/{of_ann}", "none"):
        assert browser.get(f"/records/{path}").status_code == 404
    assert site.house.state() == before
    assert lines(browser) == 0


def test_a_kind_of_which_nothing_is_current_says_so(site: Site) -> None:
    subject = site.house.people[3]
    browser, record = site.signed_in(subject), record_of(site, subject)
    [value] = [resource for resource in received(3) if resource.category is LAB]
    mistaken = json.dumps(json.loads(value.content) | {"status": "entered-in-error"}).encode()
    site.house.open.records.deposit([replace(value, content=mistaken, withdrawn=True)], site.house.clock())
    assert 'href="/records/laboratory"' in browser.get("/records").get_data(as_text=True)
    for kind in ("laboratory", "genomics"):
        answer = browser.get(f"/records/{kind}")
        assert answer.status_code == 200
        assert "No record of this kind counts now." in answer.get_data(as_text=True)
    assert browser.get(f"/records/laboratory/{record}").status_code == 404
    assert lines(browser) == 0


def test_whose_erasure_was_asked_for_sees_no_record_and_is_led_to_how_far_it_is(site: Site) -> None:
    subject = site.house.people[3]
    browser, record = site.signed_in(subject), record_of(site, subject)
    site.house.open.erasures.request(site.house.ask(subject))
    before = site.house.state()
    for path in ("/records/laboratory", f"/records/laboratory/{record}"):
        assert browser.get(path).headers["Location"] == site.room.erasing.place(subject)
    assert site.house.state() == before

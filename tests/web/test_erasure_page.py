"""The page of an erasure tells what each open step waits for, and till when; its receipt holds as it is alone."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from consent.domain.erasure import Hold
from consent.domain.terms import SubjectId
from tests.services.house import House, Template
from tests.web.site import PORTAL, Site, served

DAY = 86_400


@pytest.fixture
def site(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A hospital whose keys turn once a day at most, and whose copies last a week."""
    home = tmp_path_factory.mktemp("site") / "home"
    with House.copied(template, home) as house:
        house.open = replace(
            house.open,
            epochs=replace(house.open.epochs, every=DAY),
            erasures=replace(house.open.erasures, copies_last=7 * DAY),
        )
        with served(house) as found:
            yield found


def open_step(site: Site, subject: SubjectId) -> str:
    """Return the step that is open, as the page says it; of what comes after it nothing is promised."""
    page = site.browser().get(f"{PORTAL}{site.room.erasing.place(subject)}").text
    [first, *later] = re.findall(r"<li><span><b>(.*?)</b>(.*?)</span></li>", page)
    assert all(words == "Not yet." for _, words in later)
    return ": ".join(first)


def test_each_open_step_says_what_it_waits_for_and_till_when(site: Site) -> None:
    house = site.house
    subject = house.people[3]
    house.grant(subject)
    house.publish()
    house.open.epochs.turn()  # the next one is a day away
    house.open.erasures.request(house.ask(subject))
    assert open_step(site, subject).startswith("Your key was destroyed: First all that you allowed must be stopped in")
    house.publish()
    assert open_step(site, subject).startswith("Your key was destroyed: First the list of all who read your records")
    house.anchor()
    house.open.keep_house()
    tomorrow = house.clock() + timedelta(days=1)
    said = open_step(site, subject)
    assert said.startswith(f"Old copies died: First the key of all old copies is changed. On {tomorrow.day} ")
    house.clock.ahead += timedelta(days=1, minutes=1)
    house.open.keep_house()
    said, end = open_step(site, subject), house.clock() + timedelta(days=7)
    assert said.startswith(f"Erased for good: The last old copies run out by then. On {end.day} ")
    house.clock.ahead += timedelta(days=7, minutes=1)
    house.open.keep_house()
    page = site.browser().get(f"{PORTAL}{site.room.erasing.place(subject)}").text
    assert "Your records are erased" in page
    assert "Not yet." not in page


def test_a_law_that_keeps_records_is_what_the_next_step_waits_for(site: Site) -> None:
    house = site.house
    subject = house.people[3]
    house.open.erasures.hold(subject, Hold("audit"))
    house.open.erasures.request(house.ask(subject))
    assert open_step(site, subject) == "Your key was destroyed: The law makes us keep your records for now."

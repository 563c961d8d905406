"""Where letters go: asked after set-up together with being counted, and on a page of its own later."""

import pytest

from consent.demo.wallets import Wallet
from consent.domain.terms import SubjectId
from consent.services.contacts import Contact
from consent.web.words import COOKIE
from tests.services.house import receive
from tests.web.site import PORTAL, Browser, Site, enrolled

ADDRESS = "anna@example.org"


@pytest.fixture
def subject(site: Site) -> SubjectId:
    return site.house.people[0]


def page(browser: Browser) -> str:
    return browser.get("/preferences").get_data(as_text=True)


def test_who_comes_from_you_is_asked_for_the_address_alone_and_told_that_it_is_saved(
    site: Site, subject: SubjectId
) -> None:  # fmt: skip
    site.house.open.preferences.prefer([subject], site.house.clock(), counted=True)
    browser = site.signed_in(subject)
    text = page(browser)
    assert "<h1>Your e-mail address</h1>" in text
    for words in ("Two small things", "You can skip both", "I may be counted"):
        assert words not in text, "what it cannot show or take back"
    answer = browser.post("/preferences", email=ADDRESS)
    assert answer.headers["Location"] == "/you"
    assert "Saved. It counts from now on." in browser.follow(answer).get_data(as_text=True)
    assert ADDRESS in page(browser)
    assert site.room.asking.is_asked(subject)


def test_nobody_is_counted_by_a_form_that_did_not_ask(site: Site, subject: SubjectId) -> None:
    site.signed_in(subject).post("/preferences", email="", counted="yes")
    assert not site.room.asking.is_asked(subject)


def test_a_newcomer_is_asked_both_until_they_answered(site: Site) -> None:
    [subject] = receive(site.house.open, 900)
    browser = site.browser()
    answer = enrolled(browser, site.room.enrolling.invite(subject, site.house.clock()), Wallet(subject))
    inside = browser.get(answer.get_json()["next"].removeprefix(PORTAL))
    assert inside.headers["Location"] == "/preferences"
    assert "Two small things" in page(browser)
    wrong = browser.post("/preferences", email="nobody", counted="yes")
    assert wrong.status_code == 422
    assert "I may be counted" in wrong.get_data(as_text=True)
    assert browser.post("/preferences", email=ADDRESS, counted="yes").headers["Location"] == "/"
    assert site.room.asking.is_asked(subject)
    assert "Two small things" not in page(browser)


def test_letters_come_in_the_language_in_which_the_address_was_saved_last(site: Site, subject: SubjectId) -> None:
    browser = site.signed_in(subject)
    browser.post("/preferences", email=ADDRESS)
    browser.client.set_cookie(COOKIE, "es", domain="localhost", secure=True)
    browser.post("/preferences", email=ADDRESS)
    assert site.room.signing_in.letters(subject) == Contact(ADDRESS, "es")
    browser.post("/preferences", email="")
    browser.post("/preferences", email="")
    assert site.room.signing_in.letters(subject) == Contact()

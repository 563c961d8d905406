"""A study says something else: from the consent to the old text one comes to the new one, whoever may ask or not."""

from dataclasses import replace

import pytest

from consent.domain.terms import SubjectId
from tests.services.house import STUDY
from tests.web.site import Browser, Site, chosen, to_sign

NEWER = replace(STUDY, text=f"{STUDY.text} From now on it looks at how kidneys heal, too.")
LINK = 'href="/requests/kidneys"'


@pytest.fixture
def subject(site: Site) -> SubjectId:
    """Somebody with a consent, whom no study may ask."""
    found = site.house.people[0]
    assert not site.room.asking.is_asked(found)
    return found


@pytest.fixture
def old(site: Site, subject: SubjectId) -> str:
    [entry] = site.house.open.book.entries(subject)
    return entry.id


def page(browser: Browser, consent: str) -> str:
    return browser.get(f"/consents/{consent}").get_data(as_text=True)


def test_the_old_consent_leads_to_the_new_text_until_that_was_answered(
    site: Site, subject: SubjectId, old: str
) -> None:  # fmt: skip
    browser = site.signed_in(subject)
    assert LINK not in page(browser, old)
    site.house.open.registration.change(NEWER, site.house.clock())
    assert "Read it again" in page(browser, old)
    assert LINK in page(browser, old)
    assert "how kidneys heal" in browser.get("/requests/kidneys").get_data(as_text=True)
    browser.follow(chosen(browser, "kidneys"))
    assert browser.send("/sign", to_sign(browser, site.house.wallets[subject]), "/sign").status_code == 200
    site.house.publish()
    assert site.house.verdict(subject, NEWER) == "PERMIT"
    assert LINK not in page(browser, old)


def test_once_it_is_closed_or_stopped_nothing_leads_there(site: Site, subject: SubjectId, old: str) -> None:
    site.house.open.registration.change(NEWER, site.house.clock())
    browser = site.signed_in(subject)
    site.house.stop(subject)
    assert LINK not in page(browser, old)
    assert browser.get("/requests/kidneys").status_code == 404

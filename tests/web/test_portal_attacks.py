"""What was tried at the portal by somebody who wants in, and what came of it; `test_portal_defences` has the rest."""

import threading
import time
from collections.abc import Iterator
from datetime import timedelta

import pytest

from consent.domain.terms import SubjectId, month_end_after
from tests.services.house import House, Template
from tests.web.site import SIGNING, Browser, Site, checked, chosen, served, to_sign


@pytest.fixture
def site(consenting: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A hospital in which all but the last ten allow the study."""
    home = tmp_path_factory.mktemp("site") / "home"
    with House.copied(consenting, home) as house, served(house) as found:
        house.publish()
        house.follow()
        yield found


def asked(site: Site) -> tuple[SubjectId, Browser]:
    """Sign in somebody who allows nothing yet and can be asked."""
    subject = site.house.people[-1]
    site.house.open.preferences.prefer([subject], site.house.clock(), counted=True)
    return subject, site.signed_in(subject)


def test_no_letter_is_begun_before_the_answer_and_as_much_is_begun_for_a_stranger(site: Site) -> None:
    """A letter that was made while the answer was, made it twice as slow: two tries told who is a patient."""
    site.room.signing_in.set_contact(site.house.people[0], "anna@example.org")
    letters = site.house.open.places.home / "mail"
    for number, address in enumerate(("anna@example.org", "stranger@example.org"), 1):
        assert site.browser().post("/stop/mail", email=address).headers["Location"] == "/stop/code"
        assert list(letters.glob("*.eml")) == []
        assert [thread.name for thread in threading.enumerate()].count("letters") == number
    end = time.monotonic() + 10
    while not list(letters.glob("*.eml")):
        assert time.monotonic() < end, "no letter came"
        time.sleep(0.05)


def test_answers_that_another_tab_changed_are_checked_again_before_signing(site: Site) -> None:
    """Whoever pressed Allow under one set of sentences was led to sign another."""
    _, browser = asked(site)
    chosen(browser, "kidneys")
    seen = checked(browser, "kidneys")
    browser.post("/requests/kidneys/when", window="all", end="36")
    at = "/requests/kidneys"
    for terms in (seen, "", "0" * 64):
        answer = browser.post(f"{at}/allow", page=f"{at}/check", terms=terms)
        assert answer.headers["Location"] == f"{at}/check"
    assert "Your answers have changed" in browser.get(f"{at}/check").get_data(as_text=True)
    assert browser.post(f"{at}/allow", page=f"{at}/check", terms=checked(browser, "kidneys")).location.startswith(
        SIGNING
    )


def test_what_was_checked_in_one_month_is_not_signed_in_the_next(site: Site) -> None:
    """The end date moves with the month, and with it the sentence that somebody checked."""
    subject, browser = asked(site)
    now = site.house.clock()
    site.house.clock.ahead += month_end_after(now, 0) - timedelta(minutes=2) - now
    browser = site.signed_in(subject)
    browser.follow(chosen(browser, "kidneys"))
    sent, before = to_sign(browser, site.house.wallets[subject]), site.house.state()
    site.house.clock.ahead += timedelta(minutes=3)
    assert browser.get("/sign/act", SIGNING).status_code == 410
    assert browser.send("/sign", sent, "/cancelled").status_code in {400, 410}
    assert site.house.state() == before

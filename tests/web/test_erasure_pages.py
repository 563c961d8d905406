"""The pages of being erased: what is told beforehand, and where the way leads while an erasure is on its way."""

from collections.abc import Iterator

import pytest

from consent.domain.subject_request import SubjectRequest
from consent.domain.terms import SubjectId
from tests.services.house import House, Template
from tests.web.site import PORTAL, SIGNING, Browser, Site, served


@pytest.fixture
def site(consenting: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A hospital in which all but the last ten allow the study, which has used nothing yet."""
    home = tmp_path_factory.mktemp("site") / "home"
    with House.copied(consenting, home) as house, served(house) as found:
        house.publish()
        house.follow()
        yield found


def test_a_study_that_was_allowed_to_learn_is_not_said_to_have_learned(site: Site) -> None:
    page = site.signed_in(site.house.people[0]).get("/erase").get_data(as_text=True)
    assert "You let these studies learn from your records." in page
    assert "Kidneys" in page
    assert "learned" not in page


def test_who_allowed_nothing_is_told_so_and_not_that_nothing_was_used(site: Site) -> None:
    page = site.signed_in(site.house.people[-1]).get("/erase").get_data(as_text=True)
    assert "You let no study learn from your records or have a copy." in page
    assert "has used" not in page


def asking(site: Site, subject: SubjectId) -> Browser:
    """Return somebody's browser on the page of the signing origin that asks for their erasure."""
    browser = site.signed_in(subject)
    browser.get(browser.post("/erase").headers["Location"].removeprefix(SIGNING), SIGNING)
    return browser


def signed(browser: Browser, subject: SubjectId) -> dict[str, object]:
    """Return what somebody's wallet sends for the request that the page has."""
    asked = SubjectRequest.from_json(browser.get("/request/act", SIGNING).get_json()["request"])
    house = browser.site.house
    return {"signature": house.wallets[subject].request(asked, house.open.domain).signature.hex()}


def test_who_signed_wrongly_reads_so_and_can_sign_once_more(site: Site) -> None:
    subject, other, before = *site.house.people[:2], site.house.state()
    browser = asking(site, subject)
    refused = browser.send("/request", signed(browser, other), "/request")
    assert refused.status_code == 422
    assert "Your key did not sign this" in refused.get_json()["detail"]
    assert site.house.state() == before
    sent = signed(browser, subject)
    taken = browser.send("/request", sent, "/request")
    assert taken.get_json() == {"next": f"{PORTAL}{site.room.erasing.place(subject)}"}
    assert site.house.verdict(subject) == "BLOCKED"
    assert browser.send("/request", sent, "/request").status_code == 403, "the session has ended"


def test_who_asked_before_in_another_window_reads_that_it_is_under_way(site: Site) -> None:
    subject = site.house.people[0]
    browser = asking(site, subject)
    sent = signed(browser, subject)
    site.house.open.erasures.request(site.house.ask(subject))
    before = site.house.state()
    refused = browser.send("/request", sent, "/request")
    assert refused.status_code == 422
    assert "Your records are being erased." in refused.get_json()["detail"]
    assert site.house.state() == before

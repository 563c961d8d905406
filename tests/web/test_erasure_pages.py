"""The pages of being erased: what is told beforehand, and where the way leads while an erasure is on its way."""

import pytest

from consent.domain.sign_in import SignIn
from consent.domain.subject_request import SubjectRequest
from consent.domain.terms import SubjectId
from consent.services.portal.sessions import SessionKind
from tests.web.site import PORTAL, SIGNING, Browser, Site


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


PAGES = (
    "/",
    "/you",
    "/erase",
    "/consents",
    "/requests",
    "/records",
    "/records/laboratory",
    "/activity",
    "/receipts",
    "/wishes",
    "/keys",
    "/preferences",
    "/stop-everything",
)
ACTS = ("/erase", "/records/download", "/wishes", "/preferences", "/stop-everything", "/keys/go")


@pytest.mark.parametrize("page", PAGES)
def test_while_an_erasure_is_under_way_each_page_of_its_owner_leads_to_it(site: Site, page: str) -> None:
    subject, other = site.house.people[:2]
    place, browser = site.room.erasing.place(subject), site.signed_in(subject)
    assert browser.get(page).headers.get("Location") != place
    site.house.open.erasures.request(site.house.ask(subject))
    led = browser.get(page)
    assert (led.status_code, led.headers["Location"]) == (302, place)
    assert "Your records are being erased" in browser.follow(led).get_data(as_text=True)
    assert site.signed_in(other).get(page).status_code == 200, "nobody else is led anywhere"


def test_what_its_owner_sends_does_nothing_and_leads_there_too(site: Site) -> None:
    subject = site.house.people[0]
    site.house.open.erasures.request(site.house.ask(subject))
    browser, before, place = site.signed_in(subject), site.house.state(), site.room.erasing.place(subject)
    for act in ACTS:
        led = browser.post(act, page=place)
        assert (led.status_code, led.headers["Location"]) == (302, place)
    assert site.house.state() == before


def test_its_owner_still_reads_another_language_checks_the_receipt_and_signs_out(site: Site) -> None:
    subject = site.house.people[0]
    site.house.open.erasures.request(site.house.ask(subject))
    browser, place = site.signed_in(subject), site.room.erasing.place(subject)
    assert 'lang="es"' in browser.get(f"{place}?lang=es").get_data(as_text=True).split("</head>")[0]
    assert browser.get(f"{place}/receipt.json").status_code == 200
    assert browser.get("/check").status_code == 200
    assert browser.post("/check", receipt="none").status_code == 200
    assert browser.get("/nowhere").status_code == 404
    assert browser.post("/sign-out", page=place).headers["Location"] == "/"
    assert "Sign in" in browser.get("/?lang=en").get_data(as_text=True)


def test_what_was_begun_on_the_signing_origin_ends_with_where_to_look(site: Site) -> None:
    subject = site.house.people[0]
    browser = asking(site, subject)
    site.house.open.erasures.request(site.house.ask(subject))
    refused = browser.get("/request/act", SIGNING)
    assert refused.status_code == 422
    assert "Your records are being erased. Go to the start page" in refused.get_data(as_text=True)


def test_who_signs_in_while_being_erased_reads_why_that_does_not_work(site: Site) -> None:
    subject, browser = site.house.people[0], site.browser()
    browser.get(browser.post("/sign-in", page="/").headers["Location"].removeprefix(SIGNING), SIGNING)
    site.house.open.erasures.request(site.house.ask(subject))
    asked = browser.get("/sign-in/challenge", SIGNING).get_json()
    digest = SignIn(asked["origin"], bytes.fromhex(asked["challenge"])).digest(site.house.open.domain)
    signature = site.house.wallets[subject].enrolment_key.sign(digest).hex()
    refused = browser.send("/sign-in/key", {"signature": signature}, "/sign-in")
    assert refused.status_code == 403
    assert "so no one can sign in" in refused.get_json()["detail"]


def test_who_types_a_mailed_code_while_being_erased_is_not_told_that_it_is_wrong(site: Site) -> None:
    subject, now = site.house.people[0], site.house.clock()
    site.room.signing_in.set_contact(subject, "ann.example@mail.example")
    remembered, [code] = site.room.signing_in.mailed_codes("ann.example@mail.example", now)
    session, browser = site.room.sessions.begin(SessionKind.VISITOR, None, now), site.browser()
    site.room.sessions.remember(session, {"mailed": remembered.to_json()}, now)
    browser.carry(session)
    site.house.open.erasures.request(site.house.ask(subject))
    refused = browser.post("/stop/code", code=code)
    assert refused.status_code == 403
    assert "so no one can sign in" in refused.get_data(as_text=True)


def test_before_asking_everybody_reads_that_they_can_no_longer_sign_in_at_once(site: Site) -> None:
    page = site.signed_in(site.house.people[0]).get("/erase").get_data(as_text=True)
    at_once, _, later = page.partition("Within some days")
    assert "you cannot sign in" in at_once
    assert "sign in" not in later

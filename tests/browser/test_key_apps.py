"""A patient uses an app with keys that they had before: it connects, signs, refuses, and may try to cheat."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from playwright.sync_api import Page

from consent.domain.terms import SubjectId
from consent.domain.typed_data import Address
from tests.browser.conftest import Seen
from tests.browser.hospital import Hospital
from tests.browser.key_apps import KeyApp
from tests.browser.looking import found_by_axe, in_each_look, overflows
from tests.browser.walking import Walk, came_in, signing_in

HOSTILE = "<img src=x onerror=alert(1)>\u202e" + "long " * 40


def app_for(hospital: Hospital, page: Page, **settings: object) -> KeyApp:
    """Give a page's browser an app on the hospital's network."""
    chosen = {"chain_id": hospital.house.open.domain.chain_id, **settings}
    return KeyApp(**chosen).put_into(page.context)  # type: ignore[arg-type]  # each test names fields of its own


def at_the_apps(page: Page, hospital: Hospital, code: str) -> None:
    """Go with a code to where one chooses an app."""
    page.goto(f"{hospital.portal}/start#{code}")
    page.get_by_role("button", name="Go on").click()
    page.get_by_role("button", name="Make my key").click()
    page.wait_for_url(f"{hospital.signing}/**")
    page.get_by_role("button", name="Use a key app that you have").click()


def connect(page: Page) -> None:
    """Tick the warning and go on."""
    page.get_by_label("I know that one address").check()
    page.get_by_role("button", name="Go on with this app").click()


def enrolled(page: Page, hospital: Hospital) -> SubjectId:
    """Come in with an app; Home is there then."""
    subject, code = hospital.newcomer()
    at_the_apps(page, hospital, code)
    connect(page)
    page.wait_for_url(f"{hospital.portal}/**")
    came_in(page, hospital, asked=True)
    return subject


def said(page: Page, words: str) -> None:
    """Wait for an error on the page."""
    page.get_by_role("alert").get_by_text(words).wait_for()


def sent_to(seen: Seen, path: str) -> int:
    """Count what was sent to a path."""
    return sum(one.method == "POST" and one.url.endswith(path) for one in seen.requests)


def enrolments(hospital: Hospital) -> Mapping[SubjectId, Address]:
    """Return everybody's enrolment key as it is now."""
    here = hospital.house.open
    with here.store.reading() as unit:
        here.book.follow(unit)
    return here.book.enrolments


def grants(hospital: Hospital, subject: SubjectId) -> int:
    return sum(entry["action"] == "grant" and entry["subject"] == subject for entry in hospital.house.log())


@pytest.mark.parametrize("half", ["low", "high"])
def test_an_apps_key_enrols_signs_in_and_allows_and_the_gate_lets_the_study_in(
    hospital: Hospital, page: Page, half: str
) -> None:
    app = app_for(hospital, page, high=half == "high")
    subject = enrolled(page, hospital)
    assert enrolments(hospital)[subject].hex() == app.address[2:].lower()
    page.get_by_role("button", name="Sign out").click()
    signing_in(page, hospital)
    page.get_by_role("button", name="Use your app").click()
    page.wait_for_url(f"{hospital.portal}/")
    walk = Walk(page, hospital)
    walk.chosen()
    walk.to_sign()
    shown = page.locator("#what").text_content()
    walk.signed()
    assert [typed["primaryType"] for typed in app.signed] == ["SignIn", "SignIn", "Grant", "AddressCertificate"]
    assert app.signed[2]["message"]["details"]["what"] == shown, "the app shows the sentences that the page shows"
    hospital.house.publish()
    assert hospital.house.verdict(subject) == "PERMIT"


def test_nobody_goes_on_who_did_not_tick_the_warning(hospital: Hospital, page: Page, seen: Seen) -> None:
    app = app_for(hospital, page)
    _subject, code = hospital.newcomer()
    at_the_apps(page, hospital, code)
    page.get_by_role("button", name="Go on with this app").click()
    said(page, "Tick the box first")
    assert (app.asked, sent_to(seen, "/set-up/app")) == ([], 0)


def test_the_warning_is_looked_at_like_every_page(hospital: Hospital, page: Page) -> None:
    app_for(hospital, page)
    app_for(hospital, page, uuid="two", name=HOSTILE, icon="https://example.org/seen.png")
    _subject, code = hospital.newcomer()
    at_the_apps(page, hospital, code)
    page.emulate_media(reduced_motion="reduce")  # a colour on its way to another is neither
    assert page.locator("#app-list label").count() == 2
    assert page.locator("#app-list label").nth(1).inner_text() == "<img src=x onerror=alert(1)>long long lo"
    assert page.locator("#app-list img").count() == 1, "a picture from elsewhere is not asked for"
    wrong = [f"{look}: {one}" for look in in_each_look(page) for one in found_by_axe(page)]
    assert wrong + [look for look in in_each_look(page) if overflows(page)] == []


def test_a_no_in_the_app_is_said_and_nothing_is_sent(hospital: Hospital, page: Page, seen: Seen) -> None:
    app = app_for(hospital, page)
    subject = enrolled(page, hospital)
    walk = Walk(page, hospital)
    walk.chosen()
    walk.to_sign()
    app.refuses = True
    walk.button("Allow")
    said(page, "You said no in your app")
    assert (sent_to(seen, "/sign"), grants(hospital, subject)) == (0, 0)


def test_an_app_on_another_network_is_led_to_ours_or_told_plainly(hospital: Hospital, page: Page, seen: Seen) -> None:
    app = app_for(hospital, page, chain_id=5)
    _subject, code = hospital.newcomer()
    at_the_apps(page, hospital, code)
    connect(page)
    said(page, "Your app is on another network")
    page.get_by_role("button", name="Change the network").click()
    said(page, "does not know our network")
    assert (app.signed, sent_to(seen, "/set-up/app")) == ([], 0)
    app.knows = hospital.house.open.domain.chain_id
    page.get_by_role("button", name="Change the network").click()
    page.get_by_role("button", name="Change the network").wait_for(state="hidden")
    page.get_by_role("button", name="Go on with this app").click()
    page.wait_for_url(f"{hospital.portal}/**")


def test_an_account_that_is_switched_while_the_page_is_open_sends_nothing(
    hospital: Hospital, page: Page, seen: Seen
) -> None:
    app = app_for(hospital, page)
    subject = enrolled(page, hospital)
    walk = Walk(page, hospital)
    walk.chosen()
    walk.to_sign()
    own, app.key = app.key, KeyApp(1).key
    walk.button("Allow")
    said(page, "not the account that you use here")
    app.key, app.refuses = own, True
    walk.button("Allow")
    said(page, "You said no in your app")
    page.evaluate("globalThis['switch-one']()")
    said(page, "was changed")
    assert (sent_to(seen, "/sign"), grants(hospital, subject)) == (0, 0)


def at_the_request(page: Page, hospital: Hospital, wish: str) -> str:
    """Go to where a request is signed; return the name of the button that signs it."""
    if wish == "access":
        page.get_by_role("link", name="Records", exact=True).click()
        page.get_by_role("button", name="Get a copy of everything").click()
    else:
        page.goto(f"{hospital.portal}/erase")
        page.get_by_role("button", name="Go on to erase").click()
    page.wait_for_url(f"{hospital.signing}/request")
    return "Get my copy" if wish == "access" else "Erase my records for good"


def answers(hospital: Hospital, subject: SubjectId) -> list[tuple[str, str]]:
    """Return what the log says of somebody's requests."""
    told = [entry for entry in hospital.house.log() if entry.get("subject") == subject]
    return [(entry["action"], entry["verdict"]) for entry in told if entry["action"] in ("access", "erase")]


def test_a_copy_of_everything_is_asked_for_with_an_app(hospital: Hospital, page: Page) -> None:
    app = app_for(hospital, page)
    subject = enrolled(page, hospital)
    button = at_the_request(page, hospital, "access")
    page.get_by_role("button", name=button).click()
    with page.expect_download() as downloading:
        page.get_by_role("link", name="Get the file").click()
    bundle = json.loads(Path(downloading.value.path()).read_text())
    assert {entry["resource"]["resourceType"] for entry in bundle["entry"]} == {"Observation", "Patient"}
    assert [typed["primaryType"] for typed in app.signed] == ["SignIn", "SubjectRequest"]
    assert answers(hospital, subject) == [("access", "PERMIT")]


def test_an_erasure_is_asked_for_with_an_app_and_begins_at_once(hospital: Hospital, page: Page) -> None:
    app = app_for(hospital, page)
    subject = enrolled(page, hospital)
    page.get_by_role("button", name=at_the_request(page, hospital, "erase")).click()
    page.wait_for_url(f"{hospital.portal}/erasure/**")
    page.get_by_role("heading", name="Your records are being erased").wait_for()
    assert app.signed[-1]["primaryType"] == "SubjectRequest"
    assert ("erase", "BLOCKED") in answers(hospital, subject)
    assert hospital.house.verdict(subject) == "BLOCKED"


@pytest.mark.parametrize("wish", ["access", "erase"])
def test_a_request_that_the_app_does_not_sign_for_this_account_here_does_nothing(
    hospital: Hospital, page: Page, seen: Seen, wish: str
) -> None:
    app = app_for(hospital, page)
    subject = enrolled(page, hospital)
    button = page.get_by_role("button", name=at_the_request(page, hospital, wish))
    app.refuses = True
    button.click()
    said(page, "You said no in your app")
    app.refuses, app.chain_id = False, 5
    button.click()
    said(page, "Your app is on another network")
    app.chain_id = hospital.house.open.domain.chain_id
    own, app.key = app.key, KeyApp(1).key
    button.click()
    said(page, "not the account that you use here")
    app.key, app.signs_with = own, KeyApp(1).key
    button.click()
    said(page, "What your app gave us is wrong")
    app.signs_with = None
    page.evaluate("globalThis['switch-one']()")
    said(page, "was changed")
    assert (sent_to(seen, "/request"), answers(hospital, subject)) == (0, [])


def test_an_account_that_nobody_came_with_does_not_sign_in(hospital: Hospital, page: Page) -> None:
    app_for(hospital, page)
    signing_in(page, hospital)
    page.get_by_role("button", name="Use your app").click()
    said(page, "We do not know this account")


CHEATS = {
    "signs with another key": {"signs_with": KeyApp(1).key},
    "names an account of another": {"shown": KeyApp(1).address},
}


@pytest.mark.parametrize("cheat", CHEATS)
def test_an_app_that_cheats_enrols_nobody(hospital: Hospital, page: Page, seen: Seen, cheat: str) -> None:
    app_for(hospital, page, **CHEATS[cheat])
    subject, code = hospital.newcomer()
    at_the_apps(page, hospital, code)
    connect(page)
    said(page, "What your app gave us is wrong")
    assert sent_to(seen, "/set-up/app") == 0
    assert subject not in enrolments(hospital)

"""Coming back in a real browser: with the code on paper on any device, or with a mailed code, for stopping only."""

import http.client
import re
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from flask import Flask
from playwright.sync_api import Page

from consent import wiring
from consent.domain.terms import SubjectId
from consent.services.portal.sessions import SessionKind
from consent.settings import WebSettings
from consent.web import create_portal, create_signing_app
from consent.web.room import PortalRoom
from consent.web.session import PORTAL_COOKIE, SIGNING_COOKIE
from consent.web.signing import PURPOSES
from tests.browser.hospital import Hospital, made_a_key
from tests.browser.leaks import secret_of, sent, traces, typed_traces
from tests.browser.letters import code_in
from tests.browser.looking import with_a_key
from tests.browser.walking import Walk, came_in, signed_in_by_code, signing_in
from tests.services.house import STUDY


def test_the_code_on_paper_signs_in_and_allows_on_another_device(
    hospital: Hospital, page: Page, elsewhere: Page
) -> None:
    with_a_key(page)
    subject, invitation = hospital.newcomer()
    code = made_a_key(page, hospital, invitation)
    came_in(page, hospital, asked=True)
    signed_in_by_code(elsewhere, hospital, code.lower().replace("-", " "))
    walk = Walk(elsewhere, hospital)
    walk.chosen()
    walk.to_sign()
    elsewhere.get_by_role("button", name="I cannot use my key here").click()
    consent = walk.signed(code=code)
    hospital.house.publish()
    assert hospital.house.verdict(subject) == "PERMIT"
    assert [entry.id for entry in hospital.house.open.book.entries(subject) if entry.certified] == [consent]
    everything = sent(elsewhere.context.seen)  # type: ignore[attr-defined]  # put there by the fixture
    assert traces(secret_of(code), everything) == []
    assert typed_traces(code, everything) == []


def test_another_persons_code_signs_nothing(hospital: Hospital, page: Page, elsewhere: Page) -> None:
    with_a_key(page)
    with_a_key(elsewhere)
    people = {one: hospital.newcomer() for one in (page, elsewhere)}
    _own, theirs = [made_a_key(one, hospital, invitation) for one, (_, invitation) in people.items()]
    came_in(page, hospital, asked=True)
    walk = Walk(page, hospital)
    walk.chosen()
    walk.to_sign()
    page.get_by_role("button", name="I cannot use my key here").click()
    page.get_by_label("Your recovery code").fill(theirs)
    page.get_by_role("button", name="Allow").click()
    page.get_by_text("We do not know this recovery code").wait_for()
    subjects = {subject for subject, _ in people.values()}
    assert not [e for e in hospital.house.log() if e["action"] == "grant" and e["subject"] in subjects]


@pytest.mark.parametrize(
    ("typed", "answer"),
    [("0000", "not a full recovery code"), ("0000-0000-0000-0000-0000-0000-0000", "do not know this recovery code")],
)
def test_a_wrong_code_is_explained(hospital: Hospital, page: Page, typed: str, answer: str) -> None:
    signing_in(page, hospital)
    page.get_by_label("Your recovery code", exact=True).fill(typed)
    page.get_by_role("button", name="Use your recovery code").click()
    page.get_by_role("alert").get_by_text(answer).wait_for()


# ------------------------------------------------------------------------------------------------- with a mailed code


@pytest.fixture
def mailed(hospital: Hospital) -> tuple[SubjectId, str]:
    """Somebody who allowed the study and gave a mail address."""
    house = hospital.house
    subject = next(one for one in house.people if not house.open.book.entries(one))
    house.grant(subject)
    house.publish()
    house.follow()
    address = f"{subject}@example.org"
    room(hospital).signing_in.set_contact(subject, address)
    return subject, address


def room(hospital: Hospital) -> PortalRoom:
    web = WebSettings.read(hospital.port, {})
    return wiring.portal_room(hospital.house.open, web, hospital.house.settings.max_staleness)


def asked_for_code(page: Page, hospital: Hospital, letters: Path, address: str) -> str:
    """Ask for a code, and read it in the mail."""
    before = len(list(letters.glob("*.eml")))
    page.goto(hospital.portal)
    page.get_by_role("link", name="I lost my key").click()
    page.get_by_label("Your e-mail address").fill(address)
    page.get_by_role("button", name="Send me a code").click()
    page.wait_for_url(f"{hospital.portal}/stop/code")
    return code_in(letters, before)


def typed(page: Page, code: str) -> None:
    page.get_by_label("The code from the mail").fill(code)
    page.get_by_role("button", name="Go on").click()


def test_with_everything_lost_a_patient_stops_everything_and_allows_nothing(
    hospital: Hospital, letters: Path, page: Page, elsewhere: Page
) -> None:
    with_a_key(page)
    subject, invitation = hospital.newcomer()
    made_a_key(page, hospital, invitation)
    came_in(page, hospital, "anna@example.org", asked=True)
    walk = Walk(page, hospital)
    walk.chosen()
    walk.to_sign()
    walk.signed()
    hospital.house.publish()
    hospital.house.follow()
    assert hospital.house.verdict(subject) == "PERMIT"
    typed(elsewhere, asked_for_code(elsewhere, hospital, letters, "Anna@Example.org"))
    assert elsewhere.get_by_role("heading", name="1 study can use your records").is_visible()
    for path in ("/requests", "/requests/kidneys/check", "/consents", "/preferences"):
        elsewhere.goto(hospital.portal + path)
        assert elsewhere.url == f"{hospital.portal}/stop"
    elsewhere.get_by_role("button", name="Stop everything").click()
    elsewhere.get_by_role("heading", name="Sharing has stopped").wait_for()
    assert hospital.house.verdict(subject) == "STOPPED"
    elsewhere.goto(f"{hospital.portal}/stop")
    assert elsewhere.get_by_role("heading", name="No one can use your records").is_visible()


def test_a_code_missed_five_times_is_dead(
    hospital: Hospital, letters: Path, page: Page, mailed: tuple[SubjectId, str]
) -> None:
    code = asked_for_code(page, hospital, letters, mailed[1])
    for attempt in [*("0000-0000",) * 5, code]:
        typed(page, attempt)
        page.get_by_role("alert").get_by_text("This is not the newest code").wait_for()
        page.goto(f"{hospital.portal}/stop/code")


def test_a_code_works_only_where_it_was_asked_for(
    hospital: Hospital, letters: Path, page: Page, elsewhere: Page, mailed: tuple[SubjectId, str]
) -> None:
    code = asked_for_code(page, hospital, letters, mailed[1])
    asked_for_code(elsewhere, hospital, letters, mailed[1])
    typed(elsewhere, code)
    elsewhere.get_by_role("alert").get_by_text("This is not the newest code").wait_for()
    typed(page, code)
    page.wait_for_url(f"{hospital.portal}/stop")


# ------------------------------------------------------------------------------------ what a mailed code does not open

OWN = {"home.stop_only", "home.stop_one_by_code", "home.stop_all_by_code", "home.stopped_by_code"}
"""What the session of a mailed code is for."""
EVERYBODYS = {
    *("static", "doors.start", "doors.take_code", "doors.set_up", "doors.go_set_up", "doors.sign_in"),
    *("doors.stop_code", "doors.mail_code", "doors.type_code", "doors.take_mailed_code", "doors.sign_out"),
    *("receipts.ask", "receipts.checks.check", "keys.waits"),
    *("signing.index", "signing.arrive", "signing.page", "signing.cancel"),
}
"""Doors, the same for whoever comes."""
LAST = ["home.stop_one_by_code", "home.stopped_by_code", "home.stop_all_by_code", "doors.sign_out", "signing.cancel"]
"""In this order: what comes after them has nothing to stop, or no session."""
CLOSED = {HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND}


@dataclass(frozen=True, slots=True)
class Act:
    """One thing that either origin answers to."""

    endpoint: str
    host: str
    method: str
    path: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server says to one request."""

    status: int
    to: str
    cookie: str
    text: str

    @property
    def form(self) -> str:
        """The form token of the page."""
        found = re.search(r'name="csrf(?:_token)?" (?:value|content)="([^"]+)"', self.text)
        return found[1] if found else ""

    @property
    def is_closed(self) -> bool:
        """Whether this says no, or leads to the start or the stop."""
        return self.status in CLOSED or (self.status == HTTPStatus.FOUND and self.to in {"/", "/stop"})


def everything(hospital: Hospital, subject: SubjectId, consent: str) -> list[Act]:
    """Return all that both origins answer to, what ends a session last."""
    own = room(hospital)
    named = {"consent": consent, "study": STUDY.reference.id, "ticket": "0", "filename": "portal.css"}
    named |= {"way": "0" * 64, "kind": "laboratory", "record": "0" * 32, "code": f"{subject}-{'0' * 64}"}
    values: dict[str, Any] = {**named, "index": hospital.house.open.book.granted_at[consent]}
    acts = [
        *acts_of(create_portal(own), "localhost", values),
        *acts_of(create_signing_app(own), "sign.localhost", values),
    ]
    return sorted(acts, key=lambda act: LAST.index(act.endpoint) if act.endpoint in LAST else -1)


def acts_of(app: Flask, host: str, values: dict[str, Any]) -> Iterator[Act]:
    for rule in app.url_map.iter_rules():
        paths = set()
        for purpose in PURPOSES:
            with suppress(ValueError):  # a path that is not for this purpose
                named = {**values, "purpose": purpose}
                paths.add(app.url_map.bind(host).build(rule.endpoint, named, append_unknown=False))
        assert paths, rule
        for method in (rule.methods or set()) & {"GET", "POST"}:
            yield from (Act(rule.endpoint, host, method, path) for path in sorted(paths))


def answered(hospital: Hospital, act: Act, cookies: str, form: str = "") -> Answer:
    """Send one request, as any program can."""
    headers = {"Host": f"{act.host}:{hospital.port}", "Cookie": cookies, "Accept": "text/html"}
    body = urlencode({"csrf_token": form, "number": 1}) if act.method == "POST" else None
    with closing(http.client.HTTPConnection("127.0.0.1", hospital.port, timeout=10)) as line:
        line.request(act.method, act.path, body, headers | {"Content-Type": "application/x-www-form-urlencoded"})
        answer = line.getresponse()
        text, to = answer.read().decode(errors="replace"), answer.headers.get("Location", "")
    return Answer(answer.status, to, answer.headers.get("Set-Cookie", "").partition(";")[0], text)


def test_a_mailed_code_reaches_the_neutral_list_and_the_stop_alone(
    hospital: Hospital, letters: Path, page: Page, mailed: tuple[SubjectId, str]
) -> None:
    """Everything that both origins answer to is tried, with the session and a valid form token."""
    subject, address = mailed
    typed(page, asked_for_code(page, hospital, letters, address))
    page.wait_for_url(f"{hospital.portal}/stop")
    own = next(one["value"] for one in page.context.cookies() if one["name"] == PORTAL_COOKIE)
    cookies = f"{PORTAL_COOKIE}={own}; {SIGNING_COOKIE}={own}"
    lost = answered(hospital, Act("", "sign.localhost", "GET", "/t/0"), cookies)
    assert lost.cookie.startswith(f"{SIGNING_COOKIE}="), "its session is none where people sign"
    form = page.locator("[name=csrf_token]").first.input_value()
    keys = {"localhost": (cookies, form), "sign.localhost": (f"{PORTAL_COOKIE}={own}; {lost.cookie}", lost.form)}
    [consent] = hospital.house.open.book.entries(subject)
    secrets = [STUDY.reference.id, consent.id, consent.commitment.hex(), consent.patient.hex(), subject]
    opened = set()
    for act in everything(hospital, subject, consent.id):
        answer = answered(hospital, act, *keys[act.host])
        assert answer.is_closed or act.endpoint in EVERYBODYS | OWN, (act, answer)
        opened |= set() if answer.is_closed else {act.endpoint}
        for secret in (STUDY.reference.title, STUDY.reference.institution, *secrets):
            assert secret not in answer.text, (act, secret)
    assert opened >= OWN, "and these do open"
    assert hospital.house.verdict(subject) == "STOPPED"


def test_a_number_means_the_same_study_on_an_older_page(hospital: Hospital, page: Page) -> None:
    house = hospital.house
    subject = next(one for one in house.people if not house.open.book.entries(one))
    house.grant(subject)
    house.grant(subject)
    hospital.sign_in(page.context, subject, SessionKind.STOPPING)
    older = page.context.new_page()
    for one in (older, page):
        one.goto(f"{hospital.portal}/stop")
    for one, number in ((page, 1), (older, 2)):
        one.get_by_role("article", name=f"Study {number}").get_by_role("button").click()
        one.get_by_role("heading", name=f"Study {number}").wait_for()
        one.get_by_text("Sharing has stopped").wait_for()
    house.verdict(subject)
    assert [entry.stopped for entry in house.open.book.entries(subject)] == [True, True]

"""What strangers, other patients, researchers and programs try at the portal, and what they get."""

import json
import re
import secrets
from dataclasses import replace
from datetime import timedelta

import pytest

from consent.demo.wallets import Wallet
from consent.domain.data_use import DataUse
from consent.domain.terms import StudyReference, SubjectId
from consent.services.portal.sessions import SessionKind
from consent.web import create_portal
from consent.web.headers import SECURITY_HEADERS
from tests.services.house import STUDY, receive
from tests.web.site import PAGE, PORTAL, SIGNING, Browser, Site, chosen, enrolled, slots, to_sign

SECURE = "https://localhost:8000"


def newcomer(site: Site, number: int = 900) -> tuple[SubjectId, str]:
    [subject] = receive(site.house.open, number)
    return subject, site.room.enrolling.invite(subject, site.house.clock())


def own(site: Site, subject: SubjectId) -> str:
    [entry] = site.house.open.book.entries(subject)
    return entry.id


def test_a_newcomer_enrols_allows_and_stops(site: Site) -> None:
    """The whole way without a browser, which the other tests leave at one place or another."""
    subject, code = newcomer(site)
    browser, wallet = site.browser(), Wallet(subject)
    answer = enrolled(browser, code, wallet)
    assert answer.status_code == 200
    inside = browser.get(answer.get_json()["next"].removeprefix(PORTAL))
    assert inside.headers["Location"] == "/preferences"
    browser.post("/preferences", email="", counted="yes")
    browser.follow(chosen(browser, "kidneys"))
    signed = browser.send("/sign", to_sign(browser, wallet), "/sign")
    assert signed.status_code == 200
    site.house.publish()
    assert site.house.verdict(subject) == "PERMIT"
    consent = own(site, subject)
    assert browser.post(f"/consents/{consent}/stop").headers["Location"] == f"/consents/{consent}/stopped"
    assert site.house.verdict(subject) == "STOPPED"


PAGES = (
    "/consents",
    "/consents/{consent}",
    "/consents/{consent}/stop",
    "/consents/{consent}/stopped",
    "/consents/{consent}/receipt.json",
    "/stop-everything",
    "/stopped",
    "/requests",
    "/requests/kidneys",
    "/requests/kidneys/choose",
    "/requests/kidneys/when",
    "/requests/kidneys/questions",
    "/requests/kidneys/check",
    "/preferences",
    "/consents/{consent}/risk",
    "/consents/{consent}/risk/1",
    "/records",
    "/records/laboratory",
    "/records/laboratory/00ff",
    "/records/ready/none",
    "/records/download/none",
    "/you",
    "/keys",
    "/wishes",
    "/keys",
    "/keys/00ff/remove",
    "/activity",
    "/activity/1",
    "/receipts",
    "/receipts/1",
    "/receipts/1.json",
    "/receipts/1/evidence.zip",
    "/erase",
    "/stop/done",
)
ACTS = (
    "/consents/{consent}/stop",
    "/stop-everything",
    "/stop/one",
    "/stop/all",
    "/requests/kidneys/no",
    "/requests/kidneys/choose",
    "/requests/kidneys/when",
    "/requests/kidneys/questions",
    "/requests/kidneys/allow",
    "/preferences",
    "/records/download",
    "/consents/{consent}/risk",
    "/wishes",
    "/wishes/again",
    "/keys/remove",
    "/activity/1/wrong",
    "/erase",
    "/keys/go",
    "/keys/remove",
    "/keys/cancel",
    "/keys/sign-out",
)


@pytest.mark.parametrize("page", PAGES)
def test_a_visitor_sees_nobodys_pages(site: Site, page: str) -> None:
    subject = site.house.people[0]
    answer = site.browser().get(page.format(consent=own(site, subject)))
    assert (answer.status_code, answer.headers.get("Location")) == (302, "/")


@pytest.mark.parametrize("act", ACTS)
def test_a_visitor_does_nothing_for_anybody(site: Site, act: str) -> None:
    subject, before = site.house.people[0], site.house.state()
    answer = site.browser().post(act.format(consent=own(site, subject)), page="/", consent=own(site, subject))
    assert answer.status_code == 403
    assert site.house.state() == before


@pytest.mark.parametrize("act", ACTS)
def test_without_a_token_nothing_is_done(site: Site, act: str) -> None:
    subject, before = site.house.people[0], site.house.state()
    browser = site.signed_in(subject)
    path = act.format(consent=own(site, subject))
    for token in ({}, {"csrf_token": "none"}, {"csrf_token": site.signed_in(site.house.people[1]).token("/")}):
        answer = browser.client.post(path, base_url=SECURE, headers={"Accept": "text/html"}, data=token)
        assert answer.status_code == 400
        assert "This page is too old" in answer.get_data(as_text=True)
    assert site.house.state() == before


@pytest.mark.parametrize("page", [page for page in PAGES if "{consent}" in page])
def test_another_patients_consent_is_not_there(site: Site, page: str) -> None:
    theirs = own(site, site.house.people[0])
    assert site.signed_in(site.house.people[1]).get(page.format(consent=theirs)).status_code == 404


def test_another_patients_consent_cannot_be_stopped(site: Site) -> None:
    theirs, before = own(site, site.house.people[0]), site.house.state()
    for kind, path in ((SessionKind.PATIENT, f"/consents/{theirs}/stop"), (SessionKind.STOPPING, "/stop/one")):
        browser = site.signed_in(site.house.people[1], kind)
        page = "/" if kind is SessionKind.PATIENT else "/stop"
        assert browser.post(path, page=page, id=theirs).status_code == 404
    assert site.house.state() == before


def test_another_patients_ticket_leads_back_into_nobodys_browser_but_theirs(site: Site) -> None:
    """Whoever sends somebody a link to the signing origin does not get that person's session for it."""
    attacker, victim = site.browser(), site.browser()
    subject, code = newcomer(site)
    sent = attacker.post("/start", code=code)
    assert sent.status_code == 302
    link = attacker.post("/set-up").headers["Location"]
    victim.get(link.removeprefix(SIGNING), SIGNING)
    assert attacker.get(link.removeprefix(SIGNING), SIGNING).status_code == 410
    asked = victim.get("/set-up/challenge", SIGNING).get_json()
    assert asked["challenge"]
    back = site.room.sessions.ticket("in", secrets.token_bytes(32), subject, {"new": False}, site.house.clock())
    for browser in (attacker, victim):
        assert browser.get(f"/in/{back}").headers["Location"] == "/"
        assert browser.get("/consents").headers["Location"] == "/"


def test_a_way_back_counts_once_and_in_the_browser_that_asked(site: Site) -> None:
    subject, code = newcomer(site)
    browser, other = site.browser(), site.browser()
    other.get("/")
    back = enrolled(browser, code, Wallet(subject)).get_json()["next"].removeprefix(PORTAL)
    assert other.get(back).headers["Location"] == "/"
    assert browser.get(back).headers["Location"] == "/", "another browser has used it up"


def test_signing_in_changes_the_cookie_and_the_old_one_is_nobodys(site: Site) -> None:
    subject, code = newcomer(site)
    browser = site.browser()
    answer = enrolled(browser, code, Wallet(subject))
    before = browser.client.get_cookie("__Host-consentry", domain="localhost")
    browser.get(answer.get_json()["next"].removeprefix(PORTAL))
    after = browser.client.get_cookie("__Host-consentry", domain="localhost")
    assert before is not None
    assert after is not None
    assert before.value != after.value
    browser.client.set_cookie("__Host-consentry", before.value, domain="localhost", secure=True)
    assert browser.get("/consents").headers["Location"] == "/"


def test_a_session_ends_by_signing_out_by_idling_and_by_the_clock(site: Site) -> None:
    subject = site.house.people[0]
    browser = site.signed_in(subject)
    assert browser.post("/sign-out", page="/").status_code == 302
    assert browser.get("/consents").status_code == 302
    idle = site.signed_in(subject)
    site.house.clock.ahead += timedelta(minutes=31)
    assert idle.get("/consents").status_code == 302


def test_signing_out_ends_what_is_open_on_the_signing_origin(site: Site) -> None:
    subject = site.house.people[-1]
    site.house.open.preferences.prefer([subject], site.house.clock(), counted=True)
    browser = site.signed_in(subject)
    browser.follow(chosen(browser, "kidneys"))
    sent = to_sign(browser, site.house.wallets[subject])
    browser.post("/sign-out", page="/")
    before = site.house.state()
    assert browser.send("/sign", sent, "/sign").status_code == 403
    assert site.house.state() == before


CHANGES = (
    {"salt": "00" * 32},
    {"patient": "11" * 20},
    {"signature": "22" * 64},
    {"certificate": "33" * 64},
    {"certificate": "zz"},
    {"signature": 5},
    {"more": ""},
)


@pytest.mark.parametrize("changed", CHANGES, ids=lambda changed: next(iter(changed)))
def test_a_grant_that_is_not_the_patients_own_is_refused(site: Site, changed: dict[str, object]) -> None:
    subject = site.house.people[-1]
    site.house.open.preferences.prefer([subject], site.house.clock(), counted=True)
    browser = site.signed_in(subject)
    browser.follow(chosen(browser, "kidneys"))
    sent, before = to_sign(browser, site.house.wallets[subject]), site.house.state()
    answer = browser.send("/sign", sent | changed, "/sign")
    assert answer.status_code in {400, 422}
    assert answer.mimetype == "application/problem+json"
    assert site.house.state() == before


def test_another_patients_wallet_cannot_sign(site: Site) -> None:
    subject, thief = site.house.people[-1], site.house.people[-2]
    site.house.open.preferences.prefer([subject], site.house.clock(), counted=True)
    browser = site.signed_in(subject)
    browser.follow(chosen(browser, "kidneys"))
    before = site.house.state()
    assert browser.send("/sign", to_sign(browser, site.house.wallets[thief]), "/sign").status_code == 422
    assert site.house.state() == before


def test_nobody_signs_what_the_study_does_not_ask(site: Site) -> None:
    subject = site.house.people[-1]
    site.house.open.preferences.prefer([subject], site.house.clock(), counted=True)
    browser = site.signed_in(subject)
    browser.post("/requests/kidneys/choose", category=["demographics", "outcomes", "genomics", "nonsense"])
    browser.post("/requests/kidneys/when", window="all", end="12")
    browser.post("/requests/kidneys/questions", care="no", stop="yes", name="no")
    page = browser.get("/requests/kidneys/check").get_data(as_text=True)
    assert "genetic" not in page
    assert browser.post("/requests/kidneys/when", window="99", end="12").status_code == 422
    assert browser.post("/requests/kidneys/when", window="all", end="600").status_code == 422


def test_the_questions_come_before_the_first_grant(site: Site) -> None:
    subject = site.house.people[-1]
    site.house.open.preferences.prefer([subject], site.house.clock(), counted=True)
    browser = site.signed_in(subject)
    browser.post("/requests/kidneys/choose", category=["demographics", "outcomes"])
    browser.post("/requests/kidneys/when", window="all", end="12")
    assert browser.get("/requests/kidneys/check").headers["Location"] == "/requests/kidneys/questions"
    assert browser.post("/requests/kidneys/questions", care="yes", stop="yes", name="no").status_code == 422
    answer = browser.post("/requests/kidneys/allow", page="/requests/kidneys/questions")
    assert answer.headers["Location"] == "/requests/kidneys/questions"


@pytest.mark.parametrize(
    "changed",
    [
        {"slots": slots(("passphrase",))},
        {"slots": slots(("recovery", "recovery"))},
        {"slots": slots(("passkey", "recovery"))},
        {"slots": [*slots(), *slots()]},
        {"slots": [{**slots()[0], "parameters": {"memory": 1, "passes": 1, "lanes": 1}}, slots()[1]]},
        {"slots": "none"},
        {"enrolment": "00" * 20},
        {"signature": "00" * 64},
        {"credential": {"id": "x"}},
        {"credential": []},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_half_a_key_is_not_stored_and_the_code_still_works(site: Site, changed: dict[str, object]) -> None:
    subject, code = newcomer(site)
    before = site.house.state()
    answer = enrolled(site.browser(), code, Wallet(subject), **changed)
    assert answer.status_code in {400, 422}
    assert site.house.state() == before
    with site.house.open.store.reading() as unit:
        assert unit.accounts.slots(subject) == []
    assert enrolled(site.browser(), code, Wallet(subject)).status_code == 200
    assert site.browser().post("/start", code=code).status_code == 422, "a code counts once"


def test_too_many_tries_are_refused(site: Site) -> None:
    browser = site.browser()
    statuses = [browser.post("/start", code="0000-0000-0000-0000-0000").status_code for _ in range(11)]
    assert statuses == [422] * 10 + [429]


def test_mails_to_one_address_are_few(site: Site) -> None:
    statuses = [site.browser().post("/stop/mail", email="anna@example.org").status_code for _ in range(4)]
    assert statuses == [302, 302, 302, 429]


def test_a_mailed_code_that_was_missed_five_times_is_dead(site: Site) -> None:
    subject, now = site.house.people[0], site.house.clock()
    site.room.signing_in.set_contact(subject, "anna@example.org")
    remembered, [code] = site.room.signing_in.mailed_codes("Anna@Example.org ", now)
    browser = site.browser()
    session = site.room.sessions.begin(SessionKind.VISITOR, None, now)
    site.room.sessions.remember(session, {"mailed": {**remembered.to_json(), "tries": 1}}, now)
    browser.carry(session)
    assert browser.post("/stop/code", code="0000-0000").status_code == 422
    assert browser.post("/stop/code", code=code).status_code == 422


ALLOWED_TO_STOPPING = {"/", "/stop", "/stop/done", "/stop/mail", "/stop/code", "/start", "/set-up", "/demo"}


def test_a_mailed_codes_session_sees_neutral_names_only(site: Site) -> None:
    subject = site.house.people[0]
    browser = site.signed_in(subject, SessionKind.STOPPING)
    listed = browser.follow(browser.get("/")).get_data(as_text=True)
    assert "Study 1" in listed
    for page in PAGES:
        answer = browser.get(page.format(consent=own(site, subject)))
        assert answer.status_code == 302, page
    assert browser.post("/stop/all", page="/stop").headers["Location"] == "/stop/done"
    after = browser.get("/stop/done").get_data(as_text=True)
    for text in (listed, after):
        assert STUDY.reference.title not in text
        assert STUDY.reference.institution not in text
    assert site.house.verdict(subject) == "STOPPED"


SCRIPT = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"


def test_what_a_study_writes_is_shown_as_text(site: Site) -> None:
    reference = StudyReference("mischief", f"Title {SCRIPT}", f"Hospital {SCRIPT}")
    use = DataUse(diseases=frozenset({f"MONDO {SCRIPT}"}))
    study = replace(STUDY, reference=reference, text=f"Text {SCRIPT}", data_use=use, ethics=f"EC {SCRIPT}")
    site.house.open.registration.approve(study, site.house.clock())
    subject = site.house.people[-1]
    site.house.open.preferences.prefer([subject], site.house.clock(), counted=True)
    browser = site.signed_in(subject)
    at = "/requests/mischief"
    shown = [browser.get("/"), browser.get("/requests"), browser.get(at)]
    browser.follow(chosen(browser, "mischief"))
    shown += [browser.get(f"{at}/check"), browser.get("/sign", SIGNING)]
    assert browser.send("/sign", to_sign(browser, site.house.wallets[subject]), "/sign").status_code == 200
    site.house.publish()
    consent = own(site, subject)
    shown += [browser.get(path) for path in ("/", "/consents", f"/consents/{consent}", f"/consents/{consent}/stop")]
    shown += [browser.follow(browser.post(f"/consents/{consent}/stop"))]
    for answer in shown:
        text = answer.get_data(as_text=True)
        assert answer.status_code == 200
        assert "<script>alert" not in text
        assert "<img src=x" not in text
        assert "&lt;script&gt;" in text or "Title" not in text


@pytest.mark.parametrize("path", ["/start", "/stop/mail", "/stop/code", "/preferences", "/requests/kidneys/when"])
def test_what_is_sent_does_not_come_back(site: Site, path: str) -> None:
    subject = site.house.people[-1]
    site.house.open.preferences.prefer([subject], site.house.clock(), counted=True)
    browser = site.browser() if path in {"/start", "/stop/mail", "/stop/code"} else site.signed_in(subject)
    names = ("code", "email", "window", "end", "category", "id", "consent", "change", SCRIPT)
    answer = browser.post(path, page="/", **dict.fromkeys(names, SCRIPT))
    assert "<script>alert" not in answer.get_data(as_text=True)
    for query in names:
        page = browser.client.get(path, base_url=SECURE, query_string={query: SCRIPT})
        assert "alert(1)" not in page.get_data(as_text=True)


@pytest.mark.parametrize("origin", [PORTAL, SIGNING])
@pytest.mark.parametrize("path", ["/", "/nothing", "/sign", "/static/portal.css", "/consents?page=<script>"])
def test_every_answer_carries_the_headers(site: Site, origin: str, path: str) -> None:
    with site.signed_in(site.house.people[0]).get(path, origin) as answer:
        assert {name: answer.headers.get(name) for name in SECURITY_HEADERS} == SECURITY_HEADERS
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert "Server" not in answer.headers
        assert answer.headers["Cache-Control"] == "no-store", "of a static file too, where its hash is not named"
        assert answer.headers["Strict-Transport-Security"]


def test_only_the_signing_origin_may_ask_for_a_passkey(site: Site) -> None:
    for origin, allowed in ((PORTAL, "()"), (SIGNING, "(self)")):
        permissions = site.browser().get("/", origin).headers["Permissions-Policy"]
        assert f"publickey-credentials-get={allowed}" in permissions


def test_cookies_are_for_one_host_and_no_script(site: Site) -> None:
    _, code = newcomer(site)
    browser = site.browser()
    set_here = [browser.get("/").headers["Set-Cookie"]]
    browser.post("/start", code=code)
    set_here.append(browser.follow(browser.post("/set-up")).headers["Set-Cookie"])
    for cookie in set_here:
        assert re.fullmatch(
            r"__Host-[a-z-]+=[\w-]{43}(\.\d{10}\.[0-9a-f]{64})?; Secure; HttpOnly; Path=/; SameSite=Lax", cookie
        )


def test_the_database_holds_no_cookie_and_no_link(site: Site) -> None:
    _, code = newcomer(site)
    browser = site.browser()
    browser.post("/start", code=code)
    link = browser.post("/set-up").headers["Location"].rsplit("/", 1)[1]
    cookie = browser.client.get_cookie("__Host-consentry", domain="localhost")
    assert cookie is not None
    site.house.open.store.forget_order()
    home = site.house.open.places.home
    kept = b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file())
    for secret in (link, cookie.value, code, code.replace("-", "")):
        assert secret.encode() not in kept


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "sign.localhost.evil.example", "x" * 300])
def test_under_any_other_name_there_is_nothing(site: Site, host: str) -> None:
    answer = site.browser().client.get("/", headers={"Host": host})
    assert answer.status_code == 400
    assert host not in answer.get_data(as_text=True)


def test_what_is_too_large_or_malformed_is_refused(site: Site) -> None:
    browser = site.browser()
    token = browser.token("/start")
    large = browser.client.post("/start", base_url=SECURE, data={"csrf_token": token, "code": "0" * 70_000})
    assert large.status_code == 413
    chunked = browser.client.post("/start", base_url=SECURE, headers={"Transfer-Encoding": "chunked"}, data=b"x")
    assert chunked.status_code == 413


@pytest.mark.parametrize("value", [None, [], 5, "x", {"id": 5}, {"id": "00"}, {"id": "00" * 32, "more": 1}])
def test_json_of_another_shape_is_a_problem(site: Site, value: object) -> None:
    browser = site.browser()
    browser.follow(browser.post("/sign-in", page="/"))
    answer = browser.send("/slots/find", value, "/sign-in")
    assert answer.status_code == 400
    assert json.loads(answer.get_data())["detail"]


def test_the_signing_origin_does_nothing_without_a_ticket(site: Site) -> None:
    browser = site.browser()
    for path in ("/set-up", "/sign-in", "/sign"):
        assert browser.get(path, SIGNING).status_code == 410
    for path in ("/set-up/challenge", "/sign-in/challenge", "/sign/act"):
        assert browser.get(path, SIGNING).status_code == 403
    posts = (
        "/set-up",
        "/set-up/options",
        "/sign-in/options",
        "/sign-in/passkey",
        "/sign-in/key",
        "/slots/find",
        "/sign",
    )
    for path in posts:
        assert browser.send(path, {}, "/sign").status_code == 403


def test_the_portal_works_on_after_the_epoch_of_keys_has_turned(site: Site) -> None:
    subject, code = newcomer(site)
    site.house.turn_epoch()
    browser, wallet = site.browser(), Wallet(subject)
    answer = enrolled(browser, code, wallet)
    browser.get(answer.get_json()["next"].removeprefix(PORTAL))
    browser.post("/preferences", email="", counted="yes")
    browser.follow(chosen(browser, "kidneys"))
    assert browser.send("/sign", to_sign(browser, wallet), "/sign").status_code == 200
    assert len(browser.get("/").get_data(as_text=True)) > 0
    assert isinstance(browser, Browser)


@pytest.mark.parametrize("path", ["/audit", "/log/entries", "/log/checkpoint", "/metrics", "/readyz", "/healthz"])
@pytest.mark.parametrize("origin", [PORTAL, SIGNING])
def test_the_log_and_the_health_are_on_neither_origin(site: Site, origin: str, path: str) -> None:
    """Whoever stops with a stolen code would find by its second which study it was."""
    assert site.browser().get(path, origin).status_code == 404


def test_whatever_only_looks_at_a_link_does_not_use_it_up(site: Site) -> None:
    _, code = newcomer(site)
    browser = site.browser()
    browser.post("/start", code=code)
    link = browser.post("/set-up").headers["Location"].removeprefix(SIGNING)
    assert browser.client.head(link, base_url="https://sign.localhost:8000").status_code == 405
    assert browser.get(link, SIGNING).headers["Location"] == "/set-up"


def test_where_no_mail_is_set_up_people_are_sent_to_the_telephone(site: Site) -> None:
    client = create_portal(replace(site.room, post=None)).test_client()
    page = client.get("/stop/mail", base_url=SECURE, headers=PAGE)
    assert page.status_code == 503
    assert "Call us" in page.get_data(as_text=True)

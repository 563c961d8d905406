"""What was tried at the portal by somebody who wants in, and what came of it; `test_portal_defences` has the rest."""

import json
import threading
import time
from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes, policy

import pytest
from sqlalchemy import func, select
from werkzeug.test import Client, TestResponse

from consent.adapters.sql.account_tables import sessions
from consent.domain.sign_in import SignIn
from consent.domain.terms import SubjectId, month_end_after
from consent.domain.typed_data import Address
from consent.web import FORWARDED, LOCAL, create_app, create_portal
from consent.web.session import PORTAL_COOKIE, SIGNING_COOKIE
from consent.web.turns import by_host
from tests.services.house import STUDY, House, receive
from tests.web.site import PAGE, PORTAL, SIGNING, Browser, Site, checked, chosen, served, to_sign


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


def test_a_grant_that_is_sent_twice_at_once_is_kept_once_and_nobody_is_told_otherwise(site: Site) -> None:
    """Two of the server's processes took it; the later one said that nothing was allowed."""
    subject, browser = asked(site)
    browser.follow(chosen(browser, "kidneys"))
    sent, token, first = to_sign(browser, site.house.wallets[subject]), browser.token("/sign", SIGNING), []
    cookie = browser.client.get_cookie(SIGNING_COOKIE, domain="sign.localhost")
    assert cookie is not None
    with House.without_ledger(site.house.settings.home, site.house.wallets) as beside, served(beside) as other:
        twin = Client(other.app)
        twin.set_cookie(SIGNING_COOKIE, cookie.value, domain="sign.localhost", secure=True)

        def send(client: Client) -> TestResponse:
            at, headers = SIGNING.replace("http:", "https:"), {"X-CSRFToken": token}
            return client.post("/sign", base_url=at, json=sent, headers=headers)

        once_the_terms_were_checked = 4
        site.house.clock.watch({once_the_terms_were_checked: lambda: first.append(send(twin))})
        second = send(browser.client)
    assert [answer.status_code for answer in (*first, second)] == [200, 200]
    assert first[0].get_json() == second.get_json()
    assert len(site.house.open.book.entries(subject)) == 1


def test_brackets_in_brackets_are_refused_as_any_other_nonsense(site: Site) -> None:
    """They were an error of the server's."""
    browser = site.browser()
    browser.follow(browser.post("/sign-in", page="/"))
    headers = {"X-CSRFToken": browser.token("/sign-in", SIGNING), "Content-Type": "application/json"}
    at = SIGNING.replace("http:", "https:")
    for path in ("/slots/find", "/sign-in/passkey", "/sign-in/key"):
        assert browser.client.post(path, base_url=at, headers=headers, data=b"[" * 30_000).status_code == 400


def test_an_address_that_only_looks_like_somebodys_gets_no_letter(site: Site) -> None:
    """The sign of the Kelvin becomes a k in lower case, and so found the patient; the letter went to the other."""
    site.room.signing_in.set_contact(site.house.people[0], "kate@kent.example")
    for address in ("\N{KELVIN SIGN}ate@kent.example", "kate@\N{KELVIN SIGN}ent.example"):
        assert site.browser().post("/stop/mail", email=address).status_code == 422
    browser = site.signed_in(site.house.people[1])
    assert browser.post("/preferences", email="kate@k\N{LATIN SMALL LETTER E WITH ACUTE}nt.example").status_code == 422


@pytest.mark.parametrize("name", sorted(FORWARDED))
def test_the_log_is_not_to_be_read_through_a_proxy_by_whoever_writes_localhost(site: Site, name: str) -> None:
    """A proxy passes `Host` on; a stranger who sends that of this machine got the log and the health."""
    here = site.house.open
    door = create_app(here.store, here.log.origin, here.log.signer.public_key)
    client = Client(by_host({**dict.fromkeys(LOCAL, door), "portal.example": create_portal(site.room)}))
    for path in ("/log/entries", "/audit", "/log/checkpoint"):
        assert client.get(path, base_url="http://localhost:8000", headers={name: "203.0.113.9"}).status_code == 404
    assert client.get("/audit", base_url="http://localhost:8000").status_code == 200


def rows(site: Site) -> int:
    with site.house.open.store.reading() as unit:
        return int(unit.connection.scalar(select(func.count()).select_from(sessions)) or 0)


def test_strangers_who_only_look_leave_nothing_in_the_database(site: Site) -> None:
    """Each page that a stranger opened was a row and a write to the disk."""
    for origin, path in ((PORTAL, "/"), (PORTAL, "/start"), (PORTAL, "/stop/mail"), (SIGNING, "/sign")):
        assert site.browser().get(path, origin).headers["Set-Cookie"]
    browser = site.browser()
    for _ in range(3):
        assert browser.post("/start", code="0000-0000-0000-0000-0000").status_code == 422
    assert rows(site) == 0
    browser.post("/stop/mail", email="anna@example.org")
    assert rows(site) == 1


def test_a_visitors_cookie_is_one_that_was_given_out_here_and_lasts(site: Site) -> None:
    browser = site.browser()
    token = browser.token("/start")
    cookie = browser.client.get_cookie(PORTAL_COOKIE, domain="localhost")
    assert cookie is not None
    name, end, mac = cookie.value.split(".")

    def sent(value: str) -> int:
        portal = Client(site.app)
        portal.set_cookie(PORTAL_COOKIE, value, domain="localhost", secure=True)
        form = {"csrf_token": token, "code": ""}
        return portal.post("/start", base_url=PORTAL.replace("http:", "https:"), headers=PAGE, data=form).status_code

    assert sent(cookie.value) == 422, "the form is taken, and the code is wrong"
    forged = (
        f"{name}x.{end}.{mac}",
        f"{name}.{int(end) + 1}.{mac}",
        f"{name}.{end}.{mac[:-1]}x",
        f"{name}..{mac}",
        ".",
        "é.é.é",
    )
    assert {sent(value) for value in forged} == {400}
    signing = Client(site.app)
    signing.set_cookie(SIGNING_COOKIE, cookie.value, domain="sign.localhost", secure=True)
    answer = signing.post("/no", base_url=SIGNING.replace("http:", "https:"), data={"csrf_token": token})
    assert answer.status_code == 400, "no cookie of one origin counts on the other"
    site.house.clock.ahead += timedelta(hours=12, seconds=1)
    assert sent(cookie.value) == 400


def test_a_sign_in_that_was_signed_for_another_place_or_time_opens_nothing(site: Site) -> None:
    """A page elsewhere could have it signed; the wallet signs what it is told."""
    subject, here = site.house.people[0], site.house.open.domain
    wallet, browser = site.house.wallets[subject], site.browser()
    browser.follow(browser.post("/sign-in", page="/"))
    earlier = bytes.fromhex(browser.get("/sign-in/challenge", SIGNING).get_json()["challenge"])
    browser.follow(browser.post("/sign-in", page="/"))
    now, origin = browser.get("/sign-in/challenge", SIGNING).get_json(), site.room.log
    challenge = bytes.fromhex(now["challenge"])
    others = (
        SignIn("consentry/other", challenge).digest(here),
        SignIn(origin, challenge).digest(replace(here, chain_id=here.chain_id + 1)),
        SignIn(origin, challenge).digest(replace(here, contract=Address(bytes(20)))),
        SignIn(origin, earlier).digest(here),
    )
    for digest in others:
        sent = {"signature": wallet.enrolment_key.sign(digest).hex()}
        assert browser.send("/sign-in/key", sent, "/sign-in").status_code == 422
    right = {"signature": wallet.enrolment_key.sign(SignIn(origin, challenge).digest(here)).hex()}
    assert browser.send("/sign-in/key", right, "/sign-in").status_code == 200
    assert browser.send("/sign-in/key", right, "/sign-in").status_code == 403, "the act is done with"


def test_a_page_for_one_act_sends_nothing_once_somebody_led_its_browser_to_another(site: Site) -> None:
    """A link of the attacker's, opened beside the page, must not put a new wallet under the attacker's name."""
    attacker, victim = site.browser(), site.browser()
    codes = [site.room.enrolling.invite(one, site.house.clock()) for one in receive(site.house.open, 900, 901)]
    victim.post("/start", code=codes[0])
    victim.follow(victim.post("/set-up"))
    form = victim.token("/set-up", SIGNING)
    attacker.post("/start", code=codes[1])
    victim.follow(attacker.post("/set-up"))
    at, before = SIGNING.replace("http:", "https:"), site.house.state()
    for path in ("/set-up/options", "/set-up"):
        answer = victim.client.post(path, base_url=at, json={}, headers={"X-CSRFToken": form})
        assert (answer.status_code, answer.get_json()["title"]) == (400, "This page is too old")
    assert site.house.state() == before


@pytest.mark.parametrize(
    "number", [2**63 - 1, 2**63, 2**70, 10**400, -(10**30)], ids=("last", "beyond", "large", "huge", "below")
)
def test_a_number_that_no_column_holds_names_no_entry(site: Site, number: int) -> None:
    """It was an error of the server's, on each page that names an entry of the log."""
    subject = site.house.people[0]
    [consent] = site.house.open.book.entries(subject)
    browser = site.signed_in(subject)
    pages = ("/activity/{}", "/receipts/{}", "/receipts/{}.json", f"/consents/{consent.id}/risk/{{}}")
    assert {browser.get(page.format(number)).status_code for page in pages} == {404}
    assert browser.post(f"/activity/{number}/wrong", page="/activity/1", text="").status_code == 404
    for page in ("/activity?before={}", "/receipts?before={}"):
        assert browser.get(page.format(number)).status_code == 200


@pytest.mark.parametrize("field", ["action", "subject", "by"])
def test_half_a_character_makes_a_receipt_none_and_is_no_trouble_of_ours(site: Site, field: str) -> None:
    """JSON can spell it, and nothing can sign it: whoever checked such a receipt was told to try again later."""
    subject = site.house.people[0]
    [kept], _ = site.room.receipts.page(subject, None, 1)
    brought = json.dumps(kept.receipt.to_json() | {field: "\ud800"})
    answer = site.browser().client.post(
        "/check", base_url=PORTAL.replace("http:", "https:"), headers=PAGE, data={"receipt": brought}
    )
    assert answer.status_code == 200
    assert "This is not a receipt" in answer.get_data(as_text=True)


def test_whoever_sends_the_letters_elsewhere_is_told_of_at_the_address_before(site: Site) -> None:
    """A thief of a session or a code first took the address away, and no letter told of the new key they asked for."""
    subject, letters = site.house.people[0], site.house.open.places.home / "mail"
    browser = site.signed_in(subject)
    for email in ("anna@example.org", "thief@example.org", ""):
        assert browser.post("/preferences", email=email).status_code == 302
    end = time.monotonic() + 10
    while len(list(letters.glob("*.eml"))) < 2:
        assert time.monotonic() < end, "no letter came"
        time.sleep(0.05)
    found = [message_from_bytes(letter.read_bytes(), policy=policy.default) for letter in letters.glob("*.eml")]
    assert {letter["To"] for letter in found} == {"anna@example.org", "thief@example.org"}
    texts = [letter.get_content() for letter in found]
    assert all("If this was not you" in text for text in texts)
    assert not any(name in text for text in texts for name in (subject, "kidneys", STUDY.reference.title))

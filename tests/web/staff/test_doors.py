"""Signing in and out, and making a passkey with a code."""

import json
import re
from datetime import timedelta

import pytest

from consent.services.desk.callers import Role
from consent.web.staff.passkeys import CHALLENGE_SECONDS
from tests.authenticator import Authenticator
from tests.web.staff.office import BASE, HOST, ORIGIN, Office, StaffBrowser


def test_whoever_is_not_signed_in_is_led_to_sign_in(office: Office) -> None:
    answer = office.browser().get("/staff")
    assert (answer.status_code, answer.location) == (302, "/staff/sign-in")


def test_a_code_lets_somebody_make_a_passkey_that_signs_them_in(office: Office) -> None:
    browser, key = office.browser(), Authenticator(HOST, ORIGIN)
    code = office.invited("olga", Role.OPERATOR)
    assert browser.post("/staff/enrol", code=code.lower().replace("-", " ")).location == "/staff/enrol/passkey"
    assert "<b>olga</b>" in browser.text("/staff/enrol/passkey")
    options = browser.asked("/staff/enrol/options")
    assert (options["rp"]["id"], options["user"]["name"]) == (HOST, "olga")
    assert browser.send("/staff/enrol/passkey", {"credential": key.create(options)}).status_code == 200
    assert "kept under the name olga" in browser.text("/staff/sign-in")
    assert browser.get("/staff").status_code == 302, "making a passkey signs nobody in"
    assert browser.sign_in(key).status_code == 200
    assert "olga" in browser.text("/staff")
    assert '"verdict":"SIGNED_IN"' in office.log_end()


def test_a_code_counts_once(office: Office) -> None:
    code = office.invited("olga", Role.OPERATOR)
    early = office.browser()
    early.post("/staff/enrol", code=code)
    assert office.browser().enrol(code, Authenticator(HOST, ORIGIN)).status_code == 200
    assert office.browser().post("/staff/enrol", code=code).status_code == 422
    assert early.get("/staff/enrol/passkey").location == "/staff/enrol"
    assert early.send("/staff/enrol/options", {}).status_code == 422


def test_a_passkey_is_made_with_a_code_alone(office: Office) -> None:
    browser = office.browser()
    assert browser.get("/staff/enrol/passkey").location == "/staff/enrol"
    assert browser.send("/staff/enrol/options", {}).status_code == 422
    key = Authenticator(HOST, ORIGIN)
    made = key.create(browser.asked())
    assert browser.send("/staff/enrol/passkey", {"credential": made}).status_code == 422
    assert browser.sign_in(key).status_code == 422


def test_a_wrong_code_is_told_beside_the_field_and_not_repeated(office: Office) -> None:
    answer = office.browser().post("/staff/enrol", code="<script>7QF2")
    page = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert "<title>Error: " in page
    assert 'href="#code"' in page
    assert 'aria-invalid="true"' in page
    assert "7QF2<" not in page
    assert "script&gt;" not in page


def test_a_passkey_that_is_not_known_here_signs_nobody_in(office: Office) -> None:
    browser, before = office.browser(), office.log_size()
    answer = browser.sign_in(Authenticator(HOST, ORIGIN))
    assert answer.status_code == 422
    assert answer.mimetype == "application/problem+json"
    assert browser.get("/staff").status_code == 302
    assert office.log_size() == before


def test_signing_in_gives_the_session_another_secret(office: Office) -> None:
    """Whoever planted a cookie in somebody's browser has nothing once they signed in."""
    key, victim = office.enrolled("olga", Role.OPERATOR), office.browser()
    victim.asked()
    planted = victim.cookie
    assert planted
    assert victim.sign_in(key).status_code == 200
    assert victim.cookie not in {"", planted}
    thief = office.browser()
    thief.carry(planted)
    assert thief.get("/staff").status_code == 302
    assert thief.send("/staff/sign-in", {"credential": key.use({"challenge": "AA"})}).status_code == 422


def test_a_challenge_counts_once(office: Office) -> None:
    key, browser = office.enrolled("olga", Role.OPERATOR), office.browser()
    used = key.use(browser.asked())
    assert browser.send("/staff/sign-in", {"credential": used}).status_code == 200
    other = office.browser()
    other.asked()
    assert other.send("/staff/sign-in", {"credential": used}).status_code == 422, "another session's challenge"
    assert browser.send("/staff/sign-in", {"credential": used}).status_code == 422, "its own, used up"


def test_a_challenge_is_used_up_by_a_wrong_answer_too(office: Office) -> None:
    key, browser = office.enrolled("olga", Role.OPERATOR), office.browser()
    options = browser.asked()
    wrong = Authenticator(HOST, ORIGIN).use(options)
    assert browser.send("/staff/sign-in", {"credential": wrong}).status_code == 422
    assert browser.send("/staff/sign-in", {"credential": key.use(options)}).status_code == 422
    assert browser.sign_in(key).status_code == 200


def test_a_challenge_is_for_one_purpose_and_not_for_long(office: Office) -> None:
    key, browser = office.enrolled("olga", Role.OPERATOR), office.browser()
    browser.post("/staff/enrol", code=office.invited("otto", Role.OPERATOR))
    drawn_to_enrol = browser.asked("/staff/enrol/options")
    assert browser.send("/staff/sign-in", {"credential": key.use(drawn_to_enrol)}).status_code == 422
    options = browser.asked()
    office.house.clock.ahead += timedelta(seconds=CHALLENGE_SECONDS)
    assert browser.send("/staff/sign-in", {"credential": key.use(options)}).status_code == 422


def test_a_passkey_that_another_page_asked_signs_nobody_in(office: Office) -> None:
    key, browser = office.enrolled("olga", Role.OPERATOR), office.browser()
    for origin in ("http://localhost:8000", "http://sign.localhost:8000", "http://api.localhost:8002", BASE):
        key.origin = origin
        assert browser.sign_in(key).status_code == 422, origin
    assert browser.get("/staff").status_code == 302
    key.origin = ORIGIN
    assert browser.sign_in(key).status_code == 200


def test_a_passkey_of_another_host_or_without_verification_signs_nobody_in(office: Office) -> None:
    key, browser = office.enrolled("olga", Role.OPERATOR), office.browser()
    key.host = "sign.localhost"
    assert browser.sign_in(key).status_code == 422
    key.host, key.verifies = HOST, False
    assert browser.sign_in(key).status_code == 422
    key.verifies = True
    assert browser.sign_in(key).status_code == 200


def test_the_session_of_somebody_who_was_removed_ends_at_once(office: Office, operator: StaffBrowser) -> None:
    study, cookie = office.submitted("knees"), operator.cookie
    token = operator.token("/staff")
    office.room.staff.remove("olga")
    before = office.log_size()
    sent = {"csrf_token": token, "ethics": "EC 1", "seen": study.definition}
    thief = office.browser()
    thief.carry(cookie)
    answer = thief.client.post("/staff/studies/knees/approve", base_url=BASE, data=sent)
    assert answer.status_code == 403
    assert thief.cookie == ""
    assert operator.get("/staff").location == "/staff/sign-in"
    operator.carry(cookie)
    assert operator.get("/staff/clients").location == "/staff/sign-in"
    assert (office.state("knees"), office.log_size()) == ("submitted", before)


def test_whoever_was_removed_cannot_sign_in_again(office: Office) -> None:
    key = office.enrolled("olga", Role.OPERATOR)
    office.room.staff.remove("olga")
    assert office.browser().sign_in(key).status_code == 422


def test_signing_out_ends_the_session_and_not_the_cookie_alone(operator: StaffBrowser) -> None:
    cookie = operator.cookie
    answer = operator.post("/staff/sign-out", page="/staff")
    assert answer.location == "/staff/sign-in?out"
    assert "You are signed out" in operator.text("/staff/sign-in?out")
    operator.carry(cookie)
    assert operator.get("/staff").status_code == 302


def test_a_session_ends_after_a_quarter_of_an_hour_without_a_request(office: Office, operator: StaffBrowser) -> None:
    office.house.clock.ahead += timedelta(minutes=14)
    assert operator.get("/staff").status_code == 200
    office.house.clock.ahead += timedelta(minutes=16)
    assert operator.get("/staff").status_code == 302


def test_tries_are_few(office: Office) -> None:
    browser = office.browser()
    codes = [browser.post("/staff/enrol", code="0000").status_code for _ in range(11)]
    assert codes == [422] * 10 + [429]
    key, token = Authenticator(HOST, ORIGIN), browser.token("/staff/sign-in")
    headers = {"X-CSRFToken": token, "Referer": BASE}
    sent = {"credential": key.use({"challenge": "AA"})}
    tries = [browser.client.post("/staff/sign-in", base_url=BASE, json=sent, headers=headers) for _ in range(21)]
    assert [one.status_code for one in tries] == [422] * 20 + [429]


def test_where_nobody_can_count_tries_nobody_signs_in(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    from limits.storage import MemoryStorage

    key, browser = office.enrolled("olga", Role.OPERATOR), office.browser()
    used, token = key.use(browser.asked()), browser.token("/staff/sign-in")

    def broken(*_: object, **__: object) -> bool:
        raise OSError("the storage is gone")

    monkeypatch.setattr(MemoryStorage, "acquire_entry", broken)
    headers = {"X-CSRFToken": token, "Referer": BASE}
    answer = browser.client.post("/staff/sign-in", base_url=BASE, json={"credential": used}, headers=headers)
    assert answer.status_code == 500
    monkeypatch.undo()
    assert browser.get("/staff").status_code == 302


def test_what_is_no_answer_of_a_passkey_is_refused(office: Office) -> None:
    browser = office.browser()
    answers: tuple[object, ...] = (5, [], {}, {"credential": 5}, {"credential": {}}, "x")
    for sent in (*answers, {"credential": {"rawId": "AA"}, "more": 1}):
        browser.asked()
        answer = browser.send("/staff/sign-in", sent)
        assert answer.status_code in {400, 422}, sent
        assert json.loads(answer.get_data())["detail"]


def test_the_cookie_is_for_this_host_and_no_script(office: Office) -> None:
    cookie = office.browser().get("/staff/sign-in").headers["Set-Cookie"]
    value = r"[\w-]{43}(\.\d{10}\.[0-9a-f]{64})?"
    assert re.fullmatch(rf"__Host-consentry-staff={value}; Secure; HttpOnly; Path=/; SameSite=Lax", cookie)


def test_the_database_holds_no_cookie_and_no_code(office: Office, operator: StaffBrowser) -> None:
    code = office.invited("otto", Role.OPERATOR)
    operator.post("/staff/enrol", code=code)
    office.house.open.store.forget_order()
    home = office.house.open.places.home
    kept = b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file())
    for secret in (operator.cookie, code, code.replace("-", "")):
        assert secret.encode() not in kept

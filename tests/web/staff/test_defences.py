"""Attacks: each route for each role, forged forms, scripts of strangers, headers, other hosts."""

import re
from collections.abc import Callable, Iterator
from itertools import product

import pytest
from werkzeug.routing import Rule

from consent.services.desk.callers import Role
from consent.web.headers import SECURITY_HEADERS
from tests.web.staff.office import BASE, CLIENT, PAGE, Office, StaffBrowser

FOR_ANYBODY = {
    ("GET", "/staff/sign-in"),
    ("POST", "/staff/sign-in/options"),
    ("POST", "/staff/sign-in"),
    ("GET", "/staff/enrol"),
    ("POST", "/staff/enrol"),
    ("GET", "/staff/enrol/passkey"),
    ("POST", "/staff/enrol/options"),
    ("POST", "/staff/enrol/passkey"),
    ("GET", "/staff/static/<path:filename>"),
}
FOR_MEMBERS = {
    ("GET", "/staff"),
    ("GET", "/staff/studies/<study>"),
    ("GET", "/staff/token"),
    ("POST", "/staff/token"),
    ("POST", "/staff/sign-out"),
    ("GET", "/staff/audit"),
    ("GET", "/staff/audit/history"),
    ("POST", "/staff/audit/history/export"),
    ("GET", "/staff/audit/entry/<int:index>"),
    ("GET", "/staff/audit/as-of"),
    ("GET", "/staff/audit/consents"),
    ("POST", "/staff/audit/consents/export"),
    ("GET", "/staff/audit/consents/diff"),
    ("GET", "/staff/audit/consents/<consent>"),
    ("GET", "/staff/audit/reconcile"),
    ("GET", "/staff/audit/models"),
    ("GET", "/staff/audit/models/<model>"),
    ("GET", "/staff/audit/checkpoints"),
    ("GET", "/staff/audit/erasures"),
    ("GET", "/staff/audit/findings"),
    ("POST", "/staff/audit/findings"),
}
FOR_OPERATORS = {
    ("GET", "/staff/studies/<study>/approve"),
    ("POST", "/staff/studies/<study>/approve"),
    ("GET", "/staff/studies/<study>/refuse"),
    ("POST", "/staff/studies/<study>/refuse"),
    ("GET", "/staff/studies/<study>/close"),
    ("POST", "/staff/studies/<study>/close"),
    ("GET", "/staff/clients"),
    ("GET", "/staff/clients/<client>/revoke"),
    ("POST", "/staff/clients/<client>/revoke"),
    ("GET", "/staff/clients/<client>/keys/<kid>/revoke"),
    ("POST", "/staff/clients/<client>/keys/<kid>/revoke"),
}
SCRIPT = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"


def routes(office: Office) -> Iterator[tuple[str, Rule]]:
    """Give each route of the pages with its method."""
    for rule in office.app.url_map.iter_rules():
        yield from ((method, rule) for method in (rule.methods or set()) - {"HEAD", "OPTIONS"})


def consent_of(office: Office) -> str:
    """Return a consent of the house, where it has any."""
    return next((entry.id for _, entry in office.house.open.book.everything()), "0" * 32)


def there(path: str) -> set[int]:
    """Return what somebody gets who may use a path; no model was trained here."""
    return {404} if "<model>" in path else {200, 302}


def sent(office: Office, browser: StaffBrowser, method: str, path: str, token: str) -> int:
    """Send what an operator would; return the status."""
    study = office.room.drafts.view("knees")
    at = path.replace("<study>", "knees").replace("<client>", CLIENT).replace("<kid>", office.signer.kid)
    at = at.replace("<int:index>", "1").replace("<consent>", consent_of(office)).replace("<model>", "0" * 64)
    form = {"csrf_token": token, "seen": study.definition, "ethics": "EC 1", "reason": "So.", "hours": "1"}
    form |= {"format": "csv"} if path.endswith("history/export") else {}
    if method == "GET":
        return browser.client.get(at, base_url=BASE, headers=PAGE, query_string={"seen": study.definition}).status_code
    return browser.client.post(at, base_url=BASE, headers=PAGE, data=form).status_code


def test_every_route_says_whom_it_is_for(office: Office) -> None:
    assert {(method, rule.rule) for method, rule in routes(office)} == FOR_ANYBODY | FOR_MEMBERS | FOR_OPERATORS


def test_nobody_gets_in_without_signing_in(office: Office) -> None:
    office.submitted("knees")
    browser, before = office.browser(), office.log_size()
    token = browser.token("/staff/sign-in")
    for method, path in FOR_MEMBERS | FOR_OPERATORS:
        assert sent(office, browser, method, path, token) == (302 if method == "GET" else 403), (method, path)
    assert (office.state("knees"), office.state("kidneys")) == ("submitted", "recruiting")
    assert office.log_size() == before


def test_an_auditor_decides_nothing(office: Office, auditor: StaffBrowser) -> None:
    office.submitted("knees")
    before, token = office.log_size(), auditor.token("/staff")
    for method, path in FOR_OPERATORS:
        assert sent(office, auditor, method, path, token) == 403, (method, path)
        open_study = path.replace("<study>", "kidneys")
        assert sent(office, auditor, method, open_study, token) == 403, (method, open_study)
    assert (office.state("knees"), office.state("kidneys")) == ("submitted", "recruiting")
    assert office.log_size() == before


@pytest.mark.parametrize("act", ["approve", "refuse"])
def test_an_operator_gets_everywhere(office: Office, operator: StaffBrowser, act: str) -> None:
    """So what shuts others out is their role, and nothing else about what they send."""
    office.submitted("knees")
    office.house.grant(office.house.people[0])
    token, decided = operator.token("/staff"), f"/staff/studies/<study>/{act}"
    other = decided.replace(act, "refuse" if act == "approve" else "approve")
    routes_left = sorted(FOR_MEMBERS | FOR_OPERATORS - {("POST", other)}, key=_in_order(decided))
    for method, path in routes_left:
        at = path.replace("<study>", "kidneys") if path.endswith("/close") else path
        assert sent(office, operator, method, at, token) in there(path), (method, path)


def test_an_auditor_looks_at_everything(office: Office, auditor: StaffBrowser) -> None:
    office.submitted("knees")
    office.house.grant(office.house.people[0])
    token = auditor.token("/staff")
    for method, path in sorted(FOR_MEMBERS - {("POST", "/staff/sign-out")}):
        assert sent(office, auditor, method, path, token) in there(path), (method, path)


def _in_order(decided: str) -> Callable[[tuple[str, str]], int]:
    """Order what is sent so that nothing takes away what the next needs: looking first, then ending one by one."""
    revoking = ("/staff/clients/<client>/keys/<kid>/revoke", "/staff/clients/<client>/revoke")
    last = [decided, "/staff/studies/<study>/close", *revoking, "/staff/sign-out"]
    return lambda route: 1 + last.index(route[1]) if route[0] == "POST" and route[1] in last else 0


def test_a_form_of_another_page_does_nothing(office: Office, operator: StaffBrowser) -> None:
    office.submitted("knees")
    other = office.somebody("otto", Role.OPERATOR)
    tokens = ("", "0" * 64, other.token("/staff"), office.browser().token("/staff/sign-in"))
    before = office.log_size()
    for method, path in FOR_MEMBERS | FOR_OPERATORS:
        at = path.replace("<study>", "kidneys") if path.endswith("/close") else path
        for token in tokens if method == "POST" else ():
            assert sent(office, operator, method, at, token) == 400, (path, token)
    assert (office.state("knees"), office.state("kidneys")) == ("submitted", "recruiting")
    assert office.log_size() == before
    assert operator.get("/staff").status_code == 200, "nor does it sign anybody out"


def test_a_script_of_another_page_does_nothing(office: Office) -> None:
    browser = office.browser()
    browser.get("/staff/sign-in")
    for path in ("/staff/sign-in", "/staff/sign-in/options", "/staff/enrol/options", "/staff/enrol/passkey"):
        assert browser.client.post(path, base_url=BASE, json={}).status_code == 400


def test_a_patients_or_a_visitors_cookie_is_nothing_here(office: Office, operator: StaffBrowser) -> None:
    from consent.services.portal.sessions import SessionKind

    now, somebody = office.house.clock(), office.house.people[0]
    for kind in set(SessionKind) - {SessionKind.STAFF}:
        session = office.room.sessions.begin(kind, somebody, now)
        office.room.sessions.remember(session, {"name": "olga"}, now)
        browser = office.browser()
        browser.carry(session.token)
        assert browser.get("/staff").status_code == 302, kind
    assert operator.get("/staff").status_code == 200


def test_what_researchers_and_operators_write_is_shown_as_text(office: Office, operator: StaffBrowser) -> None:
    purpose = {"diseases": [f"MONDO {SCRIPT}"], "other": [f"IRB {SCRIPT}"], "health_research": False}
    use = office.room.drafts.view("kidneys").study["data_use"]
    assert isinstance(use, dict)
    changed = {"title": f"Title {SCRIPT}", "institution": f"Lab {SCRIPT}", "text": f"Text {SCRIPT}"}
    translated = {"es": {"title": f"Título {SCRIPT}", "text": f"Texto {SCRIPT}"}}
    study = office.submitted("knees", **changed, data_use=use | purpose, translations=translated)
    at, seen = "/staff/studies/knees", f"seen={study.definition}"
    shown = [operator.text(path) for path in ("/staff", at, f"{at}/approve?{seen}", f"{at}/refuse?{seen}")]
    form = {"seen": study.definition, "ethics": f"EC {SCRIPT}", "reason": f"So {SCRIPT}"}
    wrong = operator.post(f"{at}/approve", page="/staff", **form | {"reason": f"{SCRIPT}\x00"})
    assert wrong.status_code == 422
    shown.append(wrong.get_data(as_text=True))
    assert operator.post(f"{at}/approve", page="/staff", **form).status_code == 302
    shown += [operator.text(path) for path in ("/staff", at, f"{at}/close", "/staff/clients")]
    for text in shown:
        assert "<script>alert" not in text
        assert "<img src=x" not in text
        assert "\"'><" not in text
    assert all("&lt;script&gt;" in text for text in shown[:-1])


def test_what_strangers_write_cannot_turn_what_stands_beside_it(office: Office, operator: StaffBrowser) -> None:
    office.submitted("knees", title="دراسة الركبة", institution="مستشفى")
    for path in ("/staff", "/staff/studies/knees"):
        assert '<bdi dir="auto">دراسة الركبة</bdi>' in operator.text(path)
    assert "دراسة" not in re.findall(r"<title>.*</title>", operator.text("/staff/studies/knees"))[0]


def test_every_answer_carries_the_headers(operator: StaffBrowser) -> None:
    for path in ("/staff", "/staff/sign-in", "/staff/nothing", "/staff/static/staff.js"):
        with operator.get(path) as answer:
            assert {name: answer.headers.get(name) for name in SECURITY_HEADERS} == SECURITY_HEADERS
            policy = answer.headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy
            assert "form-action 'self';" in policy
            assert "frame-ancestors 'none'" in policy
            assert "unsafe" not in policy
            assert answer.headers["Cache-Control"] == "no-store"
            assert "publickey-credentials-get=(self)" in answer.headers["Permissions-Policy"]


def test_no_page_has_a_script_or_a_style_of_its_own(office: Office, operator: StaffBrowser) -> None:
    pages = [office.browser().text("/staff/sign-in"), *map(operator.text, ("/staff", "/staff/clients", "/staff/token"))]
    for page in pages:
        assert re.findall(r"<script(?![^>]* src=)", page) == []
        assert re.findall(r"<style|\sstyle=|\son[a-z]+=", page) == []


def test_under_any_other_name_there_is_nothing(office: Office) -> None:
    hosts = ("evil.example", "localhost", "api.localhost.evil.example", "127.0.0.1", "x" * 300)
    for host, path in product(hosts, ("/staff", "/staff/sign-in")):
        answer = office.browser().client.get(path, headers={"Host": host, **PAGE})
        assert answer.status_code == 400
        assert host not in answer.get_data(as_text=True)


def test_what_is_not_there_is_a_page_in_plain_english(operator: StaffBrowser, office: Office) -> None:
    answer = operator.get("/staff/nothing")
    assert answer.status_code == 404
    assert "There is no such page" in answer.get_data(as_text=True)
    assert operator.client.post("/staff", base_url=BASE, data={}).status_code == 405
    program = office.browser().client.get("/staff/studies/nothing", base_url=BASE)
    assert program.status_code == 302


def test_what_is_too_large_is_refused(operator: StaffBrowser) -> None:
    answer = operator.post("/staff/enrol", code="0" * 70_000)
    assert answer.status_code == 413


def test_a_slash_at_the_end_leads_to_the_same_page(operator: StaffBrowser) -> None:
    assert operator.get("/staff/").status_code == 200

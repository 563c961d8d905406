"""A token for the API: for how long, for whom, and shown once."""

import re
from datetime import timedelta

import pytest

from consent.services.desk.callers import SCOPES_OF, Role, TokenExpiredError, TokenInvalidError, TokenKind
from consent.web.staff.tokens import FRESH_SECONDS
from tests.web.staff.office import BASE, Office, StaffBrowser


def taken(browser: StaffBrowser, hours: object = "8") -> str:
    """Take a token; return it."""
    answer = browser.post("/staff/token", hours=hours)
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    found = re.search(r'<code id="token">(cst_[\w-]{43})</code>', answer.get_data(as_text=True))
    assert found is not None
    return found[1]


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.AUDITOR])
def test_a_token_has_the_role_of_who_took_it(office: Office, role: Role) -> None:
    token = taken(office.somebody("sam", role))
    caller = office.room.tokens.caller(token)
    assert (caller.holder, caller.role, caller.study, caller.kind) == ("sam", role, None, TokenKind.STAFF)
    assert caller.scopes == SCOPES_OF[role]
    assert '"verdict":"TOKEN_ISSUED"' in office.log_end()
    assert token not in office.log_end()


def test_a_token_lasts_as_long_as_was_chosen(office: Office, operator: StaffBrowser) -> None:
    token = taken(operator, "2")
    office.house.clock.ahead += timedelta(hours=2, seconds=-5)
    assert office.room.tokens.caller(token).holder == "olga"
    office.house.clock.ahead += timedelta(seconds=10)
    with pytest.raises(TokenExpiredError):
        office.room.tokens.caller(token)


def test_no_token_lasts_longer_than_can_be_chosen(office: Office, operator: StaffBrowser) -> None:
    before = office.log_size()
    for hours in ("", "0", "9", "24", "-1", "8.0", "1e1", "\u0668", "8 "):
        answer = operator.post("/staff/token", hours=hours)
        assert answer.status_code == 422, hours
        assert "cst_" not in answer.get_data(as_text=True)
    assert office.log_size() == before


def test_a_token_is_shown_once(operator: StaffBrowser) -> None:
    token = taken(operator)
    assert token not in operator.text("/staff/token")


def test_a_page_that_was_left_open_gives_no_token(office: Office, operator: StaffBrowser) -> None:
    """Whoever finds it has a quarter of an hour, not a working day."""
    form_token = operator.token("/staff/token")
    office.house.clock.ahead += timedelta(seconds=FRESH_SECONDS + 1)
    before = office.log_size()
    assert operator.get("/staff/token").location == "/staff/sign-in?to=token"
    sent = {"csrf_token": form_token, "hours": "8"}
    answer = operator.client.post("/staff/token", base_url=BASE, data=sent)
    assert answer.location == "/staff/sign-in?to=token"
    assert office.log_size() == before
    page = operator.text("/staff/sign-in?to=token")
    assert "Sign in once more" in page
    assert 'data-onward="/staff/token"' in page


def test_signing_in_leads_to_no_page_but_ours(office: Office) -> None:
    for onward in ("//evil.example", "https://evil.example", "/v1/token", "<script>", "token "):
        page = office.browser().client.get("/staff/sign-in", base_url=BASE, query_string={"to": onward})
        text = page.get_data(as_text=True)
        assert 'data-onward="/staff"' in text
        assert "evil" not in text


def test_a_token_of_somebody_who_was_removed_lets_nobody_in(office: Office, operator: StaffBrowser) -> None:
    token = taken(operator)
    office.room.staff.remove("olga")
    with pytest.raises(TokenInvalidError):
        office.room.tokens.caller(token)

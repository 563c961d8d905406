"""Sessions and tickets: a secret that only the browser has, an end that nobody can put off, and one use of a ticket."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from consent.services.portal.sessions import IDLE, TICKET_SECONDS, BrowserSession, BrowserSessions, SessionKind
from tests.databases import bytes_at_rest
from tests.services.house import House
from tests.services.portal.patients import Portal

START = datetime(2027, 1, 15, 8, tzinfo=UTC)


@pytest.fixture
def sessions(house: House) -> BrowserSessions:
    """The sessions of all browsers."""
    return BrowserSessions(house.open.store)


def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def signed_in(
    sessions: BrowserSessions, house: House, kind: SessionKind = SessionKind.PATIENT, person: int = 0
) -> BrowserSession:
    """Return the session of somebody who signed in at the start."""
    visitor = sessions.begin(SessionKind.VISITOR, None, START)
    return sessions.change(visitor, kind, house.people[person], START)


# ------------------------------------------------------------------------------------------------------------ sessions


def test_a_session_is_known_once_it_is_kept_and_by_its_secret_alone(sessions: BrowserSessions, house: House) -> None:
    session = replace(sessions.begin(SessionKind.VISITOR, None, START), state={"draft": [1, "é"]})
    assert sessions.find(session.token, START) is None
    sessions.keep(session, START)
    assert sessions.find(session.token, START) == session
    for wrong in ("", session.token[:-1], session.digest.hex(), sessions.begin(SessionKind.VISITOR, None, START).token):
        assert sessions.find(wrong, START) is None
    assert len(session.token) == 43, "256 bits in base64url"
    assert session.token.encode() not in bytes_at_rest(house.settings.home)
    assert session.digest in bytes_at_rest(house.settings.home)


def test_what_the_pages_remember_comes_back(sessions: BrowserSessions) -> None:
    session = sessions.begin(SessionKind.VISITOR, None, START)
    sessions.remember(session, {"draft": {"years": "all"}}, START)
    sessions.remember(session, {"draft": {"years": "5"}}, START)
    found = sessions.find(session.token, START)
    assert found is not None
    assert found.state == {"draft": {"years": "5"}}


@pytest.mark.parametrize("kind", SessionKind)
def test_a_session_ends_when_nobody_used_it_for_its_kinds_time(
    sessions: BrowserSessions, house: House, kind: SessionKind
) -> None:
    used, unused = signed_in(sessions, house, kind), signed_in(sessions, house, kind)
    last = IDLE[kind] - 1
    assert sessions.find(used.token, after(last)) is not None
    assert sessions.find(unused.token, after(last + 1)) is None
    found = sessions.find(used.token, after(last + 1))
    assert found is not None
    assert (found.kind, found.subject, found.expires) == (
        kind,
        house.people[0],
        int(after(last).timestamp()) + IDLE[kind],
    )
    assert not sessions.lasts(unused.digest, after(last + 1))
    assert sessions.lasts(used.digest, after(last + 1))


def test_the_times_are_those_that_were_decided_on() -> None:
    assert {kind.value: seconds // 60 for kind, seconds in IDLE.items()} == {
        "visitor": 60,
        "patient": 30,
        "stopping": 15,
        "signing": 15,
        "staff": 15,
    }
    assert TICKET_SECONDS == 600


@pytest.mark.parametrize("kind", [SessionKind.PATIENT, SessionKind.STOPPING])
def test_nobody_stays_signed_in_for_more_than_twelve_hours(
    sessions: BrowserSessions, house: House, kind: SessionKind
) -> None:
    session = signed_in(sessions, house, kind)
    for second in range(0, 12 * 3600, 600):
        found = sessions.find(session.token, after(second))
        assert found is not None, second
        sessions.remember(found, {"step": second}, after(second))
    assert sessions.find(session.token, after(12 * 3600 - 1)) is not None
    assert sessions.find(session.token, after(12 * 3600)) is None


def test_reading_a_page_writes_once_a_minute_and_no_more(sessions: BrowserSessions, house: House) -> None:
    session = signed_in(sessions, house)

    def end() -> int:
        with house.open.store.reading() as unit:
            stored = unit.sessions.get(session.digest)
        assert stored is not None
        return stored.expires - session.created

    sessions.find(session.token, after(59))
    assert end() == 1800
    sessions.find(session.token, after(60))
    assert end() == 1860


def test_signing_in_gives_a_new_secret_and_ends_the_old_with_all_that_it_asked_for(
    sessions: BrowserSessions, house: House
) -> None:
    planted = replace(sessions.begin(SessionKind.VISITOR, None, START), state={"mailed": 1})
    sessions.keep(planted, START)
    ticket = sessions.ticket("sign-in", planted.digest, None, {}, START)
    session = sessions.change(planted, SessionKind.PATIENT, house.people[0], after(1))
    assert session.token != planted.token
    assert sessions.find(planted.token, after(1)) is None
    assert sessions.take(ticket, after(1)) is None
    assert sessions.find(session.token, after(1)) == session
    assert (session.kind, session.subject, session.state) == (SessionKind.PATIENT, house.people[0], {})


def test_a_stopping_session_stays_one_and_is_of_whoever_typed_the_code(sessions: BrowserSessions, house: House) -> None:
    session = signed_in(sessions, house, SessionKind.STOPPING, person=3)
    sessions.remember(session, {"more": True}, after(100))
    found = sessions.find(session.token, after(200))
    assert found is not None
    assert (found.kind, found.subject) == (SessionKind.STOPPING, house.people[3])


def test_signing_out_ends_one_session_and_not_that_of_another_browser(sessions: BrowserSessions, house: House) -> None:
    here, there = signed_in(sessions, house), signed_in(sessions, house)
    sessions.end(here)
    sessions.end(here)
    assert sessions.find(here.token, START) is None
    assert not sessions.lasts(here.digest, START)
    assert sessions.find(there.token, START) == there


def test_a_session_that_was_ended_does_not_come_back_when_a_slow_page_is_done(
    sessions: BrowserSessions, house: House
) -> None:
    session = signed_in(sessions, house)
    slow = sessions.find(session.token, after(5))
    assert slow is not None
    later = sessions.find(session.token, after(70))
    assert later is not None
    sessions.end(session)
    for late in (session, slow, later):
        sessions.remember(late, {"flashed": 1}, after(6))
        sessions.keep(late, after(6))
    assert sessions.find(session.token, after(6)) is None


def test_what_has_expired_is_cleared_away_as_others_come(portal: Portal) -> None:
    sessions, person = portal.room.sessions, portal.house.people[0]
    old = signed_in(sessions, portal.house)
    sessions.ticket("sign", old.digest, person, {}, START)
    assert portal.rows_of(person) == 2
    sessions.keep(sessions.begin(SessionKind.VISITOR, None, after(1801)), after(1801))
    assert portal.rows_of(person) == 0


# ------------------------------------------------------------------------------------------------------------- tickets


def test_a_ticket_carries_somebody_over_once(sessions: BrowserSessions, house: House) -> None:
    session = signed_in(sessions, house)
    token = sessions.ticket("sign", session.digest, house.people[0], {"study": "kidneys"}, START)
    assert len(token) == 43
    assert token.encode() not in bytes_at_rest(house.settings.home)
    taken = sessions.take(token, after(1))
    assert taken is not None
    assert (taken.purpose, taken.session, taken.subject) == ("sign", session.digest, house.people[0])
    assert taken.state == {"study": "kidneys"}
    assert sessions.take(token, after(1)) is None
    assert sessions.take("unknown", after(1)) is None


def test_a_visitors_ticket_names_nobody(sessions: BrowserSessions) -> None:
    visitor = sessions.begin(SessionKind.VISITOR, None, START)
    sessions.keep(visitor, START)
    taken = sessions.take(sessions.ticket("sign-in", visitor.digest, None, {}, START), after(1))
    assert taken is not None
    assert taken.subject is None


def test_a_ticket_lasts_ten_minutes_and_what_is_too_old_is_used_up_too(sessions: BrowserSessions, house: House) -> None:
    session = signed_in(sessions, house)
    tokens = [sessions.ticket("sign", session.digest, house.people[0], {}, START) for _ in range(2)]
    assert sessions.take(tokens[0], after(TICKET_SECONDS - 1)) is not None
    assert sessions.take(tokens[1], after(TICKET_SECONDS)) is None
    assert sessions.take(tokens[1], after(1)) is None


def test_a_ticket_of_a_session_that_ended_expired_or_never_was_is_dead(sessions: BrowserSessions, house: House) -> None:
    ended, expired = signed_in(sessions, house), signed_in(sessions, house)
    never = sessions.begin(SessionKind.VISITOR, None, START)
    late = after(1795)
    tickets = [sessions.ticket("in", one.digest, house.people[0], {}, late) for one in (ended, expired, never)]
    sessions.end(ended)
    assert [sessions.take(ticket, after(1800)) for ticket in tickets] == [None] * 3


def test_a_ticket_made_for_a_session_that_has_ended_already_is_dead(sessions: BrowserSessions, house: House) -> None:
    session = signed_in(sessions, house)
    sessions.end(session)
    assert sessions.take(sessions.ticket("in", session.digest, house.people[0], {}, START), START) is None

"""People see their ways in, take one away and sign out everywhere; a key and the recovery code always stay."""

import pytest

from consent.demo.wallets import Wallet
from consent.services.portal.own_keys import LastWayError
from consent.services.portal.sessions import SessionKind
from tests.services.portal.patients import Portal, phone, slot


@pytest.fixture
def wallet(portal: Portal) -> Wallet:
    newcomer = portal.newcomer()
    portal.enrolled(newcomer, phone())
    return newcomer


def test_the_last_key_and_the_recovery_code_stay(portal: Portal, wallet: Wallet) -> None:
    before = portal.rows()
    ways = portal.room.own_keys.ways(wallet.subject)
    assert [(way.kind, way.removable) for way in ways] == [("passkey", False), ("recovery", False)]
    for way in (*[one.id for one in ways], "0" * 64, ""):
        with pytest.raises(LastWayError):
            portal.room.own_keys.remove(wallet.subject, way, portal.house.clock())
    assert portal.rows() == before


def test_a_second_key_can_go_with_its_passkey_and_the_log_says_so(portal: Portal, wallet: Wallet) -> None:
    portal.room.enrolling.keep(wallet.subject, [slot("passphrase")])
    key = portal.room.own_keys.ways(wallet.subject)[0]
    assert (key.kind, key.removable) == ("passkey", True)
    portal.room.own_keys.remove(wallet.subject, key.id, portal.house.clock())
    assert [way.kind for way in portal.room.own_keys.ways(wallet.subject)] == ["passphrase", "recovery"]
    assert portal.room.signing_in.credentials(wallet.subject) == []
    last = portal.house.log()[-1]
    assert (last["action"], last["verdict"], last["facts"]) == ("enrol", "WAY_REMOVED", {"kind": "passkey"})


def test_nobody_removes_anothers_way_in(portal: Portal, wallet: Wallet) -> None:
    other = portal.newcomer(901)
    portal.enrolled(other)
    portal.room.enrolling.keep(other.subject, [slot("passphrase")])
    theirs = portal.room.own_keys.ways(other.subject)[0]
    with pytest.raises(LastWayError):
        portal.room.own_keys.remove(wallet.subject, theirs.id, portal.house.clock())


def test_signing_out_everywhere_ends_every_session_and_no_others(portal: Portal, wallet: Wallet) -> None:
    sessions, now = portal.room.sessions, portal.house.clock()
    own = [sessions.begin(SessionKind.PATIENT, wallet.subject, now) for _ in range(2)]
    other = sessions.begin(SessionKind.PATIENT, portal.house.people[0], now)
    for one in (*own, other):
        sessions.keep(one, now)
    portal.room.own_keys.sign_out_everywhere(wallet.subject)
    assert [sessions.find(one.token, now) is None for one in (*own, other)] == [True, True, False]

"""People see their ways in, take one away and sign out everywhere; a key and the recovery code always stay."""

import pytest

from consent.demo.wallets import Wallet
from consent.domain.hashing import sha256
from consent.services.portal.enrolling import EnrolmentError, NewWallet, Slot
from consent.services.portal.own_keys import MOST_WAYS, LastWayError
from consent.services.portal.sessions import SessionKind
from tests.authenticator import Authenticator
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
            portal.room.own_keys.remove(wallet.subject, way, b"", portal.house.clock())
    assert portal.rows() == before


def test_a_second_key_can_go_with_its_passkey_and_the_log_says_so(portal: Portal, wallet: Wallet) -> None:
    portal.room.enrolling.keep(wallet.subject, [slot("passphrase")], portal.house.clock())
    key = portal.room.own_keys.ways(wallet.subject)[0]
    assert (key.kind, key.removable) == ("passkey", True)
    portal.room.own_keys.remove(wallet.subject, key.id, b"", portal.house.clock())
    assert [way.kind for way in portal.room.own_keys.ways(wallet.subject)] == ["passphrase", "recovery"]
    assert portal.room.signing_in.credentials(wallet.subject) == []
    last = portal.house.log()[-1]
    assert (last["action"], last["verdict"], last["facts"]) == ("enrol", "WAY_REMOVED", {"kind": "passkey"})


def test_nobody_removes_anothers_way_in(portal: Portal, wallet: Wallet) -> None:
    other = portal.newcomer(901)
    portal.enrolled(other)
    portal.room.enrolling.keep(other.subject, [slot("passphrase")], portal.house.clock())
    theirs = portal.room.own_keys.ways(other.subject)[0]
    with pytest.raises(LastWayError):
        portal.room.own_keys.remove(wallet.subject, theirs.id, b"", portal.house.clock())


def test_signing_out_everywhere_ends_every_session_and_no_others(portal: Portal, wallet: Wallet) -> None:
    sessions, now = portal.room.sessions, portal.house.clock()
    own = [sessions.begin(SessionKind.PATIENT, wallet.subject, now) for _ in range(2)]
    other = sessions.begin(SessionKind.PATIENT, portal.house.people[0], now)
    for one in (*own, other):
        sessions.keep(one, now)
    portal.room.own_keys.sign_out_everywhere(wallet.subject)
    assert [sessions.find(one.token, now) is None for one in (*own, other)] == [True, True, False]


def test_a_way_in_takes_what_it_signed_in_with_it_and_leaves_the_session_that_removes_it(
    portal: Portal, wallet: Wallet
) -> None:
    portal.room.enrolling.keep(wallet.subject, [slot("passphrase")], portal.house.clock())
    sessions, now = portal.room.sessions, portal.house.clock()
    here, there = [sessions.begin(SessionKind.PATIENT, wallet.subject, now) for _ in range(2)]
    other = sessions.begin(SessionKind.PATIENT, portal.house.people[0], now)
    for one in (here, there, other):
        sessions.keep(one, now)
    tickets = [sessions.ticket("request", one.digest, wallet.subject, {}, now) for one in (here, there)]
    [key, *_] = portal.room.own_keys.ways(wallet.subject)
    portal.room.own_keys.remove(wallet.subject, key.id, here.digest, now)
    assert [sessions.find(one.token, now) is None for one in (here, there, other)] == [False, True, False]
    assert [sessions.take(one, now) is None for one in tickets] == [False, True]


def way(
    portal: Portal, wallet: Wallet, challenge: bytes, *slots: Slot, passkey: Authenticator | None = None
) -> NewWallet:
    """Return what a browser hands in for a further way in."""
    return portal.made(wallet, challenge, slots, passkey)


def added(portal: Portal, wallet: Wallet, *slots: Slot, passkey: Authenticator | None = None) -> None:
    challenge = portal.challenge()
    further = way(portal, wallet, challenge, *slots, passkey=passkey)
    portal.room.own_keys.add(wallet.subject, further, challenge, portal.house.clock())


def passkey_slot(passkey: Authenticator) -> Slot:
    return slot("passkey", sha256(passkey.credential).hex())


def kinds(portal: Portal, wallet: Wallet) -> list[str]:
    return [one.kind for one in portal.room.own_keys.ways(wallet.subject)]


def test_a_further_device_is_a_way_in_with_its_passkey_and_its_day(portal: Portal, wallet: Wallet) -> None:
    another = phone()
    added(portal, wallet, passkey_slot(another), passkey=another)
    ways = portal.room.own_keys.ways(wallet.subject)
    assert [(one.kind, one.removable) for one in ways] == [("passkey", True)] * 2 + [("recovery", False)]
    assert all(one.made is not None for one in ways)
    assert another.credential in portal.room.signing_in.credentials(wallet.subject)
    last = portal.house.log()[-1]
    assert (last["verdict"], last["actor"], last["facts"]) == ("WAY_ADDED", "patient", {"kind": "passkey"})


@pytest.mark.parametrize("kind", ["passphrase", "recovery"])
def test_a_new_passphrase_or_code_takes_the_place_of_the_old(portal: Portal, wallet: Wallet, kind: str) -> None:
    new = [slot(kind), slot(kind)]
    for one in new:
        added(portal, wallet, one)
    found = [one.id for one in portal.room.own_keys.ways(wallet.subject) if one.kind == kind]
    assert found == [new[1].id]


def test_a_passkey_that_opens_nothing_is_listed_and_can_go(portal: Portal, wallet: Wallet) -> None:
    plain = phone()
    added(portal, wallet, slot("passphrase"), passkey=plain)
    assert kinds(portal, wallet) == ["passkey", "passphrase", "sign-in", "recovery"]
    signing = portal.room.own_keys.ways(wallet.subject)[2]
    portal.room.own_keys.remove(wallet.subject, signing.id, b"", portal.house.clock())
    assert kinds(portal, wallet) == ["passkey", "passphrase", "recovery"]
    assert plain.credential not in portal.room.signing_in.credentials(wallet.subject)


def test_a_session_without_the_key_adds_nothing(portal: Portal, wallet: Wallet) -> None:
    before, stranger = portal.house.state(), Wallet(wallet.subject)
    challenge, other = portal.challenge(), portal.challenge()
    own = way(portal, wallet, other, slot("recovery"))
    forged = NewWallet(own.slots, wallet.enrolment_key.address, portal.signed(stranger, challenge))
    for further in (own, forged, way(portal, stranger, challenge, slot("recovery"))):
        with pytest.raises(EnrolmentError):
            portal.room.own_keys.add(wallet.subject, further, challenge, portal.house.clock())
    assert portal.house.state() == before


def test_what_is_no_single_way_in_is_refused(portal: Portal, wallet: Wallet) -> None:
    challenge, key, before = portal.challenge(), phone(), portal.house.state()
    whole = way(portal, wallet, challenge, slot("passphrase"), slot("recovery"))
    none = NewWallet((), whole.enrolment, whole.signature)
    brought = NewWallet((), whole.enrolment, whole.signature, brought=True)
    bare = way(portal, wallet, challenge, slot("passkey"))
    with_a_code = way(portal, wallet, challenge, slot("recovery"), passkey=key)
    other = way(portal, wallet, challenge, slot("passkey"), passkey=key)
    for further in (whole, none, brought, bare, with_a_code, other):
        with pytest.raises(EnrolmentError):
            portal.room.own_keys.add(wallet.subject, further, challenge, portal.house.clock())
    assert portal.house.state() == before


def test_a_slot_that_is_there_is_nobodys_second(portal: Portal, wallet: Wallet) -> None:
    other = portal.newcomer(901)
    taken = portal.enrolled(other).slots[0]
    with pytest.raises(EnrolmentError):
        added(portal, wallet, taken)


def test_nobody_has_more_than_a_dozen_ways_in(portal: Portal, wallet: Wallet) -> None:
    for _ in range(MOST_WAYS - 2):
        another = phone()
        added(portal, wallet, passkey_slot(another), passkey=another)
    another = phone()
    with pytest.raises(EnrolmentError):
        added(portal, wallet, passkey_slot(another), passkey=another)
    assert len(kinds(portal, wallet)) == MOST_WAYS


def test_with_a_dozen_ways_in_a_new_code_still_takes_the_place_of_the_old(portal: Portal, wallet: Wallet) -> None:
    portal.room.enrolling.keep(wallet.subject, [slot("passkey") for _ in range(MOST_WAYS - 2)], portal.house.clock())
    new = slot("recovery")
    added(portal, wallet, new)
    ways = portal.room.own_keys.ways(wallet.subject)
    assert len(ways) == MOST_WAYS
    assert [one.id for one in ways if one.kind == "recovery"] == [new.id]
    with pytest.raises(EnrolmentError):
        added(portal, wallet, slot("passphrase"))


def test_a_key_in_an_app_gets_no_ways_in(portal: Portal) -> None:
    wallet, challenge = portal.newcomer(902), portal.challenge()
    brought = NewWallet((), wallet.enrolment_key.address, portal.signed(wallet, challenge), brought=True)
    portal.room.enrolling.enrol(portal.invited(wallet.subject), brought, challenge, portal.house.clock())
    with pytest.raises(EnrolmentError):
        added(portal, wallet, slot("recovery"))


def test_nothing_is_added_to_a_key_that_is_being_erased(portal: Portal, wallet: Wallet) -> None:
    portal.house.open.erasures.request(portal.house.ask(wallet.subject))
    with pytest.raises(EnrolmentError):
        added(portal, wallet, slot("recovery"))

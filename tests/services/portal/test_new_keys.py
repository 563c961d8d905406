"""A new key takes the place of the old one, with all ways in, after three days, and can be cancelled till then."""

import secrets
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from consent import wiring
from consent.adapters.sql.portal_tables import replacements
from consent.demo.wallets import Wallet
from consent.domain.hashing import sha256
from consent.domain.key_history import WAIT_SECONDS, nonce_for
from consent.domain.request_file import RequestFile
from consent.domain.subject_request import RequestAction, SubjectRequest
from consent.services.authorising import NotAuthorisedError
from consent.services.portal.enrolling import EnrolmentError
from consent.services.portal.sessions import SessionKind
from consent.services.portal.signing_in import SignInError
from tests.authenticator import Authenticator
from tests.services.house import House
from tests.services.operators import FIRST, SECOND, approvals, registered, request
from tests.services.portal.patients import Portal, phone

THREE_DAYS = timedelta(seconds=WAIT_SECONDS + 1)


@pytest.fixture
def wallet(portal: Portal) -> Wallet:
    """Somebody with a key, two slots and a passkey."""
    newcomer = portal.newcomer()
    portal.enrolled(newcomer, phone())
    return newcomer


def asked(portal: Portal, wallet: Wallet, new: Wallet, passkey: Authenticator | None = None) -> int:
    """Ask for a new key with the old one."""
    house, key = portal.house, new.enrolment_key.address
    now, origin = int(house.clock().timestamp()), house.open.log.origin
    wanted = SubjectRequest(RequestAction.REPLACE_KEY, wallet.subject, origin, now, nonce_for(key))
    file, challenge = RequestFile(wanted, wallet.request(wanted, house.open.domain)), portal.challenge()
    made = portal.made(new, challenge, passkey=passkey)
    return portal.room.new_keys.ask(wallet.subject, file, made, challenge, house.clock())


def rows(portal: Portal) -> int:
    with portal.house.open.store.reading() as unit:
        return unit.connection.scalar(select(func.count()).select_from(replacements)) or 0


def test_it_works_after_three_days_and_the_old_ways_in_do_not(portal: Portal, wallet: Wallet) -> None:
    house, new, key = portal.house, Wallet(wallet.subject), phone()
    session = portal.room.sessions.begin(SessionKind.PATIENT, wallet.subject, house.clock())
    portal.room.sessions.keep(session, house.clock())
    due = asked(portal, wallet, new, key)
    waiting = portal.room.new_keys.waiting(wallet.subject)
    assert waiting is not None
    assert (waiting.key, waiting.due, waiting.by) == (new.enrolment_key.address, due, "patient")
    house.open.keep_house()
    assert portal.room.signing_in.by_key(portal.signed(wallet, bytes(32)), bytes(32)) == wallet.subject
    assert portal.room.sessions.find(session.token, house.clock())
    with pytest.raises(SignInError):
        portal.room.signing_in.by_key(portal.signed(new, bytes(32)), bytes(32))
    house.clock.ahead += THREE_DAYS
    portal.room.sessions.keep(session, house.clock() - THREE_DAYS)
    house.open.keep_house()
    assert portal.room.signing_in.by_key(portal.signed(new, bytes(32)), bytes(32)) == wallet.subject
    with pytest.raises(SignInError):
        portal.room.signing_in.by_key(portal.signed(wallet, bytes(32)), bytes(32))
    assert portal.room.signing_in.credentials(wallet.subject) == [key.credential]
    assert sha256(key.credential).hex() in {slot.id for slot in portal.room.enrolling.slots(wallet.subject)}
    assert len(portal.room.enrolling.slots(wallet.subject)) == 2
    assert rows(portal) == 0
    with house.open.store.reading() as unit:
        assert unit.sessions.get(session.digest) is None
        [patient] = [one for one in unit.patients.everyone() if one.subject == wallet.subject]
    assert patient.enrolment == new.enrolment_key.address


def test_whoever_has_the_old_key_cancels_it(portal: Portal, wallet: Wallet) -> None:
    asked(portal, wallet, Wallet(wallet.subject))
    assert portal.room.new_keys.cancel(wallet.subject, portal.house.clock())
    assert not portal.room.new_keys.cancel(wallet.subject, portal.house.clock())
    portal.house.clock.ahead += THREE_DAYS
    portal.house.open.keep_house()
    assert portal.house.open.book.enrolments[wallet.subject] == wallet.enrolment_key.address
    assert rows(portal) == 0


def test_a_second_asking_starts_the_three_days_anew(portal: Portal, wallet: Wallet) -> None:
    first, second = Wallet(wallet.subject), Wallet(wallet.subject)
    asked(portal, wallet, first)
    portal.house.clock.ahead += timedelta(days=2)
    asked(portal, wallet, second)
    portal.house.clock.ahead += timedelta(days=2)
    portal.house.open.keep_house()
    assert portal.house.open.book.enrolments[wallet.subject] == wallet.enrolment_key.address
    portal.house.clock.ahead += timedelta(days=2)
    portal.house.open.keep_house()
    assert portal.house.open.book.enrolments[wallet.subject] == second.enrolment_key.address


def test_a_request_for_one_key_brings_in_no_other(portal: Portal, wallet: Wallet) -> None:
    house, now = portal.house, int(portal.house.clock().timestamp())
    nonce = nonce_for(Wallet(wallet.subject).enrolment_key.address)
    wanted = SubjectRequest(RequestAction.REPLACE_KEY, wallet.subject, house.open.log.origin, now, nonce)
    file, challenge = RequestFile(wanted, wallet.request(wanted, house.open.domain)), portal.challenge()
    made, before = portal.made(Wallet(wallet.subject), challenge), house.state()
    with pytest.raises(NotAuthorisedError):
        portal.room.new_keys.ask(wallet.subject, file, made, challenge, house.clock())
    assert house.state() == before


def invited(portal: Portal, wallet: Wallet) -> str:
    registered(portal.house, FIRST, SECOND)
    wanted = request(portal.house, wallet.subject, RequestAction.REPLACE_KEY)
    file = RequestFile(wanted, approvals(wanted, FIRST, SECOND))
    return portal.room.new_keys.invite(file, portal.house.clock())


def test_who_lost_everything_makes_a_new_key_with_two_operators_approval(portal: Portal, wallet: Wallet) -> None:
    house, new = portal.house, Wallet(wallet.subject)
    code = portal.room.enrolling.invited(invited(portal, wallet), house.clock())
    assert code is not None
    assert portal.room.new_keys.replaces(code, house.clock()) == wallet.subject
    challenge = portal.challenge()
    made = portal.made(new, challenge)
    with pytest.raises(EnrolmentError):
        portal.room.enrolling.enrol(code, made, challenge, house.clock())
    portal.room.new_keys.ask_invited(code, made, challenge, house.clock())
    with pytest.raises(EnrolmentError):
        portal.room.new_keys.ask_invited(code, made, challenge, house.clock())
    waiting = portal.room.new_keys.waiting(wallet.subject)
    assert waiting is not None
    assert waiting.by == "operator"
    house.clock.ahead += THREE_DAYS
    house.open.keep_house()
    assert house.open.book.enrolments[wallet.subject] == new.enrolment_key.address


def test_one_operator_or_the_patients_own_request_gets_no_code(portal: Portal, wallet: Wallet) -> None:
    registered(portal.house, FIRST, SECOND)
    wanted, before = request(portal.house, wallet.subject, RequestAction.REPLACE_KEY), portal.house.state()
    own = wallet.request(wanted, portal.house.open.domain)
    for authorisation in (approvals(wanted, FIRST), own):
        with pytest.raises(NotAuthorisedError):
            portal.room.new_keys.invite(RequestFile(wanted, authorisation), portal.house.clock())
    assert portal.house.state() == before


def test_no_code_works_on_after_the_new_key_waits(portal: Portal, wallet: Wallet) -> None:
    """Who can write invitations to the database, and nothing else, replaces nobody's key."""
    assert portal.room.enrolling.invited("0" * 20, portal.house.clock()) is None
    with portal.house.open.store.begin() as unit:
        code = portal.room.enrolling.code_within(unit, wallet.subject, portal.house.clock())
    assert portal.room.enrolling.invited(code, portal.house.clock()) is None


def test_an_erasure_takes_the_new_key_along(portal: Portal, wallet: Wallet) -> None:
    asked(portal, wallet, Wallet(wallet.subject))
    portal.house.open.erasures.request(portal.house.ask(wallet.subject))
    portal.house.open.keep_house()
    assert rows(portal) == 0


def test_a_row_that_was_put_in_is_dropped(portal: Portal, wallet: Wallet) -> None:
    with portal.house.open.store.begin() as unit:
        unit.replacements.put(wallet.subject, 0, secrets.token_bytes(300))
    portal.house.open.keep_house()
    assert rows(portal) == 0
    assert portal.house.open.book.enrolments[wallet.subject] == wallet.enrolment_key.address


def test_a_turn_that_a_crash_cut_short_after_its_entry_goes_on(portal: Portal, wallet: Wallet) -> None:
    """As a restore leaves it: the log has the new key, the tables the old ways in and the row that waits."""
    house, new = portal.house, Wallet(wallet.subject)
    asked(portal, wallet, new)
    with house.open.store.reading() as unit:
        kept = unit.replacements.get(wallet.subject)
    assert kept is not None
    house.clock.ahead += THREE_DAYS
    house.open.keep_house()
    with house.open.store.begin() as unit:
        unit.replacements.put(wallet.subject, 0, kept)
        unit.patients.set_enrolment({wallet.subject: wallet.enrolment_key.address})
        unit.accounts.drop_ways(wallet.subject)
    with wiring.opened(house.settings, house.clock) as again:
        assert again.replayed.keys == 1
        assert again.key_turning.step() == 1
        assert again.book.enrolments[wallet.subject] == new.enrolment_key.address
    assert len(portal.room.enrolling.slots(wallet.subject)) == 2
    assert isinstance(house, House)


def test_a_key_whose_way_in_became_anothers_is_called_off_and_holds_up_nobody(portal: Portal, wallet: Wallet) -> None:
    """Two in league stopped every new key, and every turn of the epoch, for as long as they liked."""
    house, friend, third, shared = portal.house, portal.newcomer(901), portal.newcomer(902), phone()
    for one in (friend, third):
        portal.enrolled(one)
    new = {one.subject: Wallet(one.subject) for one in (wallet, friend, third)}
    asked(portal, wallet, new[wallet.subject], shared)
    asked(portal, friend, new[friend.subject], shared)
    asked(portal, third, new[third.subject])
    house.clock.ahead += THREE_DAYS
    house.open.keep_house()
    counting = [house.open.book.enrolments[one] == key.enrolment_key.address for one, key in new.items()]
    assert sorted(counting[:2]) == [False, True], "of the two the first one counts"
    assert counting[2]
    assert rows(portal) == 0
    assert all(portal.room.new_keys.waiting(one) is None for one in new)

"""A new enrolment key counts where it was rightly asked for, after three days, and nobody forges or hastens one."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from consent.demo.wallets import Wallet
from consent.domain.entry import Action, Entry
from consent.domain.hashing import Json
from consent.domain.key_history import (
    ASKED,
    CANCELLED,
    INVITED,
    REPLACED,
    WAIT_SECONDS,
    AskedKey,
    KeyJudge,
    nonce_for,
    statement,
)
from consent.domain.request_file import PatientSignature
from consent.domain.subject_request import RequestAction, SubjectRequest
from consent.domain.terms import SubjectId
from consent.domain.typed_data import Address
from consent.services.acts import Acts, read_acts
from consent.services.auditing import Finding, audit_acts, audit_key_times
from consent.services.authorising import NotAuthorisedError
from consent.services.granting import CertificateError
from tests.services.house import House
from tests.services.operators import FIRST, SECOND, STRANGER, approvals, registered

THREE_DAYS = timedelta(seconds=WAIT_SECONDS + 1)
Facts = dict[str, Any]


@dataclass
class Forge:
    """Writes entries about one person's keys as an installation does, or as somebody who forges them."""

    house: House
    subject: SubjectId
    new: Wallet
    began: int = field(default_factory=lambda: int(datetime.now(UTC).timestamp()))

    @property
    def now(self) -> int:
        """Return the time in Unix seconds, which goes on with the house's clock alone: no second passes in an act."""
        return self.began + int(self.house.clock.ahead.total_seconds())

    def key(self) -> Address:
        """Return the new key."""
        return self.new.enrolment_key.address

    def request(self, key: Address) -> SubjectRequest:
        """Return the request that names this key."""
        origin = self.house.open.log.origin
        return SubjectRequest(RequestAction.REPLACE_KEY, self.subject, origin, self.now, nonce_for(key))

    def asked(self, key: Address | None = None, signer: Wallet | None = None) -> Facts:
        """Return what an entry tells that asks for a new key, signed by the key in force."""
        request = self.request(key or self.key())
        signed = (signer or self.house.wallets[self.subject]).request(request, self.house.open.domain)
        facts = {"requested": request.requested, "nonce": request.nonce, "patient": signed.signature.hex()}
        return {"key": (key or self.key()).hex(), "due": self.now + WAIT_SECONDS, **facts}

    def write(self, verdict: str, facts: Facts, *, signed: bool = True, time: int | None = None) -> int:
        """Write an entry, with the log key's signature or with a stranger's; return its index."""
        here, at = self.house.open, self.now if time is None else time
        message = statement(here.log.origin, at, verdict, self.subject, facts)
        signature = here.log.signer.sign(message) if signed else secrets.token_bytes(64)
        told: dict[str, Json] = {**facts, "signed": signature.hex()}
        with here.store.begin() as unit:
            [placed] = here.log.append(unit, [Entry(at, "patient", Action.ENROL, verdict, self.subject, facts=told)])
        here.granting.catch_up()
        return placed.index

    def ask(self) -> int:
        """Ask as one should; return the entry's index."""
        return self.write(ASKED, self.asked())

    def replace(self, asked: int, *, signed: bool = True, time: int | None = None, key: Address | None = None) -> int:
        """Write that the new key takes the place of the old."""
        return self.write(REPLACED, {"key": (key or self.key()).hex(), "asked": asked}, signed=signed, time=time)

    def in_force(self) -> Address:
        """Return the key that the book holds."""
        return self.house.open.book.enrolments[self.subject]

    def old(self) -> Address:
        """Return the first key."""
        return self.house.wallets[self.subject].enrolment_key.address


@pytest.fixture
def forge(house: House) -> Forge:
    subject = house.people[0]
    return Forge(house, subject, Wallet(subject))


def acts_again(house: House) -> Acts:
    """Return the acts as an auditor reads them from the log's first entry."""
    here = house.open
    verify = here.erasures.authorising.verify
    judge = KeyJudge(here.log.origin, here.log.signer.public_key, here.domain, here.book.recover, verify)
    with here.store.reading() as unit:
        return read_acts(unit.log, judge=judge)


def read_again(house: House) -> Mapping[SubjectId, Address]:
    """Return everybody's key in force as an auditor reads it."""
    return acts_again(house).keys


def test_after_three_days_the_new_key_counts_and_the_old_one_no_more(forge: Forge) -> None:
    house, subject = forge.house, forge.subject
    [before] = house.grant(subject)
    asked = forge.ask()
    assert forge.in_force() == forge.old(), "the old key works on while the new one waits"
    due = house.log()[asked]["time"] + WAIT_SECONDS
    assert house.open.book.history.asked[subject] == AskedKey(forge.key(), asked, due, "patient")
    house.clock.ahead += THREE_DAYS
    forge.replace(asked)
    assert forge.in_force() == forge.key() == read_again(house)[subject]
    late = house.signed(subject)
    with pytest.raises(CertificateError):
        house.open.granting.accept([late], house.clock())
    house.wallets[subject] = forge.new
    house.grant(subject)
    house.publish()
    assert [entry.certified for entry in house.open.book.entries(subject)] == [True, True]
    assert before.index < asked


def test_a_book_that_is_opened_anew_holds_each_consent_against_the_key_of_its_time(forge: Forge) -> None:
    house, subject = forge.house, forge.subject
    house.grant(subject)
    asked = forge.ask()
    house.clock.ahead += THREE_DAYS
    forge.replace(asked)
    house.wallets[subject] = forge.new
    house.grant(subject)
    with house.open.store.begin() as unit:
        unit.patients.set_enrolment({subject: forge.key()})
    home, wallets, clock = house.settings.home, house.wallets, house.clock
    with House.without_ledger(home, wallets, clock) as again:
        assert [entry.certified for entry in again.open.book.entries(subject)] == [True, True]
        assert again.open.book.enrolments[subject] == forge.key()


def test_a_column_that_a_restore_took_back_follows_the_log_again(forge: Forge) -> None:
    house = forge.house
    asked = forge.ask()
    house.clock.ahead += THREE_DAYS
    forge.replace(asked)
    with House.without_ledger(house.settings.home, house.wallets, house.clock) as again:
        assert again.open.replayed.keys == 1
        assert again.open.book.enrolments[forge.subject] == forge.key()


def early(forge: Forge) -> None:
    asked = forge.ask()
    forge.house.clock.ahead += THREE_DAYS - timedelta(minutes=5)
    forge.replace(asked)


def of_another_key(forge: Forge) -> None:
    asked = forge.ask()
    forge.house.clock.ahead += THREE_DAYS
    forge.replace(asked, key=Wallet(forge.subject).enrolment_key.address)


def of_another_asking(forge: Forge) -> None:
    asked = forge.ask()
    forge.house.clock.ahead += THREE_DAYS
    forge.replace(asked - 1)


def after_it_was_cancelled(forge: Forge) -> None:
    asked = forge.ask()
    forge.write(CANCELLED, {"asked": asked})
    forge.house.clock.ahead += THREE_DAYS
    forge.replace(asked)


def again_after_it_was_cancelled(forge: Forge) -> None:
    facts = forge.asked()
    forge.write(CANCELLED, {"asked": forge.write(ASKED, facts)})
    asked = forge.write(ASKED, facts | {"due": forge.now + WAIT_SECONDS})
    forge.house.clock.ahead += THREE_DAYS
    forge.replace(asked)


def never_asked(forge: Forge) -> None:
    forge.replace(0)


def with_its_time_written_forward(forge: Forge) -> None:
    asked = forge.ask()
    forge.replace(asked, signed=False, time=forge.now + WAIT_SECONDS)


def with_its_asking_written_back(forge: Forge) -> None:
    long_ago = forge.now - WAIT_SECONDS
    asked = forge.write(ASKED, forge.asked() | {"due": forge.now}, signed=False, time=long_ago)
    forge.replace(asked)


def due_at_once(forge: Forge) -> None:
    forge.replace(forge.write(ASKED, forge.asked() | {"due": forge.now}))


def with_another_key_beside_the_signature(forge: Forge) -> None:
    facts = forge.asked(Wallet(forge.subject).enrolment_key.address)
    asked = forge.write(ASKED, facts | {"key": forge.key().hex()})
    forge.house.clock.ahead += THREE_DAYS
    forge.replace(asked)


def asked_by_the_new_key_itself(forge: Forge) -> None:
    asked = forge.write(ASKED, forge.asked(signer=forge.new))
    forge.house.clock.ahead += THREE_DAYS
    forge.replace(asked)


def asked_by_somebody_else(forge: Forge) -> None:
    asked = forge.write(ASKED, forge.asked(signer=forge.house.wallets[forge.house.people[1]]))
    forge.house.clock.ahead += THREE_DAYS
    forge.replace(asked)


def without_the_log_keys_signature(forge: Forge) -> None:
    asked = forge.write(ASKED, forge.asked(), signed=False)
    forge.house.clock.ahead += THREE_DAYS
    forge.replace(asked)


def with_an_invitation_that_nobody_gave(forge: Forge) -> None:
    asked = forge.write(ASKED, {"key": forge.key().hex(), "due": forge.now + WAIT_SECONDS, "invited": 3})
    forge.house.clock.ahead += THREE_DAYS
    forge.replace(asked)


def with_an_invitation_of_null(forge: Forge) -> None:
    asked = forge.write(ASKED, {"key": forge.key().hex(), "due": forge.now + WAIT_SECONDS, "invited": None})
    forge.house.clock.ahead += THREE_DAYS
    forge.replace(asked)


def with_an_invitation_of_one_operator(forge: Forge) -> None:
    registered(forge.house, FIRST, SECOND)
    invite(forge, FIRST, STRANGER)


def with_nonsense_of_every_kind(forge: Forge) -> None:
    for facts in ({"key": 7}, {"key": "zz", "due": True}, {"approvals": "abc", "requested": 1, "nonce": []}, {}):
        for verdict in (INVITED, ASKED, CANCELLED, REPLACED):
            forge.write(verdict, dict(facts))


def invite(forge: Forge, *names: str) -> int:
    """Write that operators invited the person, and let them ask and be replaced; return the invitation's index."""
    request = replace(forge.request(forge.key()), nonce=secrets.token_hex(16))
    signed = [[name, signature.hex()] for name, signature in approvals(request, *names).approvals]
    facts = {"requested": request.requested, "nonce": request.nonce, "approvals": signed}
    invited = forge.write(INVITED, facts)
    asked = forge.write(ASKED, {"key": forge.key().hex(), "due": forge.now + WAIT_SECONDS, "invited": invited})
    forge.house.clock.ahead += THREE_DAYS
    forge.replace(asked)
    return invited


FORGERIES = [
    early, of_another_key, of_another_asking, after_it_was_cancelled, again_after_it_was_cancelled, never_asked,
    with_its_time_written_forward, with_its_asking_written_back, due_at_once, with_another_key_beside_the_signature,
    asked_by_the_new_key_itself, asked_by_somebody_else, without_the_log_keys_signature,
    with_an_invitation_that_nobody_gave, with_an_invitation_of_null, with_an_invitation_of_one_operator,
    with_nonsense_of_every_kind,
]  # fmt: skip


@pytest.mark.parametrize("act", FORGERIES, ids=lambda act: act.__name__)
def test_a_key_counts_nowhere_that_was_replaced(forge: Forge, act: Callable[[Forge], None]) -> None:
    act(forge)
    house = forge.house
    assert forge.in_force() == forge.old() == read_again(house)[forge.subject]
    assert house.open.book.history.ignored
    request = house.ask(forge.subject)
    house.open.erasures.request(request)  # the old key may do what it could


@pytest.mark.parametrize("act", FORGERIES, ids=lambda act: act.__name__)
def test_an_auditor_names_it(forge: Forge, act: Callable[[Forge], None]) -> None:
    act(forge)
    acts = acts_again(forge.house)
    with forge.house.open.store.reading() as unit:
        assert [f.name for f in audit_acts(acts, unit.patients) if f.holds is False] == ["log.enrolments"]


def test_what_two_operators_approved_counts_and_only_once(forge: Forge) -> None:
    registered(forge.house, FIRST, SECOND)
    invited = invite(forge, FIRST, SECOND)
    assert forge.in_force() == forge.key() == read_again(forge.house)[forge.subject]
    thief = Wallet(forge.subject).enrolment_key.address
    again = forge.write(ASKED, {"key": thief.hex(), "due": forge.now + WAIT_SECONDS, "invited": invited})
    forge.house.clock.ahead += THREE_DAYS
    forge.replace(again, key=thief)
    assert forge.in_force() == forge.key()


def test_a_thief_of_the_old_key_can_do_nothing_with_it_afterwards(forge: Forge) -> None:
    house, subject = forge.house, forge.subject
    asked = forge.ask()
    house.clock.ahead += THREE_DAYS
    forge.replace(asked)
    stolen = house.ask(subject)
    with pytest.raises(NotAuthorisedError):
        house.open.erasures.request(stolen)
    theirs = Wallet(subject)
    late = forge.write(ASKED, forge.asked(theirs.enrolment_key.address))
    house.clock.ahead += THREE_DAYS
    forge.replace(late, key=theirs.enrolment_key.address)
    assert forge.in_force() == forge.key()
    signature = forge.new.request(stolen.request, house.open.domain)  # type: ignore[arg-type]  # a person's request
    house.open.erasures.request(replace(stolen, authorisation=PatientSignature(signature.signature)))


def test_a_key_that_was_replaced_does_not_come_back(forge: Forge) -> None:
    house, old = forge.house, forge.old()
    asked = forge.ask()
    house.clock.ahead += THREE_DAYS
    forge.replace(asked)
    back = forge.write(ASKED, forge.asked(old, signer=forge.new))
    house.clock.ahead += THREE_DAYS
    forge.replace(back, key=old)
    assert forge.in_force() == forge.key()


def test_nobody_who_is_being_erased_gets_a_new_key(forge: Forge) -> None:
    house = forge.house
    asked = forge.ask()
    house.open.erasures.request(house.ask(forge.subject))
    house.clock.ahead += THREE_DAYS
    forge.replace(asked)
    assert forge.subject not in house.open.book.enrolments
    assert forge.subject not in house.open.book.history.asked


def test_a_second_grant_entry_of_a_consent_moves_it_to_no_other_key(forge: Forge) -> None:
    house, subject = forge.house, forge.subject
    house.grant(subject)
    [consent] = [entry.id for entry in house.open.book.entries(subject)]
    asked = forge.ask()
    house.clock.ahead += THREE_DAYS
    forge.replace(asked)
    with house.open.store.begin() as unit:
        unit.patients.set_enrolment({subject: forge.key()})
        again = Entry(forge.now, "patient", Action.GRANT, "PERMIT", subject, consent=consent)
        house.open.log.append(unit, [again])
    with House.without_ledger(house.settings.home, house.wallets, house.clock) as opened:
        assert [entry.certified for entry in opened.open.book.entries(subject)] == [True]


def key_times(house: House) -> Finding:
    with house.open.store.reading() as unit:
        return audit_key_times(unit.log)


def test_an_auditor_finds_an_asking_that_whoever_holds_the_log_key_dated_back(forge: Forge) -> None:
    """The three days had passed as soon as it was written: the key counts, and nothing said that nobody waited."""
    before = replace(forge, began=forge.began - WAIT_SECONDS)
    asked = before.write(ASKED, before.asked())
    forge.replace(asked)
    assert forge.in_force() == forge.key()
    assert key_times(forge.house).holds is False


def test_an_auditor_finds_a_replacement_that_was_dated_forward(forge: Forge) -> None:
    forge.replace(forge.ask(), time=forge.now + WAIT_SECONDS)
    assert forge.in_force() == forge.key()
    forge.house.grant(forge.house.people[1])
    assert key_times(forge.house).holds is False


def test_changes_in_their_time_stand_in_order(forge: Forge) -> None:
    asked = forge.ask()
    forge.house.clock.ahead += THREE_DAYS
    forge.replace(asked)
    forge.house.grant(forge.house.people[1])
    assert key_times(forge.house).holds

"""The outbox's way to the ledger: nothing acknowledged is lost, nothing is sent twice, one bad item sinks no batch."""

import secrets
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from consent.domain.grant import PublishedGrant
from consent.domain.history import Event, Granted, Revoked
from consent.ports import Errand, Grants, OutboxItem, Revocations
from consent.services.granting import Submission
from tests.databases import allow, forbid
from tests.services.house import House, Template
from tests.wallets import Wallet as Key


class PowerCutError(Exception):
    """The lights went out."""


def events(house: House) -> list[Event]:
    return list(house.open.ledger.events(0, house.open.ledger.head().number))


def published(signed: Submission) -> PublishedGrant:
    return PublishedGrant(
        signed.details.commitment, signed.patient, signed.expires, signed.publish_by, signed.signature
    )


def cut_before_storing(house: House) -> Callable[[], object]:
    """Return what lets the next transaction that stores ledger events fail, as a crash there would."""

    def cut() -> object:
        with house.open.store.begin() as unit:
            forbid(unit.connection, "UPDATE", "projection_head")
        return None

    return cut


def mend(house: House) -> None:
    with house.open.store.begin() as unit:
        allow(unit.connection, "projection_head")


@pytest.mark.parametrize("act", ["grant", "stop"])
def test_a_crash_between_sending_and_storing_neither_doubles_nor_loses(
    template: Template, tmp_path: Path, act: str
) -> None:
    home, people = tmp_path / "home", list(template.wallets)[:5]
    with House.copied(template, home) as house:
        house.grant(*people)
        if act == "stop":
            house.publish()
            for subject in people:
                house.stop(subject)
        else:
            house.follow()
        already, before = len(events(house)), house.state()
        cut_before_storing(house)()
        assert house.open.relayer._send(Errand(act), int(house.clock().timestamp()))
        with pytest.raises(Exception, match=r"(?i)cut|database|record"):
            house.follow()
        assert len(events(house)) == already + len(people)
        assert house.state().outbox == before.outbox == len(people)
        mend(house)
    with House.opened(home, template.wallets) as house:
        assert house.publish() == 0
        assert len(events(house)) == already + len(people)
        assert house.state().outbox == 0
        verdict = "STOPPED" if act == "stop" else "PERMIT"
        assert {house.verdict(subject) for subject in people} == {verdict}


def test_a_crash_before_sending_loses_nothing(template: Template, tmp_path: Path) -> None:
    home, people = tmp_path / "home", list(template.wallets)[:3]
    with House.copied(template, home) as house:
        house.grant(*people)
    with House.opened(home, template.wallets) as house:
        assert house.publish() == len(people)
        assert {house.verdict(subject) for subject in people} == {"PERMIT"}


def test_one_bad_item_does_not_sink_its_batch(house: House) -> None:
    people = house.people[:9]
    house.grant(*people)
    with house.open.store.begin() as unit:
        queue = house.open.outbox.on(unit)
        waiting = queue.everything()[0]
        bad = replace(waiting, patient=Key.draw().address, commitment=secrets.token_bytes(32), signature=b"\x01" * 64)
        queue.add(people[0], [bad])
    assert house.publish() == len(people)
    assert house.state().outbox == 1, "on the ledger's word alone nothing acknowledged is dropped"
    assert {house.verdict(subject) for subject in people} == {"PERMIT"}
    house.clock.ahead = timedelta(days=3)
    before = house.state()
    house.publish()
    assert house.state().outbox == 0
    [entry] = house.log(before.entries)
    assert entry["verdict"] == "EXPIRED_UNPUBLISHED"
    assert bad.commitment.hex() not in str(entry)


def test_a_grant_past_its_time_to_publish_is_dropped_and_never_sent(house: House) -> None:
    subject = house.people[0]
    house.grant(subject)
    house.clock.ahead = timedelta(days=3)
    assert house.publish() == 0
    assert events(house) == []
    assert house.state().outbox == 0
    assert house.verdict(subject) != "PERMIT"


def test_nothing_is_sent_that_the_chain_already_holds(house: House) -> None:
    signed = house.signed(house.people[0])
    house.open.granting.accept([signed], house.clock())
    house.open.ledger.send(Grants([published(signed)]))
    assert house.publish() == 0
    assert len(events(house)) == 1
    assert house.verdict(house.people[0]) == "PERMIT"


def test_what_others_published_before_it_was_handed_in_counts_and_is_not_sent_again(house: House) -> None:
    """Anyone may relay: a grant can be on the chain, and already be read past, before it comes in here."""
    signed = house.signed(house.people[0])
    house.open.ledger.send(Grants([published(signed)]))
    house.follow()
    house.open.granting.accept([signed], house.clock())
    assert house.publish() == 0
    assert [type(event) for event in events(house)] == [Granted]
    assert house.verdict(house.people[0]) == "PERMIT"


def test_what_the_patient_revoked_before_it_was_handed_in_never_counts(house: House) -> None:
    subject = house.people[0]
    signed = house.signed(subject)
    revocation = house.wallets[subject].revoke(signed.details.commitment, house.open.ledger.domain)
    house.open.ledger.send(Revocations([revocation]))
    house.follow()
    house.open.granting.accept([signed], house.clock())
    house.publish()
    assert house.verdict(subject) == "REVOKED"


def test_stopping_what_was_revoked_before_it_was_handed_in_ends(house: House) -> None:
    """The registry skips what is revoked without an event; the relayer must not wait for one for ever."""
    subject = house.people[0]
    signed = house.signed(subject)
    revocation = house.wallets[subject].revoke(signed.details.commitment, house.open.ledger.domain)
    house.open.ledger.send(Revocations([revocation]))
    house.follow()
    house.open.granting.accept([signed], house.clock())
    house.stop(subject)
    rounds: list[int] = []

    def count(items: int) -> None:
        rounds.append(items)
        assert len(rounds) < 20

    house.open.relayer.publish(house.clock, count)
    assert house.state().outbox == 0


@pytest.mark.parametrize("errand", [Errand.GRANT, Errand.STOP])
def test_a_stranger_who_copies_a_commitment_takes_nothing_out_of_the_outbox(house: House, errand: Errand) -> None:
    subject, stranger, domain = house.people[0], Key.draw(), house.open.ledger.domain
    house.grant(subject)
    [entry] = house.open.book.entries(subject)
    if errand is Errand.GRANT:
        now = int(house.clock().timestamp())
        house.open.ledger.send(Grants([stranger.grant(domain, now + 999_999, now + 3600, entry.commitment)]))
    else:
        house.publish()
        house.stop(subject)
        house.open.ledger.send(Revocations([stranger.revocation(domain, entry.commitment)]))
    assert house.publish() == 1
    row = house.open.projection.rows[entry.patient, entry.commitment]
    assert row.granted_block is not None
    assert (row.revoked_block is not None) == (errand is Errand.STOP)


def test_strangers_events_are_folded_and_not_stored(house: House) -> None:
    domain, now = house.open.ledger.domain, int(house.clock().timestamp())
    strangers = [Key.draw() for _ in range(3)]
    house.open.ledger.send(Grants([key.grant(domain, now + 999_999, now + 3600) for key in strangers]))
    house.open.ledger.send(Revocations([strangers[0].revocation(domain, secrets.token_bytes(32))]))
    head = house.follow()
    assert head.matches
    assert head.history == house.open.ledger.history(head.block.number) != bytes(32)
    assert house.open.projection.rows == {}
    with house.open.store.reading() as unit:
        assert list(unit.projection.changed_since(0)) == []


def test_revocations_go_before_grants(house: House) -> None:
    first, second = house.people[:2]
    house.grant(first)
    house.publish()
    house.grant(second)
    house.stop(first)
    house.publish()
    assert [type(event) for event in events(house)] == [Granted, Revoked, Granted]


def test_a_revocation_that_the_patient_signed_again_changes_nothing(house: House) -> None:
    subject = house.people[0]
    house.grant(subject)
    house.publish()
    [entry] = house.open.book.entries(subject)
    own = house.wallets[subject].revoke(entry.commitment, house.open.ledger.domain)
    house.open.ledger.send(Revocations([own]))
    house.open.granting.stop(subject, [entry.id], house.clock(), revocations=[own])
    with house.open.store.begin() as unit:
        house.open.outbox.on(unit).add(subject, [OutboxItem(Errand.STOP, entry.patient, entry.commitment)])
    assert house.publish() == 0
    assert sum(isinstance(event, Revoked) for event in events(house)) == 1
    assert house.state().outbox == 0

"""What a restored installation is told again before anything serves: once, and all of it."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from consent import wiring
from consent.adapters.sql.copies import BackupError
from consent.demo.wallets import Wallet
from consent.domain.errors import LogForkError
from consent.domain.history import Granted, Revoked
from consent.domain.stop_list import StopListError, StopListMissingError
from consent.domain.terms import SubjectId
from consent.services.erasure import AlreadyErasedError
from consent.services.received import IdentifierError
from consent.services.records import LostIdentifierError, UnknownPersonError
from consent.services.replaying import Replayed
from consent.wiring.backups import Backup
from tests.services.house import House, Template, identifier_of, receive, received, settings_of
from tests.services.power_cuts import CutStore, Fuse, PowerCutError
from tests.services.restoring import Past, backed_up, dying, restored

NEWCOMER = 900


@pytest.fixture
def one(template: Template) -> SubjectId:
    """Somebody who consented."""
    return next(iter(template.wallets))


@pytest.fixture
def reopened(home: Path, template: Template) -> Iterator[list[Replayed]]:
    """Whatever a test did, opening again replays nothing."""
    yield []
    with House.opened(home, template.wallets) as house:
        assert not house.open.replayed, "the second opening has nothing to do"


def ends(house: House) -> int:
    return sum(isinstance(one, Revoked) for one in house.open.ledger.events(0, house.open.ledger.head().number))


def left_of(house: House, subject: SubjectId) -> int:
    """Count what the records hold of somebody, whether or not it opens."""
    with house.open.store.reading() as unit:
        sealed = len(house.open.vault.among(unit.connection, [subject]))
        return sealed + len(unit.consents.of_subject(subject))


@pytest.mark.usefixtures("reopened")
def test_nothing_is_replayed_where_nothing_was_lost(home: Path, template: Template, before: Backup) -> None:
    with House.opened(home, template.wallets) as house:
        assert house.open.replayed == Replayed()
        size = len(house.log())
    restored(home, before.records)
    with House.opened(home, template.wallets) as house:
        assert house.open.replayed == Replayed()
        assert len(house.log()) == size


@pytest.mark.usefixtures("reopened")
def test_what_was_signed_comes_back_with_the_stop_that_it_tells_of(
    home: Path, template: Template, before: Backup, one: SubjectId
) -> None:
    with House.opened(home, template.wallets) as house:
        size = len(house.log())
        house.stop(one)
        signed = len(house.log())
    restored(home, before.records)
    with House.opened(home, template.wallets) as house:
        assert house.open.replayed == Replayed(entries=signed - size)
        assert len(house.log()) == signed
        assert house.verdict(one) == "STOPPED"
        house.publish()
        assert ends(house) == 1, "the chain is told too"


@pytest.mark.usefixtures("reopened")
def test_a_stop_that_was_never_signed_is_done_again_and_says_so(
    home: Path, template: Template, before: Backup, one: SubjectId
) -> None:
    with dying(home, template) as house:
        house.stop(one)
    restored(home, before.records)
    with House.opened(home, template.wallets) as house:
        assert house.open.replayed == Replayed(stops=1)
        assert (house.log()[-1]["verdict"], house.log()[-1]["facts"]) == ("STOPPED", {"replayed": 1})
        assert house.verdict(one) == "STOPPED"
        house.publish()
        assert ends(house) == 1


@pytest.mark.usefixtures("reopened")
@pytest.mark.parametrize("sparks", [2, 3])
def test_a_stop_that_was_written_down_and_not_committed_is_carried_out(
    home: Path, template: Template, one: SubjectId, sparks: int
) -> None:
    with dying(home, template) as house:
        granting = replace(house.open.granting, store=CutStore(house.open.store, Fuse(sparks)))
        ids = [entry.id for entry in house.open.book.entries(one)]
        with pytest.raises(PowerCutError):
            granting.stop(one, ids, house.clock())
    with House.opened(home, template.wallets) as house:
        assert house.open.replayed.stops == int(sparks == 2)
        assert house.verdict(one) == "STOPPED"
        house.publish()
        assert ends(house) == 1


@pytest.mark.usefixtures("reopened")
def test_a_grant_that_waited_in_the_backup_and_was_stopped_since_never_goes_out(
    home: Path, template: Template, tmp_path: Path
) -> None:
    late = list(template.wallets)[5]
    with House.opened(home, template.wallets) as house:
        house.grant(late)
        waiting = backed_up(house, tmp_path / "waiting")
        house.stop(late)
    restored(home, waiting.records)
    with House.opened(home, template.wallets) as house:
        house.publish()
        events = list(house.open.ledger.events(0, house.open.ledger.head().number))
        assert (sum(isinstance(event, Granted) for event in events), ends(house)) == (4, 1)
        assert house.state().outbox == 0


@pytest.mark.usefixtures("reopened")
def test_a_process_beside_the_ledger_leaves_word_that_the_chain_is_to_be_told(
    home: Path, template: Template, before: Backup, one: SubjectId
) -> None:
    with dying(home, template) as house:
        house.stop(one)
    restored(home, before.records)
    with House.without_ledger(home, template.wallets) as beside:
        assert beside.open.replayed == Replayed(stops=1)
    with House.opened(home, template.wallets) as house:
        house.publish()
        assert ends(house) == 1


@pytest.mark.usefixtures("reopened")
def test_whoever_asked_to_be_erased_is_blocked_again_and_asks_again(
    home: Path, template: Template, before: Backup, one: SubjectId
) -> None:
    with dying(home, template) as house:
        house.open.erasures.request(house.ask(one))
    restored(home, before.records)
    with House.opened(home, template.wallets) as house:
        assert house.open.replayed == Replayed(stops=1, blocks=1)
        assert house.verdict(one) == "BLOCKED"
        house.anchor()
        house.open.keep_house()
        assert left_of(house, one), "what authorised it was lost: nobody's key dies for that"
        house.open.erasures.request(house.ask(one))
        with pytest.raises(AlreadyErasedError):
            house.open.erasures.request(house.ask(one))
        house.anchor()
        house.open.keep_house()
        assert house.open.erasures.receipt(one).attested
        assert ends(house) == 1


@pytest.mark.usefixtures("reopened")
@pytest.mark.parametrize("signed", [True, False])
def test_nobody_rises_from_the_dead(
    home: Path, template: Template, before: Backup, one: SubjectId, *, signed: bool
) -> None:
    with House.opened(home, template.wallets) if signed else dying(home, template) as house:
        house.erase(one)
    restored(home, before.records)
    with House.opened(home, template.wallets) as house:
        assert house.open.replayed.shreds == 1
        assert house.verdict(one) == "BLOCKED"
        assert left_of(house, one) == 0
        assert one not in house.open.keys.subjects()
        assert house.open.records.deposit(received(0), house.clock()).erased == len(received(0))
        house.open.keep_house()
        assert house.open.records.subject_of(identifier_of(0)) is None


@pytest.mark.usefixtures("reopened")
def test_between_the_death_of_a_key_and_the_turn_nothing_comes_back_either(
    home: Path, template: Template, before: Backup, one: SubjectId
) -> None:
    with House.opened(home, template.wallets) as house:
        house.open.erasures.request(house.ask(one))
        house.anchor()
        house.open.erasures.step(house.open.anchored)
        kept = backed_up(house, home.parent / "after")
    restored(home, before.records, before.keys)
    with House.opened(home, template.wallets) as house:
        assert house.open.replayed.shreds == 1
        assert left_of(house, one) == 0
        assert one not in house.open.keys.subjects()
        house.open.keep_house()
        assert house.open.erasures.receipt(one).attested
    restored(home, kept.records)
    with House.opened(home, template.wallets) as house:
        assert left_of(house, one) == 0
        assert house.open.records.subject_of(identifier_of(0)) is None


@pytest.mark.usefixtures("reopened")
def test_an_enrolment_key_that_the_log_names_is_stored_again(home: Path, template: Template, tmp_path: Path) -> None:
    wallets = dict(template.wallets)
    with House.opened(home, wallets) as house:
        house.open.records.deposit(received(NEWCOMER), house.clock())
        newcomer = house.open.records.subject_of(identifier_of(NEWCOMER))
        assert newcomer is not None
        keyless = backed_up(house, tmp_path / "keyless")
        wallet = replace(next(iter(wallets.values())), subject=newcomer, seed=bytes(32))
        house.open.records.enrol_keys({newcomer: wallet.enrolment_key.address}, house.clock())
    restored(home, keyless.records)
    with House.opened(home, {**wallets, newcomer: wallet}) as house:
        assert (house.open.replayed.keys, house.open.replayed.shreds) == (1, 0)
        house.grant(newcomer)
        house.publish()
        assert house.verdict(newcomer) == "PERMIT"


@pytest.mark.usefixtures("reopened")
def test_a_backup_goes_back_whatever_took_the_places_of_its_last_entries(
    home: Path, template: Template, before: Backup, tmp_path: Path
) -> None:
    first, second, third = list(template.wallets)[5:8]
    with dying(home, template) as house:
        house.grant(first)
        unsigned = backed_up(house, tmp_path / "unsigned")
    restored(home, before.records)
    with House.opened(home, template.wallets) as house:
        house.grant(second)
        house.anchor()
    restored(home, unsigned.records)
    with House.opened(home, template.wallets) as house:
        house.grant(third)
        house.anchor()
        assert [house.verdict(subject) for subject in (first, second, third)] == ["PERMIT", "NO_GRANT", "PERMIT"]


def test_without_the_stop_list_nothing_serves(home: Path, template: Template, one: SubjectId) -> None:
    stops = home / "operator" / "stops"
    kept = stops.read_bytes()
    stops.unlink()
    with pytest.raises(StopListMissingError), House.opened(home, template.wallets):
        pass
    assert not stops.exists(), "none is ever begun anew"
    stops.write_bytes(kept)
    with House.opened(home, template.wallets) as house:
        assert house.verdict(one) == "PERMIT"


@pytest.mark.parametrize("cut", ["an older copy", "a shorter list", "a torn line", "a line dropped", "a line altered"])
def test_with_another_stop_list_than_the_newest_nothing_serves(
    home: Path, template: Template, one: SubjectId, cut: str
) -> None:
    stops = home / "operator" / "stops"
    older = stops.read_bytes()
    with House.opened(home, template.wallets) as house:
        house.stop(one)
        house.stop(house.people[1])
    newest = stops.read_bytes()
    lines = newest.splitlines(keepends=True)
    stops.write_bytes(
        {
            "an older copy": older,
            "a shorter list": b"".join(lines[:-1]),
            "a torn line": newest[:-9],
            "a line dropped": b"".join(lines[:-2] + lines[-1:]),
            "a line altered": newest.replace(b'"place":1', b'"place":2', 1),
        }[cut]
    )
    with pytest.raises(StopListError, match="newest copy"), House.opened(home, template.wallets):
        pass
    stops.write_bytes(newest)
    with House.opened(home, template.wallets) as house:
        assert house.verdict(one) == "STOPPED"


def test_a_log_archive_that_was_altered_stops_a_restore(
    home: Path, template: Template, before: Backup, one: SubjectId
) -> None:
    archive = home / "operator" / "log-archive"
    with House.opened(home, template.wallets) as house:
        size = len(house.log())
        house.stop(one)
    newest = archive.read_bytes()
    lines = newest.splitlines(keepends=True)
    lines[size - 1] = lines[size - 1].replace(b'"index":', b'"xedni":')
    restored(home, before.records)
    archive.write_bytes(b"".join(lines))
    with pytest.raises(LogForkError, match="log archive"), wiring.opened_ledger(settings_of(home)):
        pass
    with pytest.raises(BackupError, match="log archive"):
        restored(home, before.records)
    archive.write_bytes(newest)
    with House.opened(home, template.wallets) as house:
        assert house.verdict(one) == "STOPPED"


def test_a_log_archive_older_than_the_anchor_keeps_the_ledger_away(
    home: Path, template: Template, before: Backup, one: SubjectId
) -> None:
    archive = home / "operator" / "log-archive"
    older = archive.read_bytes()
    with House.opened(home, template.wallets) as house:
        house.stop(one)
        house.anchor()
    newest = archive.read_bytes()
    archive.write_bytes(older)
    restored(home, before.records)
    with pytest.raises(LogForkError, match="chain holds"), wiring.opened_ledger(settings_of(home)):
        pass
    archive.write_bytes(newest)
    restored(home, before.records)
    with House.opened(home, template.wallets) as house:
        assert house.verdict(one) == "STOPPED"
        house.anchor()


def test_whoever_was_forgotten_by_a_restore_while_being_erased_is_not_enrolled_as_somebody_new(
    past: Past, tmp_path: Path
) -> None:
    home = past.copied(tmp_path / "home")
    with House.opened(home, dict(past.template.wallets)) as house:
        [newcomer] = receive(house.open, 900)
        house.wallets = house.wallets | {newcomer: Wallet(newcomer)}
        house.open.records.enrol_keys({newcomer: house.wallets[newcomer].enrolment_key.address}, house.clock())
        house.open.erasures.request(house.ask(newcomer))
    restored(home, records=past.backup.records)
    with House.opened(home, dict(past.template.wallets)) as house:
        records = house.open.records
        before = house.state()
        with pytest.raises(LostIdentifierError):
            records.deposit([*received(900), *received(901)], house.clock())
        assert house.state() == before
        assert records.deposit(received(0), house.clock()).outcomes, "whoever is known is imported all the same"
        for subject, number in ((house.people[0], 900), (newcomer, 0)):
            with pytest.raises(UnknownPersonError):
                records.identify(subject, [identifier_of(number)], house.clock())
        records.identify(newcomer, [identifier_of(900)], house.clock())
        records.identify(newcomer, [identifier_of(900), identifier_of(902)], house.clock())
        assert records.deposit(received(902), house.clock()).erased == 3, "what was left out is added later"
        assert records.deposit([*received(900), *received(901)], house.clock()).erased == 3
        house.anchor()
        house.open.keep_house()
        assert house.open.erasures.receipt(newcomer).subject == newcomer
        assert records.deposit(received(900), house.clock()).erased == 3, "a tombstone refuses them from now on"


def test_only_who_is_being_erased_is_identified_and_under_nobody_elses_identifier(past: Past, tmp_path: Path) -> None:
    home = past.copied(tmp_path / "home")
    with House.opened(home, dict(past.template.wallets)) as house:
        subject, other = house.people[:2]
        house.open.erasures.request(house.ask(subject))
        identify, before = house.open.records.identify, house.state()
        for wrong, number in ((other, 902), (subject, 1)):
            with pytest.raises(UnknownPersonError):
                identify(wrong, [identifier_of(number)], house.clock())
        with pytest.raises(IdentifierError):
            identify(subject, [identifier_of(902), "902"], house.clock())
        assert house.state() == before
        identify(subject, [identifier_of(902)], house.clock())
        house.anchor()
        house.open.keep_house()
        assert house.open.erasures.receipt(subject).subject == subject
        assert house.open.records.deposit(received(902), house.clock()).erased == 3, "buried under that one too"
        with pytest.raises(UnknownPersonError):
            identify(subject, [identifier_of(903)], house.clock())

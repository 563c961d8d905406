"""An operator, or a thief of their disk, who edits the files: what counts is the log, the chain and signatures."""

import secrets
import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

import contracts
from analytics import row_hash
from consent import wiring
from consent.adapters.signing import WalletKey
from consent.domain.entry import Action, Entry
from consent.domain.errors import LedgerMismatchError, LogForkError
from consent.domain.typed_data import Address
from consent.ports import Errand, OutboxItem, Revocations
from consent.services.acts import read_acts
from consent.services.auditing import audit_acts
from consent.services.studies.training import TrainingError
from tests.services.house import DICTIONARY, PARAMETERS, STUDY, House, Template

STOPS_A_DAY = 512


def edit(house: House, statement: str, **values: object) -> None:
    with house.open.store.begin() as unit:
        unit.connection.execute(text(statement), values)


def unheld(house: House) -> list[str]:
    with house.open.store.reading() as unit:
        return [f.name for f in audit_acts(read_acts(unit.log), unit.patients) if f.holds is False]


def test_a_replaced_enrolment_key_certifies_nothing_and_is_named(template: Template, tmp_path: Path) -> None:
    home, subject = tmp_path / "home", next(iter(template.wallets))
    with House.copied(template, home) as house:
        house.grant(subject)
        house.publish()
        another = WalletKey(b"\x07" * 32).address
        edit(house, "UPDATE patients SET enrolment = :key WHERE subject = :subject", key=another, subject=subject)
        assert unheld(house) == ["log.enrolments"]
    with House.opened(home, template.wallets) as house:
        assert subject not in house.open.book.enrolments
        assert house.verdict(subject) == "UNCERTIFIED"


def test_a_stop_taken_out_of_its_column_still_stops(template: Template, tmp_path: Path) -> None:
    home, subject = tmp_path / "home", next(iter(template.wallets))
    with House.copied(template, home) as house:
        house.grant(subject)
        house.publish()
        house.stop(subject)
        edit(house, "UPDATE consents SET stopped = :no", no=False)
    with House.opened(home, template.wallets) as house:
        assert house.verdict(subject) == "STOPPED"


def test_a_revocation_taken_out_of_the_projection_still_revokes(template: Template, tmp_path: Path) -> None:
    home, subject = tmp_path / "home", next(iter(template.wallets))
    with House.copied(template, home) as house:
        house.grant(subject)
        house.publish()
        [entry] = house.open.book.entries(subject)
        revocation = house.wallets[subject].revoke(entry.commitment, house.open.ledger.domain)
        house.open.ledger.send(Revocations([revocation]))
        house.publish()
        edit(house, "UPDATE projected_grants SET revoked_block = NULL")
    with House.opened(home, template.wallets) as house:
        assert house.verdict(subject) == "REVOKED"


def test_a_read_permitted_after_a_stop_is_named(house: House) -> None:
    subject = house.people[0]
    house.grant(subject)
    [entry] = house.open.book.entries(subject)
    house.stop(subject)
    assert unheld(house) == []
    with house.open.store.begin() as unit:
        read = Entry(1, "study:kidneys", Action.READ, "PERMIT", subject, consent=entry.id)
        house.open.log.append(unit, [read])
    assert unheld(house) == ["log.stops_obeyed"]


def test_a_chain_that_was_set_back_refuses_every_decision(template: Template, tmp_path: Path) -> None:
    home, subject = tmp_path / "home", next(iter(template.wallets))
    with House.copied(template, home) as house:
        house.grant(subject)
        house.publish()
        assert house.verdict(subject) == "PERMIT"
    older = tmp_path / "older.sqlite"
    shutil.copy(home / "chain.sqlite", older)
    with House.opened(home, template.wallets) as house:
        house.stop(subject)
        house.publish()
    shutil.copy(older, home / "chain.sqlite")
    for _ in range(2):
        with House.opened(home, template.wallets) as house:
            assert house.verdict(subject) == "LEDGER_MISMATCH"


def test_a_contract_that_is_not_ours_is_not_opened(
    template: Template, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with House.copied(template, tmp_path / "home") as house:
        databases = house.settings.databases
    published = contracts.load("consent_registry")
    forged = replace(published, runtime=published.runtime[:-1] + b"\x00")
    monkeypatch.setattr(contracts, "load", lambda _name: forged)
    with pytest.raises(LedgerMismatchError), wiring.opened_for_audit(tmp_path / "home", databases=databases):
        pass


def test_a_log_that_was_cut_is_never_signed_again(house: House) -> None:
    with house.open.store.begin() as unit:
        first = house.open.log.checkpoint(unit)
        assert house.open.log.checkpoint(unit) == first
    edit(house, 'DELETE FROM entries WHERE "index" = (SELECT max("index") FROM entries)')
    with pytest.raises(LogForkError), house.open.store.begin() as unit:
        house.open.log.checkpoint(unit)


def test_a_study_that_was_widened_after_its_approval_trains_nothing(house: House) -> None:
    house.grant(*house.people[:30])
    house.publish()
    with house.open.store.reading() as unit:
        definition = unit.connection.execute(text("SELECT definition FROM studies")).scalar_one()
    edit(house, "UPDATE studies SET definition = :wider", wider=definition.replace(b"false", b"true"))
    with pytest.raises(TrainingError, match="approved"):
        house.open.training.train(STUDY.reference.id, DICTIONARY, PARAMETERS)


def test_one_consent_that_does_not_open_leaves_the_others_be(template: Template, tmp_path: Path) -> None:
    home, people = tmp_path / "home", list(template.wallets)[:3]
    with House.copied(template, home) as house:
        house.grant(*people)
        house.publish()
        edit(house, "UPDATE consents SET sealed = :short WHERE subject = :subject", short=b"\x01", subject=people[0])
    with House.opened(home, template.wallets) as house:
        assert len(house.open.book.unreadable) == 1
        assert [house.verdict(subject) for subject in people] == ["NO_GRANT", "PERMIT", "PERMIT"]


def test_evidence_joins_no_clinical_row_to_an_address(house: House) -> None:
    house.grant(*house.people[:40])
    house.publish()
    trained = house.open.training.train(STUDY.reference.id, DICTIONARY, PARAMETERS)
    evidence = house.open.evidence.of_release(trained.stored)
    hashes = {row_hash(row.row) for row in trained.rows}
    assert len(hashes) > 1
    assert not hashes & {opening.row for opening in evidence.openings.values() if opening}


def test_the_513th_stop_of_a_day_waits_for_the_next(house: House) -> None:
    items = [
        OutboxItem(Errand.STOP, Address(secrets.token_bytes(20)), secrets.token_bytes(32))
        for _ in range(STOPS_A_DAY + 8)
    ]
    with house.open.store.begin() as unit:
        house.open.outbox.on(unit).add(house.people[0], items)
    revoked = house.publish()
    assert (revoked, house.state().outbox) == (STOPS_A_DAY, 8)
    house.clock.ahead = timedelta(days=1)
    assert (house.publish(), house.state().outbox) == (8, 0)


def test_a_grant_that_was_never_published_in_time_is_on_the_patients_record(house: House) -> None:
    subject = house.people[0]
    house.grant(subject)
    house.clock.ahead = timedelta(days=3)
    assert house.publish() == 0
    assert house.state().outbox == 0
    [entry] = house.open.book.entries(subject)
    last = house.log()[-1]
    assert (last["verdict"], last["subject"], last["consent"]) == ("EXPIRED_UNPUBLISHED", subject, entry.id)


def test_a_folder_with_parts_of_an_installation_is_not_made_anew(template: Template, tmp_path: Path) -> None:
    with House.copied(template, tmp_path / "home") as house:
        settings = house.settings
    (tmp_path / "home" / "installation.json").unlink()
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(wiring.InstallationError, match="restore"):
        wiring.create(settings)
    assert sorted(tmp_path.rglob("*")) == before

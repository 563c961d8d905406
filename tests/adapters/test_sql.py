"""The records database: all of a transaction or none, and an order that betrays nothing."""

from pathlib import Path

import pytest

import migrations
from consent.adapters.sql import SqlStore, metadata, open_records
from consent.adapters.sql.log import LogOrderError
from consent.domain.entry import Action, Entry
from consent.domain.errors import RecordsUnavailableError
from consent.domain.terms import SubjectId
from consent.domain.typed_data import Address
from consent.ports import Errand, OutboxItem, Patient, StoredConsent
from tests.services.house import STUDY

ANN = Patient(SubjectId("a" * 32), b"\x01" * 32, None)
BEN = Patient(SubjectId("b" * 32), b"\x02" * 32, Address(b"\x09" * 20))


@pytest.fixture
def store(tmp_path: Path) -> SqlStore:
    """An empty records database, as the migrations make it."""
    engine = open_records(tmp_path / "records.sqlite")
    migrations.upgrade(engine, "records")
    engine.dispose()
    return SqlStore(engine)


@pytest.fixture(autouse=True)
def _closed(store: SqlStore) -> object:
    yield
    store.engine.dispose()


def entry(text: str = "operator") -> Entry:
    return Entry(1_800_000_000, text, Action.IMPORT)


def item(number: int, errand: Errand = Errand.GRANT, patient: int = 1) -> OutboxItem:
    return OutboxItem(errand, Address(bytes([patient]) * 20), bytes([number]) * 32, 5, 6, b"\x07" * 64)


def test_the_migrations_make_the_tables_that_the_code_expects(store: SqlStore) -> None:
    with store.reading() as unit:
        query = "SELECT name, sql FROM sqlite_master WHERE type = 'table'"
        made = {row.name: row.sql for row in unit.connection.exec_driver_sql(query)}
        for table in metadata.tables.values():
            columns = unit.connection.exec_driver_sql(f"PRAGMA table_info('{table.name}')").all()
            assert [column[1] for column in columns] == [column.name for column in table.columns]
    ordered = {"entries", "checkpoints", "projection_head", "studies", "releases", "model_acts", "kept_blocks"}
    assert all("WITHOUT ROWID" in made[name] for name in metadata.tables if name not in ordered), (
        "arrival leaves no trace"
    )


def test_an_exception_keeps_nothing_of_a_transaction(store: SqlStore) -> None:
    def fail() -> None:
        with store.begin() as unit:
            unit.patients.add([ANN])
            unit.log.append([entry().placed(0)])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with store.reading() as unit:
        assert unit.patients.everyone() == []
        assert unit.log.size() == 0


def test_a_row_that_is_there_already_keeps_nothing_and_says_nothing_of_it(store: SqlStore) -> None:
    with store.begin() as unit:
        unit.patients.add([ANN])
    with pytest.raises(RecordsUnavailableError) as caught, store.begin() as unit:
        unit.patients.add([BEN, ANN])
    assert ANN.subject not in str(caught.value) + str(caught.value.__cause__)
    with store.reading() as unit:
        assert unit.patients.everyone() == [ANN]


def test_patients_go_round_in_the_order_of_their_ids(store: SqlStore) -> None:
    with store.begin() as unit:
        unit.patients.add([BEN, ANN])
        unit.patients.set_enrolment({ANN.subject: Address(b"\x08" * 20)})
        unit.patients.block(BEN.subject)
    with store.reading() as unit:
        assert [patient.subject for patient in unit.patients.everyone()] == [ANN.subject, BEN.subject]
        found = unit.patients.by_identifier([b"\x02" * 32, b"\x05" * 32])
        assert {mac: patient.blocked for mac, patient in found.items()} == {b"\x02" * 32: True}
        assert unit.patients.everyone()[0].enrolment == b"\x08" * 20


def test_thousands_are_looked_up_at_once(store: SqlStore) -> None:
    with store.begin() as unit:
        unit.patients.add([ANN])
    macs = [number.to_bytes(32, "big") for number in range(3000)]
    with store.reading() as unit:
        assert list(unit.patients.by_identifier([*macs, ANN.identifier_mac])) == [ANN.identifier_mac]


@pytest.mark.parametrize("places", [[1], [0, 2], [1, 0], [0, 0], [-1]])
def test_the_log_takes_entries_at_its_end_only(store: SqlStore, places: list[int]) -> None:
    with pytest.raises(LogOrderError), store.begin() as unit:
        unit.log.append([entry().placed(place) for place in places])
    with store.reading() as unit:
        assert unit.log.size() == 0


def test_the_log_goes_round_in_order(store: SqlStore) -> None:
    placed = [entry(str(place)).placed(place) for place in range(5)]
    with store.begin() as unit:
        unit.log.append(placed[:2])
        unit.log.append([])
        unit.log.append(placed[2:])
    with store.reading() as unit:
        assert list(unit.log.entries()) == placed
        assert list(unit.log.entries(1, 3)) == placed[1:3]
        assert list(unit.log.leaves()) == [one.leaf for one in placed]


def test_the_newest_checkpoint_is_that_of_the_most_entries(store: SqlStore) -> None:
    with store.begin() as unit:
        assert unit.log.latest_checkpoint() is None
        for size, note in ((3, "three"), (10, "ten"), (10, "ten again"), (9, "nine")):
            unit.log.save_checkpoint(size, note)
        assert unit.log.latest_checkpoint() == "ten"


def test_the_outbox_takes_an_item_once_and_gives_it_up_by_address_and_commitment(store: SqlStore) -> None:
    with store.begin() as unit:
        unit.outbox.add([item(2), item(1), item(1, Errand.STOP)])
        unit.outbox.add([item(1)])
        assert [one.commitment[0] for one in unit.outbox.due(Errand.GRANT, 0, 10)] == [1, 2]
        assert len(unit.outbox.due(Errand.GRANT, 0, 1)) == 1
        unit.outbox.remove(Errand.GRANT, [(Address(b"\x05" * 20), b"\x01" * 32)])
        assert unit.outbox.size() == 3, "somebody else's address"
        unit.outbox.remove(Errand.GRANT, [(Address(b"\x01" * 20), b"\x01" * 32)])
        assert unit.outbox.due(Errand.STOP, 0, 10) == [item(1, Errand.STOP)]
        assert unit.outbox.due(Errand.GRANT, 0, 10) == [item(2)]


def test_consents_stop_for_ever_and_go_with_their_subject(store: SqlStore) -> None:
    with store.begin() as unit:
        unit.consents.add([StoredConsent("2" * 32, ANN.subject, b"x"), StoredConsent("1" * 32, BEN.subject, b"y")])
        unit.consents.stop(["2" * 32])
        assert [(one.id[0], one.stopped) for one in unit.consents.everything()] == [("1", False), ("2", True)]
        unit.consents.drop(ANN.subject)
        assert [one.subject for one in unit.consents.everything()] == [BEN.subject]


def test_a_study_goes_round(store: SqlStore) -> None:
    with store.begin() as unit:
        assert unit.studies.get("kidneys") is None
        unit.studies.add(STUDY)
    with store.reading() as unit:
        assert unit.studies.get("kidneys") == STUDY


def test_a_file_that_is_no_database_says_so(tmp_path: Path) -> None:
    (tmp_path / "records.sqlite").write_bytes(b"no database at all" * 100)
    broken = SqlStore(open_records(tmp_path / "records.sqlite"))
    with pytest.raises(RecordsUnavailableError), broken.reading():
        pass
    broken.engine.dispose()


def test_every_commit_is_synced_and_what_is_deleted_is_overwritten(store: SqlStore) -> None:
    with store.reading() as unit:
        settings = {
            name: unit.connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("journal_mode", "synchronous", "secure_delete")
        }
    assert settings == {"journal_mode": "wal", "synchronous": 2, "secure_delete": 1}


def test_the_write_ahead_log_is_emptied_when_asked_and_whoever_reads_is_not_disturbed(tmp_path: Path) -> None:
    store = SqlStore(open_records(tmp_path / "records.sqlite"))
    migrations.upgrade(store.engine, "records")
    journal = tmp_path / "records.sqlite-wal"
    with store.begin() as unit:
        unit.outbox.add([item(1)])
    assert item(1).commitment in journal.read_bytes()
    with store.reading() as unit:
        assert unit.outbox.size() == 1
        store.forget_order()
        assert unit.outbox.size() == 1
    store.forget_order()
    assert journal.read_bytes() == b""
    with store.reading() as unit:
        assert unit.outbox.everything() == [item(1)]
    store.engine.dispose()

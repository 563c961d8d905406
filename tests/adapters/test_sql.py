"""The records database, SQLite's and PostgreSQL's: all of a transaction or none, and an order that betrays nothing."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import inspect

import migrations
from consent.adapters.sql import SqlStore, metadata, open_records
from consent.adapters.sql.log import LogOrderError
from consent.domain.entry import Action, Entry
from consent.domain.errors import RecordsUnavailableError
from consent.domain.terms import SubjectId
from consent.domain.typed_data import Address
from consent.ports import (
    Errand,
    Head,
    ModelStatus,
    OutboxRow,
    Patient,
    ProjectedGrant,
    ProjectedModel,
    ProjectionHead,
    StoredCertificate,
    StoredConsent,
)
from tests.databases import KINDS, new_records
from tests.services.house import STUDY
from vault.sql import open_postgresql

ANN = Patient(SubjectId("a" * 32), None)
BEN = Patient(SubjectId("b" * 32), Address(b"\x09" * 20))


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqlStore]:
    """An empty records database, as the migrations make it."""
    engine = open_records(new_records(request.param, tmp_path))
    yield SqlStore(engine)
    engine.dispose()


only_sqlite = pytest.mark.parametrize("store", ["sqlite"], indirect=True)
only_postgresql = pytest.mark.parametrize("store", ["postgresql"], indirect=True)


def entry(text: str = "operator") -> Entry:
    return Entry(1_800_000_000, text, Action.IMPORT)


def row(number: int, errand: Errand = Errand.GRANT, epoch: int = 1, due: int = 0) -> OutboxRow:
    return OutboxRow(bytes([number]) * 32, b"\x01" * 32, errand, due, None, epoch, b"sealed")


def test_the_migrations_make_the_tables_that_the_code_expects(store: SqlStore) -> None:
    made = inspect(store.engine)
    for table in metadata.tables.values():
        assert [column["name"] for column in made.get_columns(table.name)] == [column.name for column in table.columns]


@only_sqlite
def test_the_order_of_rows_in_sqlite_does_not_tell_the_order_of_arrival(store: SqlStore) -> None:
    with store.reading() as unit:
        query = "SELECT name, sql FROM sqlite_master WHERE type = 'table'"
        made = {row.name: row.sql for row in unit.connection.exec_driver_sql(query)}
    ordered = {"entries", "checkpoints", "anchors", "anchor_requests", "projection_head", "studies", "releases"}
    ordered |= {"model_acts", "kept_blocks"}
    assert all("WITHOUT ROWID" in made[name] for name in metadata.tables if name not in ordered)


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
    told = f"{caught.value}{caught.value.__cause__}{caught.value.__cause__ and caught.value.__cause__.__cause__}"
    assert ANN.subject not in told
    with store.reading() as unit:
        assert unit.patients.everyone() == [ANN]


def test_patients_go_round_in_the_order_of_their_ids(store: SqlStore) -> None:
    with store.begin() as unit:
        unit.patients.add([BEN, ANN])
        unit.patients.set_enrolment({ANN.subject: Address(b"\x08" * 20)})
        unit.patients.identify({b"\x02" * 32: BEN.subject, b"\x03" * 32: BEN.subject, b"\x04" * 32: ANN.subject})
        unit.patients.block(BEN.subject)
    with store.reading() as unit:
        assert [patient.subject for patient in unit.patients.everyone()] == [ANN.subject, BEN.subject]
        found = unit.patients.by_identifier([b"\x02" * 32, b"\x05" * 32])
        assert {mac: patient.blocked for mac, patient in found.items()} == {b"\x02" * 32: True}
        assert unit.patients.everyone()[0].enrolment == b"\x08" * 20
        assert unit.patients.get(SubjectId("c" * 32)) is None
        assert sorted(unit.patients.identifiers(BEN.subject)) == [b"\x02" * 32, b"\x03" * 32]


def test_certificates_are_found_by_size_the_newest_first(store: SqlStore) -> None:
    small, large, other = (
        StoredCertificate(size, version, b"\x05", bytes([size, version]) * 48)
        for size, version in ((3, 2), (7, 1), (7, 2))
    )
    with store.begin() as unit:
        assert unit.certificates.newest() is None
        for each in (large, small, replace(other, bitmap=b"\x01"), other):
            unit.certificates.add(each)
    with store.reading() as unit:
        assert unit.certificates.newest() == other
        assert unit.certificates.of(7) == [other, large]
        assert unit.certificates.of(2**40) == []
        assert unit.certificates.everything() == [other, large, small]


def test_a_checkpoint_is_found_by_its_size(store: SqlStore) -> None:
    with store.begin() as unit:
        unit.log.save_checkpoint(3, "three")
        unit.log.save_checkpoint(7, "seven")
    with store.reading() as unit:
        assert [unit.log.checkpoint_at(size) for size in (3, 7, 5, 2**40)] == ["three", "seven", None, None]


def test_a_removed_patient_leaves_no_identifier(store: SqlStore) -> None:
    with store.begin() as unit:
        unit.patients.add([BEN, ANN])
        unit.patients.identify({b"\x02" * 32: BEN.subject, b"\x04" * 32: ANN.subject})
        unit.patients.remove([BEN.subject])
    with store.reading() as unit:
        assert unit.patients.everyone() == [ANN]
        assert list(unit.patients.by_identifier([b"\x02" * 32, b"\x04" * 32])) == [b"\x04" * 32]
        assert unit.patients.identifiers(BEN.subject) == []


def test_thousands_are_looked_up_at_once(store: SqlStore) -> None:
    with store.begin() as unit:
        unit.patients.add([ANN])
        unit.patients.identify({b"\x01" * 32: ANN.subject})
    macs = [number.to_bytes(32, "big") for number in range(3000)]
    with store.reading() as unit:
        assert list(unit.patients.by_identifier([*macs, b"\x01" * 32])) == [b"\x01" * 32]


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
        assert unit.log.subtrees([(0, 4), (0, 0)]) == [placed[4].leaf, placed[0].leaf]


def test_the_newest_checkpoint_is_that_of_the_most_entries(store: SqlStore) -> None:
    with store.begin() as unit:
        assert unit.log.latest_checkpoint() is None
        for size, note in ((3, "three"), (10, "ten"), (10, "ten again"), (9, "nine")):
            unit.log.save_checkpoint(size, note)
        assert unit.log.latest_checkpoint() == "ten"


def test_the_outbox_takes_a_row_once_and_gives_it_up_by_its_id(store: SqlStore) -> None:
    with store.begin() as unit:
        unit.outbox.add([row(2), row(1), row(3, Errand.STOP), row(4, epoch=2)])
        unit.outbox.add([row(1, epoch=2)])
        assert [one.id[0] for one in unit.outbox.due(1, Errand.GRANT, 0, 10)] == [1, 2]
        assert len(unit.outbox.due(1, Errand.GRANT, 0, 1)) == 1
        unit.outbox.remove([b"\x05" * 32])
        assert unit.outbox.size() == 4
        unit.outbox.remove([b"\x01" * 32])
        assert unit.outbox.due(1, Errand.STOP, 0, 10) == [row(3, Errand.STOP)]
        assert unit.outbox.due(1, Errand.GRANT, 0, 10) == [row(2)]
        assert [unit.outbox.outside(epoch) for epoch in (0, 1, 2, 3)] == [3, 1, 2, 3]
        assert unit.outbox.waiting() == {Errand.GRANT: 2, Errand.REVOKE: 0, Errand.STOP: 1}


def test_a_row_is_due_in_its_slot_and_while_no_transaction_carries_it(store: SqlStore) -> None:
    with store.begin() as unit:
        unit.outbox.add([row(1, due=20), row(2, due=10), row(3, due=30)])
        assert [one.id[0] for one in unit.outbox.due(1, Errand.GRANT, 20, 10)] == [2, 1]
        assert unit.outbox.carry([b"\x01" * 32, b"\x07" * 32], 5) == 1
        assert [one.id[0] for one in unit.outbox.due(1, Errand.GRANT, 20, 10)] == [2]
        unit.outbox.release(Errand.STOP, 5)
        unit.outbox.release(Errand.GRANT, 4)
        assert [one.nonce for one in unit.outbox.everything()] == [5, None, None]
        unit.outbox.release(Errand.GRANT, 5)
        assert [one.id[0] for one in unit.outbox.due(1, Errand.GRANT, 20, 10)] == [2, 1]
        assert sorted(unit.outbox.slots(b"\x01" * 32)) == [10, 20, 30]
        assert unit.outbox.slots(b"\x02" * 32) == []


def test_consents_stop_for_ever_and_go_with_their_subject(store: SqlStore) -> None:
    with store.begin() as unit:
        unit.consents.add([StoredConsent("2" * 32, ANN.subject, b"x"), StoredConsent("1" * 32, BEN.subject, b"y")])
        unit.consents.stop(["2" * 32], {"2" * 32: b"signed"})
        unit.consents.stop(["2" * 32], {})
        assert [(one.id[0], one.stopped, one.revocation) for one in unit.consents.everything()] == [
            ("1", False, None),
            ("2", True, b"signed"),
        ]
        assert [one.id[0] for one in unit.consents.of_subject(BEN.subject)] == ["1"]
        unit.consents.drop(ANN.subject)
        assert [one.subject for one in unit.consents.everything()] == [BEN.subject]


def test_a_study_goes_round(store: SqlStore) -> None:
    with store.begin() as unit:
        assert unit.studies.get("kidneys") is None
        unit.studies.add(STUDY)
        unit.studies.add(replace(STUDY, reference=replace(STUDY.reference, id="hearts")))
    with store.reading() as unit:
        assert unit.studies.get("kidneys") == STUDY
        assert [study.reference.id for study in unit.studies.everything()] == ["hearts", "kidneys"]


def test_a_file_that_is_no_database_says_so(tmp_path: Path) -> None:
    (tmp_path / "records.sqlite").write_bytes(b"no database at all" * 100)
    broken = SqlStore(open_records(tmp_path / "records.sqlite"))
    with pytest.raises(RecordsUnavailableError), broken.reading():
        pass
    broken.engine.dispose()


@only_sqlite
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
        unit.outbox.add([row(1)])
    assert row(1).id in journal.read_bytes()
    with store.reading() as unit:
        assert unit.outbox.size() == 1
        store.forget_order()
        assert unit.outbox.size() == 1
    store.forget_order()
    assert journal.read_bytes() == b""
    with store.reading() as unit:
        assert unit.outbox.everything() == [row(1)]
    store.engine.dispose()


def test_a_database_in_which_items_wait_in_clear_is_not_upgraded(tmp_path: Path) -> None:
    engine = open_records(tmp_path / "older.sqlite")
    migrations.upgrade(engine, "records", "0004")
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO outbox (commitment, errand, patient, expires, publish_by, signature) "
            "VALUES (x'01', 'stop', x'02', 0, 0, x'')"
        )
        connection.exec_driver_sql(
            "INSERT INTO projected_grants (patient, commitment, generation) VALUES (x'02', x'01', 0)"
        )
    with pytest.raises(Exception, match="run the ledger of the version before"):
        migrations.upgrade(engine, "records")
    with engine.begin() as connection:
        assert connection.exec_driver_sql("SELECT count(patient) FROM outbox").scalar() == 1
        connection.exec_driver_sql("DELETE FROM outbox")
    migrations.upgrade(engine, "records")
    with engine.begin() as connection:
        assert connection.exec_driver_sql("SELECT count(sealed) FROM outbox").scalar() == 0
        assert connection.exec_driver_sql("SELECT count(*) FROM projected_grants").scalar() == 0
    engine.dispose()


def test_the_projection_goes_round_and_a_row_takes_its_new_values(store: SqlStore) -> None:
    ours = Address(b"\x01" * 20), b"\x02" * 32
    granted = ProjectedGrant(*ours, expires=9, granted_block=5, revoked_block=None, dropped_block=None)
    revoked = replace(granted, revoked_block=6)
    model = ProjectedModel(b"\x03" * 32, ModelStatus.ACTIVE, b"\x04" * 32)
    retired = replace(model, status=ModelStatus.RETIRED)
    heads = [head(generation) for generation in (1, 2)]
    with store.begin() as unit:
        unit.projection.save(heads[0], [granted], [model])
        assert list(unit.projection.changed_since(0)) == [granted]
        unit.projection.save(heads[1], [revoked], [retired])
    with store.reading() as unit:
        assert unit.projection.head() == heads[1]
        assert list(unit.projection.changed_since(1)) == [revoked]
        assert list(unit.projection.models()) == [retired]


def head(generation: int) -> ProjectionHead:
    block = Head(generation, b"\x05" * 32, 7)
    digest = b"\x06" * 32
    return ProjectionHead(
        block, block, digest, matches=True, read_at=8, generation=generation, rows=digest, seal=digest
    )


def test_who_streams_entries_writes_beside_it(store: SqlStore) -> None:
    placed = [entry(str(place)).placed(place) for place in range(3)]
    with store.begin() as unit:
        unit.log.append(placed)
        stream = unit.log.entries()
        assert next(iter(stream)) == placed[0]
        unit.log.save_checkpoint(3, "three")
        assert list(stream) == placed[1:]
    with store.reading() as unit:
        assert unit.log.latest_checkpoint() == "three"


def test_who_reads_sees_one_state_while_another_writes(store: SqlStore) -> None:
    with store.reading() as unit:
        assert unit.patients.everyone() == []
        with store.begin() as other:
            other.patients.add([ANN])
        assert unit.patients.everyone() == []
    with store.reading() as unit:
        assert unit.patients.everyone() == [ANN]


def test_who_writes_is_alone_and_starts_from_what_the_one_before_left(store: SqlStore) -> None:
    def append(times: int) -> None:
        for _ in range(times):
            with store.begin() as unit:
                unit.log.append([entry().placed(unit.log.size())])

    writers = [threading.Thread(target=append, args=(25,)) for _ in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    with store.reading() as unit:
        assert unit.log.size() == 100


@only_postgresql
def test_a_reader_writes_nothing(store: SqlStore) -> None:
    with pytest.raises(RecordsUnavailableError), store.reading() as unit:
        unit.patients.add([ANN])
    reader = SqlStore(open_records(store.engine.url.render_as_string(hide_password=False), read_only=True))
    with reader.reading() as unit:
        assert unit.patients.everyone() == []
    with pytest.raises(RecordsUnavailableError), reader.begin() as unit:
        unit.patients.add([ANN])
    reader.engine.dispose()


@only_postgresql
def test_who_waits_too_long_for_another_writer_is_told(store: SqlStore) -> None:
    impatient = SqlStore(open_postgresql(store.engine.url.render_as_string(hide_password=False), 1))
    with store.begin(), pytest.raises(RecordsUnavailableError), impatient.begin():
        pass
    with impatient.begin() as unit:
        unit.patients.add([ANN])
    impatient.engine.dispose()


@only_postgresql
def test_every_commit_waits_for_the_disk(store: SqlStore) -> None:
    with store.begin() as unit:
        names = ("synchronous_commit", "lock_timeout", "transaction_isolation")
        answers = [unit.connection.exec_driver_sql(f"SHOW {name}").scalar_one() for name in names]
    assert answers == ["on", "10s", "read committed"]


@only_postgresql
def test_there_is_no_order_of_acts_to_forget_but_the_servers(store: SqlStore) -> None:
    with store.begin() as unit:
        unit.patients.add([ANN])
    store.forget_order()
    with store.reading() as unit:
        assert unit.patients.everyone() == [ANN]


@pytest.mark.parametrize(
    "url", ["postgresql://anna:secret@127.0.0.1:1/records", "postgresql://anna:secret@h:port/r", "mysql://secret", ""]
)
def test_a_url_that_leads_nowhere_is_never_repeated(url: str) -> None:
    with pytest.raises(RecordsUnavailableError) as caught, SqlStore(open_records(url)).reading():
        pass
    assert "secret" not in f"{caught.value}{caught.value.__cause__}"

"""The vault on PostgreSQL: what locks, URLs and error messages do there that SQLite has no like of."""

import threading
import time
from pathlib import Path

import pytest
from sqlalchemy import Engine, insert, text
from sqlalchemy.exc import DBAPIError

from tests.databases import fresh_database, server
from tests.vault.homes import LAB, Home
from vault import Deposit, KeysUnavailableError, KeyTree, VaultError, open_keys
from vault.sql import open_postgresql
from vault.sql.engine import reading, writing
from vault.sql.keys import EpochState, epochs, keys_of, live_epoch
from vault.tables import wrapped_keys

ANNA, BEN = "a" * 32, "b" * 32


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A vault on PostgreSQL with two people."""
    home = Home.create(tmp_path / "home", kind="postgresql")
    home.deposit(Deposit(ANNA, LAB, b"one"), Deposit(BEN, LAB, b"two"))
    return home


def wait_until_somebody_waits_for_a_lock(engine: Engine) -> None:
    until = time.monotonic() + 10
    with engine.connect() as connection:
        while not connection.exec_driver_sql("SELECT count(*) FROM pg_locks WHERE NOT granted").scalar_one():
            assert time.monotonic() < until, "nobody waited"
            connection.rollback()
            time.sleep(0.01)


def all_words(error: BaseException | None) -> str:
    """Return what an error and all that it came from say."""
    return "" if error is None else f"{error}{all_words(error.__cause__)}{all_words(error.__context__)}"


def test_who_reads_keeps_the_epochs_store_until_they_are_done(home: Home) -> None:
    tree, engine = home.tree(), home.keys()
    turning = threading.Thread(target=tree.turn)
    with reading(engine) as connection:
        assert live_epoch(connection) is not None
        turning.start()
        wait_until_somebody_waits_for_a_lock(engine)
        assert {key.subject for key in keys_of(connection, 1, [ANNA, BEN])} == {ANNA, BEN}
        assert [(epoch.number, epoch.state) for epoch in epochs(connection)] == [
            (1, EpochState.DOOMED),
            (2, EpochState.LIVE),
        ]
    turning.join()
    with reading(engine) as connection:
        assert [epoch.number for epoch in epochs(connection)] == [2]


def test_readers_do_not_wait_for_a_writer_and_writers_do(home: Home) -> None:
    engine, written = home.keys(), threading.Event()

    def write() -> None:
        with writing(engine):
            written.set()

    other = threading.Thread(target=write)
    with writing(engine):
        other.start()
        wait_until_somebody_waits_for_a_lock(engine)
        assert set(home.tree().unwrap([ANNA])) == {ANNA}
        assert not written.is_set()
    other.join()
    assert written.is_set()


def test_who_waits_too_long_for_a_lock_is_told_that_the_keys_are_unavailable(home: Home) -> None:
    impatient = open_postgresql(str(home.keys().url.render_as_string(hide_password=False)), 1)
    tree = home.tree()
    waiting = KeyTree(tree.tenant, impatient, tree._replicas, tree._epoch)
    with writing(home.keys()), pytest.raises(KeysUnavailableError, match="cannot be read or written") as caught:
        waiting.enrol(["c" * 32])
    assert "c" * 32 not in all_words(caught.value)
    impatient.dispose()


def test_no_error_repeats_what_is_in_a_row(home: Home) -> None:
    row = {"subject": ANNA, "wrapped": b"", "check": b""}
    with (
        pytest.raises(KeysUnavailableError, match="cannot be read or written") as caught,
        writing(home.keys()) as connection,
    ):
        connection.execute(insert(wrapped_keys(1)), row)
    assert ANNA not in all_words(caught.value)
    with pytest.raises(KeysUnavailableError) as caught, writing(home.keys()) as connection:
        connection.execute(text("SELECT CAST(:word AS integer)"), {"word": ANNA})
    assert ANNA not in all_words(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://anna:secret@127.0.0.1:1/keys",
        "postgresql+psycopg://anna:secret@127.0.0.1:1/keys",
        "postgresql://anna:sec@ret:ret@127.0.0.1:port/keys",
        "postgresql+psycopg2://anna:secret@127.0.0.1:1/keys",
        "mysql://anna:secret@127.0.0.1/keys",
        "secret",
        "",
    ],
)
def test_a_url_that_leads_nowhere_is_never_repeated(home: Home, url: str) -> None:
    with pytest.raises(VaultError) as caught, writing(open_keys(url)):
        pass
    assert not [word for word in ("secret", "ret", "sec@") if word in all_words(caught.value).lower()]


def test_every_commit_waits_for_the_disk_and_nobody_waits_for_ever(home: Home) -> None:
    with home.keys().connect() as connection:
        answers = [
            connection.exec_driver_sql(f"SHOW {name}").scalar_one()
            for name in ("synchronous_commit", "lock_timeout", "transaction_isolation", "transaction_read_only")
        ]
    assert answers == ["on", "30s", "read committed", "off"]


def test_a_connection_that_the_server_ended_is_made_again(home: Home) -> None:
    tree = home.tree()
    assert set(tree.unwrap([ANNA])) == {ANNA}
    here = home.keys().url.database
    ending = open_postgresql(server(), 1)
    with ending.connect() as connection:
        connection.exec_driver_sql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{here}'")  # noqa: S608  # ours
    ending.dispose()
    assert set(tree.unwrap([ANNA])) == {ANNA}


def test_an_engine_that_only_reads_writes_nothing(home: Home) -> None:
    reader = open_postgresql(fresh_database(), 1, read_only=True)
    with pytest.raises(DBAPIError, match="read-only"), reader.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE t (n integer)")
    reader.dispose()

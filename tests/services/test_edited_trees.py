"""Whoever edits the database's hashes of the log gets nothing signed that is not over its entries' bytes."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import text

from consent.domain.checkpoint import Checkpoint
from consent.domain.entry import Action, Entry
from consent.domain.errors import LogForkError
from consent.domain.merkle import leaf_hash, tree_root, verify_consistency
from consent.domain.note import unverified_text
from consent.services.proving import newest, prove_consistency
from tests.services.house import House, Template
from tests.services.test_anchoring import grow

FOREIGN = Checkpoint("consentry/another", 7, bytes(32)).to_text() + "\n\u2014 consentry/another AAAA\n"
VALUES = {"zeros": bytes(32), "space": b" ", "tail": "A==\n", "foreign": FOREIGN}


def edit(house: House, statement: str) -> None:
    values = {name: value for name, value in VALUES.items() if f":{name}" in statement}
    with house.open.store.begin() as unit:
        unit.connection.execute(text(statement), values)


def sign(house: House) -> Checkpoint:
    with house.open.store.begin() as unit:
        return Checkpoint.from_text(unverified_text(house.open.log.checkpoint(unit)))


def bodies_root(house: House, size: int) -> bytes:
    with house.open.store.reading() as unit:
        return tree_root([leaf_hash(entry.body) for entry in unit.log.entries(0, size)])


@pytest.fixture
def signed(house: House) -> House:
    """A house whose log was signed and went on, the last few of its entries unsigned."""
    grow(house, 37)
    sign(house)
    grow(house, 21)
    return house


EDITED = {
    "every stored hash is another": "UPDATE log_nodes SET hash = :zeros",
    "every stored hash is gone": "DELETE FROM log_nodes",
    "those of what is unsigned are others": (
        "UPDATE log_nodes SET hash = :zeros WHERE level = 4 AND place >= (SELECT max(size) / 16 FROM checkpoints)"
    ),
    "two neighbours share their bytes anew": (
        "UPDATE log_nodes SET hash = CASE place WHEN 0 THEN substr(hash, 1, 31) ELSE substr("
        "(SELECT hash FROM log_nodes WHERE level = 4 AND place = 0), 32) || hash END WHERE level = 4 AND place < 2"
    ),
}


@pytest.mark.parametrize("name", EDITED)
def test_what_is_signed_is_over_the_entries_whatever_the_stored_hashes_say(signed: House, name: str) -> None:
    before = sign_of_newest(signed)
    edit(signed, EDITED[name])
    checkpoint = sign(signed)
    assert checkpoint.root == bodies_root(signed, checkpoint.size)
    with signed.open.store.reading() as unit:
        assert unit.log.has_subtrees()
        proof = prove_consistency(unit.log, before.size, checkpoint.size, checkpoint)
    verify_consistency(before.size, checkpoint.size, proof, before.root, checkpoint.root)


def sign_of_newest(house: House) -> Checkpoint:
    with house.open.store.reading() as unit:
        found = newest(unit.log)
    assert found is not None
    return found


REFUSED = {
    "the leaf of an unsigned entry": (
        'UPDATE entries SET leaf = :zeros WHERE "index" = (SELECT max("index") FROM entries)'
    ),
    "the body of an unsigned entry": (
        'UPDATE entries SET body = body || \' \' WHERE "index" = (SELECT max("index") FROM entries)'
    ),
    "an unsigned entry taken out of the middle": (
        'DELETE FROM entries WHERE "index" = (SELECT max("index") - 3 FROM entries)'
    ),
    "an entry far behind all others": (
        'INSERT INTO entries SELECT 2000000000, body, leaf FROM entries WHERE "index" = 3'
    ),
    "a signed leaf that no stored hash covers": (
        'UPDATE entries SET leaf = :zeros WHERE "index" = (SELECT max(size) - 1 FROM checkpoints)'
    ),
    "the checkpoint's text": "UPDATE checkpoints SET note = replace(note, 'consentry', 'consentrz')",
    "the checkpoint's signature": "UPDATE checkpoints SET note = substr(note, 1, length(note) - 3) || :tail",
    "the checkpoint's text and signature, by another's": "UPDATE checkpoints SET note = :foreign",
    "the checkpoint, by bytes": "UPDATE checkpoints SET note = CAST(note AS BLOB)",
    "a newer checkpoint that nobody signed": "INSERT INTO checkpoints SELECT max(size) + 1, 'x' FROM checkpoints",
}


@pytest.mark.parametrize("name", REFUSED)
def test_nothing_is_signed_once_this_was_altered(signed: House, name: str) -> None:
    if "BLOB" in REFUSED[name] and signed.open.store.engine.dialect.name != "sqlite":
        pytest.skip("PostgreSQL holds a column to its type")
    with signed.open.store.reading() as unit:
        before = unit.log.checkpoints()
    edit(signed, REFUSED[name])
    with pytest.raises(LogForkError):
        sign(signed)
    with signed.open.store.reading() as unit:
        assert len(unit.log.checkpoints()) <= len(before) + name.startswith("a newer")


def forged(house: House, *, checkpoints: str) -> None:
    """Alter an old entry with everything in the database that follows from it."""
    with house.open.store.begin() as unit:
        [entry] = unit.log.entries(3, 4)
        body = entry.body.replace(b'"time":', b'"time":1')
        values = {"body": body, "leaf": leaf_hash(body)}
        unit.connection.execute(text('UPDATE entries SET body = :body, leaf = :leaf WHERE "index" = 3'), values)
        unit.log.make_subtrees()
        unit.connection.exec_driver_sql(checkpoints)


@pytest.mark.parametrize("more", [0, 5])
def test_a_history_rewritten_with_all_that_follows_from_it_differs_from_the_archive(signed: House, more: int) -> None:
    sign(signed)
    forged(signed, checkpoints="DELETE FROM checkpoints")
    grow(signed, more)
    with pytest.raises(LogForkError, match="archive"):
        sign(signed)


def test_a_history_rewritten_under_an_old_checkpoint_differs_from_what_was_signed(signed: House) -> None:
    sign(signed)
    forged(signed, checkpoints="DELETE FROM checkpoints WHERE size = (SELECT max(size) FROM checkpoints)")
    with pytest.raises(LogForkError):
        sign(signed)


def test_opening_mends_what_the_stored_hashes_lack(template: Template, tmp_path: Path) -> None:
    with House.copied(template, tmp_path / "home") as house:
        grow(house, 50)
        sign(house)
        edit(house, "DELETE FROM log_nodes WHERE place = 1")
        edit(house, "UPDATE log_nodes SET hash = :zeros WHERE place = 0")
    with House.opened(tmp_path / "home", template.wallets) as house, house.open.store.reading() as unit:
        assert house.open.log.has_sound_tree(unit)
        checkpoint = sign_of_newest(house)
        assert prove_consistency(unit.log, 5, checkpoint.size, checkpoint)


def test_two_processes_that_sign_at_once_sign_one_history(template: Template, tmp_path: Path) -> None:
    """Each reads what was signed and records what it signs while it alone may write: the second goes on from the first.

    The first waits inside its transaction until the second stands before the lock.
    """
    home, signed = tmp_path / "home", dict[str, Checkpoint]()
    with House.copied(template, home) as house, House.without_ledger(home, template.wallets) as beside:
        inside, ahead = threading.Event(), threading.Event()

        def sign_and_append(name: str, one: House, before: Callable[[], object], within: Callable[[], object]) -> None:
            before()
            with one.open.store.begin() as unit:
                within()
                one.open.log.append(unit, [Entry(1, name, Action.LEDGER, "TRIED")])
                signed[name] = Checkpoint.from_text(unverified_text(one.open.log.checkpoint(unit)))

        def first_within() -> None:
            inside.set()
            ahead.wait(5)
            threading.Event().wait(0.3)

        def second_before() -> None:
            inside.wait(5)
            ahead.set()

        first = threading.Thread(target=sign_and_append, args=("first", house, lambda: None, first_within))
        second = threading.Thread(target=sign_and_append, args=("second", beside, second_before, lambda: None))
        first.start()
        second.start()
        first.join()
        second.join()
        one, two = signed["first"], signed["second"]
        assert two.size == one.size + 1
        with house.open.store.reading() as unit:
            proof = prove_consistency(unit.log, one.size, two.size, two)
        verify_consistency(one.size, two.size, proof, one.root, two.root)

"""The log's tree as it is stored: every hash is the one that the entries give, and none comes from nothing."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select, text

from consent.adapters.sql import SqlStore, open_records
from consent.adapters.sql.log_tables import log_nodes
from consent.domain.entry import Action, Entry, PlacedEntry
from consent.domain.errors import LogTreeError
from consent.domain.merkle import (
    Frontier,
    consistency_of,
    consistency_proof,
    inclusion_of,
    inclusion_proof,
    root_of,
    tree_root,
)
from consent.ports import AnchoredAt
from tests.databases import KINDS, new_records

LONG = 700
LEAVES = [Entry(index, "operator", Action.LEDGER, "TRIED").placed(index) for index in range(LONG)]


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqlStore]:
    """An empty records database."""
    engine = open_records(new_records(request.param, tmp_path))
    yield SqlStore(engine)
    engine.dispose()


def grow(store: SqlStore, *batches: int) -> list[bytes]:
    """Append so many entries, a transaction each; return all leaf hashes."""
    for batch in batches:
        with store.begin() as unit:
            size = unit.log.size()
            unit.log.append(LEAVES[size : size + batch])
    with store.reading() as unit:
        return [entry.leaf for entry in unit.log.entries()]


def nodes(store: SqlStore) -> int:
    with store.reading() as unit:
        return unit.connection.scalar(select(func.count()).select_from(log_nodes)) or 0


@pytest.mark.parametrize("batches", [(1,) * 40, (15, 1, 1), (16, 240, 1), (300, 300), (LONG,), (7, 250, 20, 256)])
def test_proofs_from_stored_hashes_are_those_from_all_leaves(store: SqlStore, batches: tuple[int, ...]) -> None:
    leaves = grow(store, *batches)
    size = len(leaves)
    with store.reading() as unit:
        assert unit.log.has_subtrees()
        for part in {1, 2, 15, 16, 17, 255, 256, 257, size - 1, size}:
            if 0 < part <= size:
                assert root_of(part, unit.log.subtrees) == tree_root(leaves[:part])
                assert Frontier.of(part, unit.log.subtrees).root() == tree_root(leaves[:part])
                assert consistency_of(part, size, unit.log.subtrees) == consistency_proof(leaves, part)
                assert inclusion_of(part - 1, size, unit.log.subtrees) == inclusion_proof(leaves, part - 1)


def test_one_hash_is_stored_for_sixteen(store: SqlStore) -> None:
    grow(store, LONG)
    assert nodes(store) == LONG // 16 + LONG // 256


def test_what_the_log_does_not_have_has_no_hash(store: SqlStore) -> None:
    grow(store, 20)
    with store.reading() as unit:
        for beyond in [(0, 20), (4, 1), (5, 0), (1, 10), (-1, 0), (0, -1), (60, 0)]:
            with pytest.raises(LogTreeError):
                unit.log.subtrees([(0, 0), beyond])


DAMAGE = {
    "a hash is gone": "DELETE FROM log_nodes WHERE level = 4 AND place = 3",
    "a hash is too much": "INSERT INTO log_nodes (level, place, hash) VALUES (8, 99, :zeros)",
    "all are gone": "DELETE FROM log_nodes",
    "another level is in its place": "UPDATE log_nodes SET level = 12 WHERE level = 8 AND place = 0",
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_tree_that_lacks_something_is_seen_and_made_anew(store: SqlStore, name: str) -> None:
    leaves = grow(store, LONG)
    with store.begin() as unit:
        unit.connection.execute(text(DAMAGE[name]), {"zeros": bytes(32)} if ":zeros" in DAMAGE[name] else {})
    with store.begin() as unit:
        assert not unit.log.has_subtrees()
        unit.log.make_subtrees()
        assert unit.log.has_subtrees()
        assert root_of(LONG, unit.log.subtrees) == tree_root(leaves)


@pytest.mark.parametrize("name", DAMAGE)
def test_an_entry_is_taken_whatever_became_of_the_tree(store: SqlStore, name: str) -> None:
    grow(store, LONG - 200)
    with store.begin() as unit:
        unit.connection.execute(text(DAMAGE[name]), {"zeros": bytes(32)} if ":zeros" in DAMAGE[name] else {})
    assert len(grow(store, 190, 10)) == LONG
    with store.begin() as unit:
        assert not unit.log.has_subtrees()


@pytest.mark.parametrize("short", [b"", bytes(31), bytes(33)])
@pytest.mark.parametrize("statement", ["UPDATE log_nodes SET hash = :short", "UPDATE entries SET leaf = :short"])
def test_a_hash_of_another_length_is_none(store: SqlStore, statement: str, short: bytes) -> None:
    grow(store, 20)
    with store.begin() as unit:
        unit.connection.execute(text(statement), {"short": short})
        with pytest.raises(LogTreeError):
            root_of(19, unit.log.subtrees)


def test_a_tree_is_made_anew_from_the_entries_bytes_and_from_no_stored_leaf(store: SqlStore) -> None:
    leaves = grow(store, 32)
    with store.begin() as unit:
        unit.connection.execute(text("UPDATE entries SET leaf = :zeros"), {"zeros": bytes(32)})
        unit.log.make_subtrees()
        assert root_of(32, unit.log.subtrees) == tree_root(leaves)


def test_a_log_that_was_cut_and_grew_again_has_the_tree_of_what_it_holds(store: SqlStore) -> None:
    grow(store, LONG)
    others = [Entry(1, "auditor", Action.LEDGER).placed(index) for index in range(20, LONG)]
    with store.begin() as unit:
        unit.connection.execute(text('DELETE FROM entries WHERE "index" >= 20'))
        unit.log.append(others)
    with store.reading() as unit:
        assert root_of(LONG, unit.log.subtrees) == tree_root(leaves_of(LEAVES[:20] + others))


def leaves_of(placed: list[PlacedEntry]) -> list[bytes]:
    return [entry.leaf for entry in placed]


def test_checkpoints_come_oldest_first_and_by_their_size(store: SqlStore) -> None:
    with store.begin() as unit:
        for size, note in ((30, "thirty"), (3, "three"), (10, "ten")):
            unit.log.save_checkpoint(size, note)
        assert unit.log.checkpoints() == [(3, "three"), (10, "ten"), (30, "thirty")]
        assert [unit.log.checkpoint_at(size) for size in (3, 10, 4, 0, 10**15)] == ["three", "ten", None, None, None]


def test_anchors_come_smallest_first_and_stay_as_they_are(store: SqlStore) -> None:
    with store.begin() as unit:
        assert unit.log.anchors() == []
        for size, block in ((30, 9), (3, 4), (30, 10)):
            unit.log.add_anchor(AnchoredAt(size, block, 2**33))
        assert unit.log.anchors() == [AnchoredAt(3, 4, 2**33), AnchoredAt(30, 9, 2**33)]


def test_a_wish_for_an_anchor_lasts_until_it_is_met(store: SqlStore) -> None:
    with store.begin() as unit:
        assert unit.log.anchor_asked() is None
        for now in (2**33, 2**33, 2**33 + 5):
            unit.log.ask_for_anchor(now)
        assert unit.log.anchor_asked() == 2**33 + 5
        unit.log.forget_anchor_wishes(2**33)
        assert unit.log.anchor_asked() == 2**33 + 5
        unit.log.forget_anchor_wishes(2**33 + 5)
        assert unit.log.anchor_asked() is None

"""Entries: their bytes are frozen, and their place is part of them."""

from consent.domain.entry import PERMIT, Action, Entry
from consent.domain.merkle import leaf_hash
from consent.domain.terms import SubjectId

READ = Entry(
    time=1_800_000_000,
    actor="study:kidneys",
    action=Action.READ,
    verdict=PERMIT,
    subject=SubjectId("a" * 32),
    study="kidneys",
    operation="train",
    categories=("demographics", "laboratory"),
    consent="b" * 32,
)


def test_the_bytes_of_an_entry_are_frozen() -> None:
    assert READ.body(7) == (
        b'{"action":"read","actor":"study:kidneys","categories":["demographics","laboratory"],'
        b'"consent":"' + b"b" * 32 + b'","index":7,"operation":"train","study":"kidneys",'
        b'"subject":"' + b"a" * 32 + b'","time":1800000000,"verdict":"PERMIT","version":1}'
    )


def test_empty_fields_are_left_out() -> None:
    assert Entry(5, "relayer", Action.GRANT).body(0) == (
        b'{"action":"grant","actor":"relayer","index":0,"time":5,"version":1}'
    )


def test_an_entry_has_another_leaf_at_another_place() -> None:
    placed = READ.placed(3)
    assert (placed.index, placed.body, placed.leaf) == (3, READ.body(3), leaf_hash(READ.body(3)))
    assert READ.placed(4).leaf != placed.leaf


def test_facts_are_written_whatever_order_they_came_in() -> None:
    one = Entry(1, "operator", Action.TRAIN, facts={"rows": 5, "block": 2})
    other = Entry(1, "operator", Action.TRAIN, facts={"block": 2, "rows": 5})
    assert one.body(0) == other.body(0)

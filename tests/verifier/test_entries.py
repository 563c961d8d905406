"""Entries are in the log that was signed, read strictly, and none of the scope is missing."""

import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from consent.domain.entry import Action, Entry
from consent.domain.hashing import canonical_json
from consent.domain.merkle import leaf_hash
from consent.domain.shared_paths import PathMaker
from tests.verifier.asking import failure
from tests.verifier.workshop import Tree, Workshop, lines, pack

ENTRIES = "entries.ndjson"


@pytest.fixture
def life() -> Workshop:
    """Return a life with two people, a study and a training."""
    life = Workshop()
    life.approve("heart")
    consents = [life.grant(life.enrol(), "heart") for _ in range(2)]
    life.train("heart", consents)
    return life


def _altered(life: Workshop, path: Path, alter: Callable[[list[Any]], list[Any]]) -> Path:
    files = life.files()
    files[ENTRIES] = lines(alter([json.loads(line) for line in files[ENTRIES].splitlines()]))
    return pack(path / "bundle.zip", life.contents(files))


def _without(place: int, shown: list[Any]) -> list[Any]:
    return [*shown[:place], *shown[place + 1 :]]


def _with(place: int, altered: dict[str, Any], shown: list[Any]) -> list[Any]:
    return [*shown[:place], shown[place] | altered, *shown[place + 1 :]]


def _wrong(life: Workshop, path: Path) -> tuple[str, str]:
    return failure(path, life.policy())[:2]


@pytest.mark.parametrize("kind", ["period", "study", "model", "patient", "receipt"])
def test_a_bundle_of_each_kind_holds(life: Workshop, tmp_path: Path, kind: str) -> None:
    """And each has the entries that its rules need."""
    given = next(iter(life.consents.values()))
    scopes: dict[str, dict[str, int | str]] = {
        "period": {},
        "study": {"study": "heart"},
        "model": {"model": life.releases[0].manifest.model},
        "patient": {"subject": given.person.subject},
        "receipt": {"index": life.receipts[0].index},
    }
    assert failure(life.write(tmp_path / "bundle.zip", kind, **scopes[kind]), life.policy()) == ("", "", "")


def test_an_entry_that_is_left_out_of_a_period_is_named(life: Workshop, tmp_path: Path) -> None:
    """The first, the last, and each between; where proofs fail before it is missed, the next one is named."""
    for place in range(len(life.entries)):
        path = _altered(life, tmp_path, partial(_without, place))
        name, item = _wrong(life, path)
        assert name == "log.entries"
        assert item in {f"entry {place}", f"entry {place + 1}"}


def test_entries_out_of_order_or_twice_are_named(life: Workshop, tmp_path: Path) -> None:
    """Whatever is exchanged or repeated."""
    for alter in (
        lambda shown: [shown[1], shown[0], *shown[2:]],
        lambda shown: [shown[0], *shown],
        lambda shown: [*shown, shown[-1]],
        lambda shown: shown[::-1],
        lambda shown: shown[:0],
    ):
        assert _wrong(life, _altered(life, tmp_path, alter))[0] == "log.entries"


@pytest.mark.parametrize("place", [0, 4, 8])
def test_an_altered_entry_is_named(life: Workshop, tmp_path: Path, place: int) -> None:
    """Its text, its index or its proof."""
    text = life.placed()[place].body.decode()
    alterations: list[dict[str, Any]] = [
        {"entry": text.replace('"time":', '"time":1')},
        {"entry": text.replace("}", " }", 1)},
        {"index": place + 1},
        {"proof": []},
        {"proof": ["00" * 32]},
        {"proof": ["00" * 32] * 4},
    ]
    for altered in alterations:
        path = _altered(life, tmp_path, partial(_with, place, altered))
        name, item = _wrong(life, path)
        assert (name, item) in {("log.entries", f"entry {place}"), ("log.entries", f"entry {place + 1}")}


@pytest.mark.parametrize(
    "line",
    [
        b"{}", b"[]", b"null", b"1", b"{", b"\xff", b'{"entry":"{}","index":0}', b'{"entry":{},"index":0,"proof":[]}',
        b'{"entry":"","index":0,"proof":[]}', b'{"entry":"{}","index":true,"proof":[]}',
        b'{"entry":"{}","index":0.0,"proof":[]}', b'{"entry":"{}","index":-1,"proof":[]}',
        b'{"entry":"{}","index":1e3,"proof":[]}', b'{"entry":"{}","index":0,"proof":{}}',
        b'{"entry":"{}","index":0,"proof":"00"}', b'{"entry":"{}","index":0,"proof":[1]}',
        b'{"entry":"{}","index":0,"proof":["AA"]}', b'{"entry":"{}","index":0,"proof":["0 0"]}',
        b'{"entry":"{}","index":0,"index":0,"proof":[]}', b'{"index":0,"entry":"{}","proof":[]}',
        b'{"entry":"\\ud800","index":0,"proof":[]}', b'{"entry":"{}","index":NaN,"proof":[]}',
        b'{"entry":"{}","index":' + b"9" * 5000 + b',"proof":[]}', b'{"entry":"{}","index":99999999999,"proof":[]}',
        b"[" * 100_000, b'{"entry":"{}","index":0,"proof":' + b"[" * 100_000,
        b'\xef\xbb\xbf{"entry":"{}","index":0,"proof":[]}', '{"entry":"{}","index":0,"proof":[]}'.encode("utf-16"),
    ],
)  # fmt: skip
def test_a_line_of_another_form_is_named(life: Workshop, tmp_path: Path, line: bytes) -> None:
    """Never a traceback, whatever stands there."""
    files = life.files()
    files[ENTRIES] = line.replace(b"\n", b"") + b"\n"
    name, item = _wrong(life, pack(tmp_path / "bundle.zip", life.contents(files)))
    assert name == "log.entries"
    assert item.startswith(("entries.ndjson line 1", "entry "))


def _bodies() -> list[bytes]:
    """Return bodies of an entry that no log of ours writes, though somebody's key may have signed them."""
    sound = json.loads(Entry(1_800_000_000, "operator", Action.LEDGER, "REBUILT").body(0))
    members: list[dict[str, Any]] = [
        {"version": 2}, {"version": True}, {"index": 1}, {"time": -1}, {"time": 1.5}, {"time": "1"}, {"time": 1e300},
        {"actor": ""}, {"actor": 1}, {"actor": "x" * 2000}, {"action": "abolish"}, {"action": ["read"]},
        {"verdict": ""}, {"verdict": None}, {"subject": "x"}, {"subject": "AB" * 16}, {"study": 1}, {"study": ""},
        {"operation": {}}, {"categories": []}, {"categories": ["b", "a"]}, {"categories": ["a", "a"]},
        {"categories": [1]}, {"categories": "a"}, {"consent": "x"}, {"consent": 1}, {"facts": {}}, {"facts": []},
        {"private": "x"}, {"more": 1}, {"__class__": "x"},
    ]  # fmt: skip
    bodies = [canonical_json(sound | altered) for altered in members]
    needed = ("version", "index", "time", "actor", "action")
    bodies += [canonical_json({name: sound[name] for name in sound if name != left}) for left in needed]
    return [*bodies, b"", b"[]", b"1", b"{", b"NaN", b" {}", b"[" * 5000, b'{"a":1,"a":1}', b'{"a":"\\ud800"}']


@pytest.mark.parametrize("body", _bodies())
def test_an_entry_of_another_form_is_named_though_it_was_signed(tmp_path: Path, body: bytes) -> None:
    """The log key signs whatever its holder likes; the verifier reads version 1 and nothing else."""
    life = Workshop()
    life.approve("heart")
    tree = Tree([leaf_hash(body)])
    files = life.files()
    [proof] = PathMaker(1, tree.subtrees).proofs([0])
    files["checkpoint.txt"] = life.note(1, tree.levels[0][0]).encode()
    files[ENTRIES] = lines([{"index": 0, "entry": body.decode(), "proof": [one.hex() for one in proof]}])
    policy = replace(life.policy(), chain=None)
    assert failure(pack(tmp_path / "bundle.zip", life.contents(files)), policy)[:2] == ("log.entries", "entry 0")


def test_a_bundle_about_nothing_of_its_scope_is_refused(life: Workshop, tmp_path: Path) -> None:
    """No entry names the study, the person or the model."""
    files = life.files("study", study="heart")
    for kind, scope in (
        ("study", {"study": "lung"}),
        ("patient", {"subject": "00" * 16}),
        ("model", {"model": "00" * 32}),
    ):
        path = pack(tmp_path / "bundle.zip", life.contents(files, kind, **scope))
        assert _wrong(life, path) == ("log.entries", ENTRIES)


def test_a_receipt_about_another_entry_is_refused(life: Workshop, tmp_path: Path) -> None:
    """The scope says which one."""
    first, second = (receipt.index for receipt in life.receipts)
    files = life.files("receipt", index=first)
    path = pack(tmp_path / "bundle.zip", life.contents(files, "receipt", index=second))
    assert _wrong(life, path) == ("log.entries", f"entry {first}")

"""The auditors' door: every answer verifies by itself, and no question is echoed."""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import delete

from consent.adapters.sql.tables import checkpoints
from consent.domain.checkpoint import Checkpoint
from consent.domain.merkle import leaf_hash, tree_root, verify_consistency, verify_inclusion
from consent.domain.note import open_note
from consent.signatures import verifies
from consent.web import create_app
from consent.web.headers import SECURITY_HEADERS
from consent.wiring import opened_for_audit
from tests.services.house import House, Template


@dataclass(frozen=True, slots=True)
class Visit:
    """A client of the pages over an installation that was signed at `size` entries and went on."""

    client: FlaskClient
    size: int
    origin: str
    key: bytes


@pytest.fixture(scope="module")
def visit(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visit]:
    """Pages over a log of some entries, all but the last under a checkpoint."""
    home = tmp_path_factory.mktemp("web") / "home"
    with House.copied(template, home) as house:
        with house.open.store.begin() as unit:
            house.open.log.checkpoint(unit)
            size = unit.log.size()
        house.grant(house.people[0])
        with opened_for_audit(home) as room:
            app = create_app(room.store, room.origin, room.public_key)
            yield Visit(app.test_client(), size, room.origin, room.public_key)


@pytest.fixture
def unsigned(shared_house: House) -> FlaskClient:
    """Pages over a log without a checkpoint."""
    here = shared_house.open
    with here.store.begin() as unit:
        unit.connection.execute(delete(checkpoints))
    return create_app(here.store, here.log.origin, here.log.signer.public_key).test_client()


def checkpoint(visit: Visit) -> Checkpoint:
    note = visit.client.get("/log/checkpoint").get_data(as_text=True)
    text, _ = open_note(note, {visit.origin: (visit.key, partial(verifies, visit.key))})
    return Checkpoint.from_text(text)


def test_the_page_answers_and_names_the_key(visit: Visit) -> None:
    page = visit.client.get("/audit")
    assert page.status_code == 200
    assert page.mimetype == "text/html"
    assert visit.key.hex() in page.get_data(as_text=True)


PATHS = [
    "/audit",
    "/log/checkpoint",
    "/log/entries",
    "/log/proof?index=0",
    "/log/proof",
    "/log/consistency?old=1&new=2",
    "/static/auditor.css",
    "/nothing",
]


@pytest.mark.parametrize("path", PATHS)
def test_every_answer_carries_the_security_headers(visit: Visit, path: str) -> None:
    with visit.client.get(path) as answer:
        assert {name: answer.headers.get(name) for name in SECURITY_HEADERS} == SECURITY_HEADERS


def test_the_page_needs_no_script_and_nothing_from_elsewhere(visit: Visit) -> None:
    page = visit.client.get("/audit").get_data(as_text=True)
    assert "<script" not in page
    assert "style=" not in page
    assert "http" not in page.replace("http-equiv", "").split("<body", 1)[0]


def test_the_checkpoint_is_signed_by_the_log_key(visit: Visit) -> None:
    assert (checkpoint(visit).origin, checkpoint(visit).size) == (visit.origin, visit.size)


def test_each_proof_leads_from_its_entry_to_the_signed_root(visit: Visit) -> None:
    signed = checkpoint(visit)
    for index in (0, 1, visit.size // 2, visit.size - 1):
        line = visit.client.get(f"/log/entries?first={index}&last={index + 1}").get_data().rstrip(b"\n")
        proof = visit.client.get(f"/log/proof?index={index}").get_json()
        assert (proof["index"], proof["size"], proof["leaf"]) == (index, visit.size, leaf_hash(line).hex())
        hashes = [bytes.fromhex(part) for part in proof["proof"]]
        verify_inclusion(index, signed.size, leaf_hash(line), hashes, signed.root)


def test_an_entry_behind_the_checkpoint_has_no_proof_yet(visit: Visit) -> None:
    assert visit.client.get(f"/log/proof?index={visit.size}").status_code == 404
    assert visit.client.get(f"/log/proof?index={10**14}").status_code == 404


def test_without_a_checkpoint_there_is_nothing_to_prove(unsigned: FlaskClient) -> None:
    assert unsigned.get("/audit").status_code == 200
    assert unsigned.get("/log/checkpoint").status_code == 404
    assert unsigned.get("/log/proof?index=0").status_code == 404


def test_entries_come_as_stored_one_a_line(visit: Visit) -> None:
    answer = visit.client.get("/log/entries?first=2&last=5")
    assert answer.mimetype == "application/x-ndjson"
    assert [json.loads(line)["index"] for line in answer.get_data().splitlines()] == [2, 3, 4]
    assert visit.client.get("/log/entries?first=5&last=2").get_data() == b""
    assert visit.client.get(f"/log/entries?first={10**14}").get_data() == b""
    assert len(visit.client.get("/log/entries?last=99999999").get_data().splitlines()) == visit.size + 1


ODD = "<b>odd"


@pytest.mark.parametrize("value", [ODD, "-1", "1.5", "", " 1", "0x1", "\u0661", "9" * 16, "1" * 5000, "1%00"])
@pytest.mark.parametrize(
    "path",
    [
        "/log/proof?index=",
        "/log/consistency?new=9&old=",
        "/log/checkpoint?size=",
        "/log/entries?first=",
        "/log/entries?last=",
    ],
)
def test_a_bad_question_is_refused_without_repeating_it(visit: Visit, path: str, value: str) -> None:
    answer = visit.client.get(path + value)
    assert answer.status_code == 400
    assert "is a whole number" in answer.get_data(as_text=True)
    assert len(value) < 2 or value not in answer.get_data(as_text=True)
    assert "odd" not in answer.get_data(as_text=True)


def test_an_unknown_page_is_not_echoed(visit: Visit) -> None:
    answer = visit.client.get("/log/" + base64.urlsafe_b64encode(b"somewhere odd").decode())
    assert answer.status_code == 404
    assert "c29tZXdoZXJl" not in answer.get_data(as_text=True)


@pytest.mark.parametrize("method", ["post", "put", "delete", "patch"])
def test_nothing_can_be_changed(visit: Visit, method: str) -> None:
    assert getattr(visit.client, method)("/log/checkpoint").status_code == 405


def test_one_size_is_proven_to_continue_another(visit: Visit) -> None:
    signed = checkpoint(visit)
    lines = visit.client.get("/log/entries").get_data().splitlines()
    leaves = [leaf_hash(line) for line in lines]
    for old, new in ((1, signed.size), (3, 17), (16, 16), (signed.size, signed.size)):
        answer = visit.client.get(f"/log/consistency?old={old}&new={new}").get_json()
        assert (answer["old"], answer["new"]) == (old, new)
        proof = [bytes.fromhex(part) for part in answer["proof"]]
        verify_consistency(old, new, proof, tree_root(leaves[:old]), tree_root(leaves[:new]))


@pytest.mark.parametrize(("old", "new", "status"), [(0, 5, 400), (6, 5, 400), (1, 10**14, 404)])
def test_sizes_that_nothing_leads_between_are_refused(visit: Visit, old: int, new: int, status: int) -> None:
    assert visit.client.get(f"/log/consistency?old={old}&new={new}").status_code == status
    assert visit.client.get(f"/log/consistency?old=1&new={visit.size + 1}").status_code == 404


def test_an_older_checkpoint_is_found_by_its_size(visit: Visit) -> None:
    assert visit.client.get(f"/log/checkpoint?size={visit.size}").get_data(as_text=True) == visit.client.get(
        "/log/checkpoint"
    ).get_data(as_text=True)
    assert visit.client.get(f"/log/checkpoint?size={visit.size - 1}").status_code == 404
    assert visit.client.get(f"/log/checkpoint?size={10**14}").status_code == 404


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE log_nodes SET hash = zeroblob(32)",
        "DELETE FROM log_nodes",
        "UPDATE entries SET body = body || 'x' WHERE \"index\" = 3",
        'DELETE FROM entries WHERE "index" = 3',
        'UPDATE entries SET leaf = zeroblob(32) WHERE "index" = 2',
    ],
)
def test_no_proof_is_given_that_does_not_lead_to_what_was_signed(
    template: Template, tmp_path: Path, statement: str
) -> None:  # fmt: skip
    with House.copied(template, tmp_path / "home") as house:
        with house.open.store.begin() as unit:
            house.open.log.checkpoint(unit)
        app = create_app(house.open.store, house.open.log.origin, house.open.log.signer.public_key)
        client = app.test_client()
        assert client.get("/log/proof?index=3").status_code == 200
        with house.open.store.begin() as unit:
            unit.connection.exec_driver_sql(statement)
        assert client.get("/log/proof?index=3").status_code == 500

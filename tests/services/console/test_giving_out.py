"""What leaves as a file: harmless in a spreadsheet, provable as lines, valid as FHIR R4, and written down first."""

import csv
import io
import json

import pytest
from fhir.resources.R4B.consent import Consent

from consent.domain.entry import Action, Entry
from consent.domain.merkle import leaf_hash
from consent.services.console.console import Console
from consent.services.console.giving_out import COLUMNS, harmless
from consent.services.console.history import Filter
from consent.services.console.looking import Looker
from consent.wiring.console import console_of
from tests.services.audited import AGREED, Past
from tests.services.house import CANARY_NAME, CANARY_VALUE, House


@pytest.mark.parametrize("first", ["=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", " =", "\u00a0="])
def test_no_cell_is_a_formula(first: str) -> None:
    cell = f'{first}HYPERLINK("http://evil.example","x")'
    assert harmless(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", ["", "41", "study:kidneys", "a=b", "2027-01-15T08:00:00Z", '{"a":-1}'])
def test_other_cells_stay_as_they_are(cell: str) -> None:
    assert harmless(cell) == cell


def test_csv_comes_back_as_it_was(past: Past, console: Console, who: Looker) -> None:
    text = b"".join(console.giving_out.entries(who, Filter(study="kidneys"), "csv")).decode()
    header, *rows = csv.reader(io.StringIO(text))
    assert tuple(header) == COLUMNS
    expected = [one for one in reversed(past.house.log()) if one.get("study") == "kidneys"]
    expected = [one for one in expected if one["action"] != "export"]
    assert [int(row[0]) for row in rows] == [one["index"] for one in expected]
    first, told = dict(zip(header, rows[-1], strict=True)), expected[-1]
    assert (first["action"], first["study"]) == (told["action"], "kidneys")
    assert json.loads(first["facts"]) == told["facts"]


def test_what_somebody_wrote_into_the_log_is_no_formula_either(house: House, who: Looker) -> None:
    with house.open.store.begin() as unit:
        house.open.log.append(unit, [Entry(1_900_000_000, "=1+1", Action.REPORT, "@SUM(1)", study="-2")])
    text = b"".join(console_of(house.open, house.clock).giving_out.entries(who, Filter(), "csv")).decode()
    cells = [cell for row in csv.reader(io.StringIO(text)) for cell in row]
    assert {"'=1+1", "'@SUM(1)", "'-2"} <= set(cells)
    assert not [cell for cell in cells if cell[:1] in {"=", "+", "-", "@"}]


def test_each_line_has_the_bytes_of_its_leaf(past: Past, console: Console, who: Looker) -> None:
    with past.house.open.store.reading() as unit:
        leaves = {entry.index: entry.leaf for entry in unit.log.entries()}
    lines = b"".join(console.giving_out.entries(who, Filter(), "ndjson")).splitlines()
    assert len(lines) == len(leaves)
    for line in lines:
        body, rest = line.removeprefix(b'{"entry":').rsplit(b',"index":', 1)
        told = json.loads(line)
        assert leaf_hash(body) == bytes.fromhex(told["leaf"]) == leaves[told["index"]]
        assert rest.startswith(str(told["entry"]["index"]).encode())


def test_a_file_is_in_the_log_before_its_first_byte(past: Past, console: Console, who: Looker) -> None:
    size = len(past.house.log())
    console.giving_out.entries(who, Filter(action="stop", since=5), "csv")
    [entry] = past.house.log(size)
    assert (entry["action"], entry["actor"], entry["verdict"]) == ("export", "auditor:audrey", "HISTORY")
    assert entry["facts"] == {"format": "csv", "filter": {"action": "stop"}, "since": 5}


def test_consents_are_valid_fhir_r4(past: Past, console: Console, who: Looker) -> None:
    lines = b"".join(console.giving_out.consents(who)).splitlines()
    found = [Consent.model_validate_json(line) for line in lines]
    assert len(found) == AGREED - 1
    assert {one.status for one in found} == {"active", "inactive"}
    told = {json.loads(line)["id"]: json.loads(line) for line in lines}
    assert past.consent_of(past.erased) not in told
    stopped, standing = (told[past.consent_of(subject)] for subject in (past.stopped[0], past.standing[0]))
    assert (stopped["status"], standing["status"]) == ("inactive", "active")
    assert stopped["provision"]["period"]["end"][:10] == past.day(5)
    assert standing["patient"]["identifier"]["value"] == past.standing[0]
    assert [one["code"] for one in standing["provision"]["class"]] == ["demographics", "laboratory", "outcomes"]
    assert "Kidneys and the months after" in standing["text"]["div"]
    assert all(one["verification"] == [{"verified": True}] for one in told.values())
    assert not [line for line in lines if CANARY_NAME.encode() in line or CANARY_VALUE.encode() in line]


def test_each_person_whose_consent_leaves_can_read_so(past: Past, console: Console, who: Looker) -> None:
    size = len(past.house.log())
    console.giving_out.consents(who, "kidneys")
    export, *looks = past.house.log(size)
    assert (export["action"], export["verdict"], export["study"]) == ("export", "CONSENTS", "kidneys")
    assert export["facts"] == {"format": "fhir", "consents": AGREED - 1}
    assert {one["subject"] for one in looks} == {*past.stopped, *past.standing}
    assert {(one["action"], one["operation"], one["verdict"]) for one in looks} == {("access", "audit", "PERMIT")}


def test_of_another_study_nothing_leaves(past: Past, console: Console, who: Looker) -> None:
    size = len(past.house.log())
    assert b"".join(console.giving_out.consents(who, "hearts")) == b""
    assert len(past.house.log(size)) == 1

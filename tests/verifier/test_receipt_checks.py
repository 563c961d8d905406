"""What patients were acknowledged is in the log, and was done."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from consent.domain.hashing import canonical_json
from consent.domain.receipt import Receipt
from consent.verifier.receipt_checks import ReceiptFileError, read_receipts
from tests.verifier.asking import failure, told
from tests.verifier.plain import DAY
from tests.verifier.workshop import Workshop, lines, pack

NAME = "receipts"


@pytest.fixture
def life() -> Workshop:
    """Return a life with grants, a stop and an erasure."""
    life = Workshop()
    life.approve("heart")
    ada, bob, eve = (life.enrol() for _ in range(3))
    life.grant(ada, "heart")
    life.stop(life.grant(bob, "heart"))
    life.grant(eve, "heart")
    life.erase(eve)
    life.tick(8 * DAY)
    return life


def _wrong(life: Workshop, path: Path, receipts: list[Receipt]) -> tuple[str, str]:
    return failure(life.write(path / "bundle.zip"), life.policy(), receipts)[:2]


def test_receipts_of_all_that_was_done_hold(life: Workshop, tmp_path: Path) -> None:
    """Grants, stops, both of an erasure; of erased people too."""
    found = told(life.write(tmp_path / "bundle.zip"), life.policy(), life.receipts)
    assert found[NAME].holds is True
    assert {receipt.action for receipt in life.receipts} == {"grant", "stop", "erase"}


@pytest.mark.parametrize("place", range(7))
@pytest.mark.parametrize(
    "alter",
    [
        lambda receipt: replace(receipt, time=receipt.time + 1),
        lambda receipt: replace(receipt, leaf="00" * 32),
        lambda receipt: replace(receipt, index=0),
        lambda receipt: replace(receipt, index=10**6),
        lambda receipt: replace(receipt, subject="00" * 16),
        lambda receipt: replace(receipt, origin="consentry/other"),
        lambda receipt: replace(receipt, action="\x1b[31m"),
    ],
)
def test_a_receipt_whose_act_is_not_in_the_log_is_named(
    life: Workshop, tmp_path: Path, place: int, alter: Callable[[Receipt], Receipt]
) -> None:
    """Though the log key signed it: it signed something else into the log."""
    assert len(life.receipts) == 7  # as many as are altered here
    signed = life.sealed(alter(life.receipts[place]))
    name, item = _wrong(life, tmp_path, [signed])
    assert name == NAME
    assert item.isprintable()


def test_a_receipt_that_the_log_did_not_sign_is_named(life: Workshop, tmp_path: Path) -> None:
    """An invented one shows nothing."""
    for receipt in life.receipts:
        assert _wrong(life, tmp_path, [replace(receipt, signature="00" * 64)])[0] == NAME
        assert _wrong(life, tmp_path, [replace(receipt, signature="")])[0] == NAME


def test_a_receipt_of_another_consent_than_its_entrys_is_named(life: Workshop, tmp_path: Path) -> None:
    """It names address and commitment."""
    stop = next(receipt for receipt in life.receipts if receipt.action == "stop")
    for altered in (
        replace(stop, commitment="00" * 32),
        replace(stop, patient="00" * 20),
        replace(stop, by="operator"),
    ):
        assert _wrong(life, tmp_path, [life.sealed(altered)])[0] == NAME


def test_an_ignored_stop_is_caught_by_its_receipt(life: Workshop, tmp_path: Path) -> None:
    """The operator acknowledged it, never logged it, and read on: nothing but the receipt shows it."""
    given = life.grant(life.enrol(), "heart")
    index = life.stop(given, publish=False)
    receipt = life.receipts[-1]
    del life.entries[index]
    life.read(given)
    life.tick(2 * DAY)
    assert failure(life.write(tmp_path / "bundle.zip"), life.policy()) == ("", "", "")
    name, item = _wrong(life, tmp_path, [receipt])
    assert (name, item) == (NAME, f"receipt of the stop at entry {index}")


def test_a_stop_that_never_came_on_the_chain_is_caught_by_its_receipt(life: Workshop, tmp_path: Path) -> None:
    """Also of somebody who was erased, of whom nobody else can say which commitment it was."""
    ada = life.enrol()
    life.stop(life.grant(ada, "heart"), publish=False)
    receipt = life.receipts[-1]
    life.erase(ada)
    assert _wrong(life, tmp_path, [receipt]) == ("", "")
    life.tick(2 * DAY)
    assert _wrong(life, tmp_path, [receipt])[0] == NAME


def test_a_grant_that_never_came_on_the_chain_is_named_after_a_week(life: Workshop, tmp_path: Path) -> None:
    """Unless the log says that it never came there."""
    given = life.grant(life.enrol(), "heart", publish=False)
    receipt = life.receipts[-1]
    assert _wrong(life, tmp_path, [receipt]) == ("", "")
    life.tick(8 * DAY)
    assert _wrong(life, tmp_path, [receipt])[0] == NAME
    life.drop(given)
    assert _wrong(life, tmp_path, [receipt]) == ("", "")


def test_a_bundle_of_a_receipt_has_that_receipt(life: Workshop, tmp_path: Path) -> None:
    """Every one of them, and it is the smallest bundle."""
    for receipt in life.receipts:
        path = life.write(tmp_path / "bundle.zip", "receipt", index=receipt.index)
        found = told(path, life.policy())
        assert list(found)[-2:] == ["log.entries", NAME]
        assert found[NAME].holds is True
        files = life.files("receipt", index=receipt.index)
        for altered in (b"{}\n", b"[]\n", lines([receipt.to_json() | {"by": "nobody"}]), b"x\n"):
            whole = life.contents(files | {"receipts.ndjson": altered}, "receipt", index=receipt.index)
            assert failure(pack(path, whole), life.policy())[0] == NAME


def test_receipts_are_read_from_a_file_one_a_line(life: Workshop, tmp_path: Path) -> None:
    """As they were handed out; a last line without its end was never handed out whole."""
    path = tmp_path / "receipts.jsonl"
    path.write_bytes(lines([receipt.to_json() for receipt in life.receipts]) + b'{"half":')
    assert read_receipts(path) == life.receipts
    path.write_text("".join(json.dumps(receipt.to_json()) + "\n" for receipt in life.receipts))
    assert read_receipts(path) == life.receipts


@pytest.mark.parametrize(
    "content", [b"{}\n", b"[]\n", b"1\n", b"x\n", b"\xff\n", b"\n", b"[" * 10**5 + b"\n", b'{"a":1,"a":1}\n', b"NaN\n"]
)
def test_a_file_that_holds_no_receipts_is_refused(tmp_path: Path, content: bytes) -> None:
    """With what to do."""
    path = tmp_path / "receipts.jsonl"
    path.write_bytes(content)
    with pytest.raises(ReceiptFileError):
        read_receipts(path)
    with pytest.raises(ReceiptFileError):
        read_receipts(tmp_path)
    assert canonical_json([]) == b"[]"

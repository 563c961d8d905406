"""The smallest bundle: one receipt with its entry and the proof that the signed log has it."""

import io
import json
import zipfile

from consent.domain.bundle import Contents, Kind
from consent.domain.checkpoint import Checkpoint
from consent.domain.merkle import leaf_hash, verify_consistency
from consent.domain.note import unverified_text
from consent.domain.receipt import Receipt
from consent.domain.shared_paths import PathChecker
from consent.ports import AnchoredAt, StoredCertificate
from consent.services.bundles.receipts import receipt_bundle
from tests.services.bundles.lives import Read
from tests.services.house import House


def bundle_of(house: House, receipt: Receipt) -> Read | None:
    with house.open.store.reading() as unit:
        content = receipt_bundle(unit, receipt, 1_800_000_000, house.open.log.signer.sign)
    return None if content is None else Read.of(content)


def signed(house: House) -> Checkpoint:
    with house.open.store.begin() as unit:
        return Checkpoint.from_text(unverified_text(house.open.log.checkpoint(unit)))


def test_it_holds_the_receipt_and_its_entry_and_nobody_elses(house: House) -> None:
    [receipt] = house.stop(house.people[20])[:1]
    checkpoint, bundle = signed(house), bundle_of(house, receipt)
    assert bundle is not None
    assert list(bundle.files) == [
        "bundle.json", "bundle.sig", "checkpoint.txt", "consistency.ndjson", "entries.ndjson", "receipts.ndjson",
    ]  # fmt: skip
    contents = Contents.from_bytes(bundle.files["bundle.json"])
    assert (contents.kind, dict(contents.scope)) == (Kind.RECEIPT, {"index": receipt.index})
    assert bundle.lines("receipts") == [receipt.to_json()]
    [line] = bundle.lines("entries")
    assert json.loads(line["entry"])["subject"] == receipt.subject
    proof = [bytes.fromhex(one) for one in line["proof"]]
    PathChecker(checkpoint.size, checkpoint.root).check(receipt.index, leaf_hash(line["entry"].encode()), proof)


def test_there_is_none_before_a_checkpoint_covers_it(house: House) -> None:
    signed(house)
    [receipt, *_] = house.stop(house.people[21])
    assert bundle_of(house, receipt) is None
    signed(house)
    assert bundle_of(house, receipt) is not None


def test_it_stands_on_a_certified_checkpoint_where_that_covers_it(house: House) -> None:
    [first, *_] = house.stop(house.people[22])
    certified = signed(house)
    with house.open.store.begin() as unit:
        unit.certificates.add(StoredCertificate(certified.size, 1, b"\x01", bytes(96)))
    [second, *_] = house.stop(house.people[23])
    newest = signed(house)
    stands = [bundle.size for receipt in (first, second) if (bundle := bundle_of(house, receipt))]
    assert stands == [certified.size, newest.size]


def test_it_shows_that_the_anchored_log_is_the_same(house: House) -> None:
    anchored = signed(house)
    with house.open.store.begin() as unit:
        unit.log.add_anchor(AnchoredAt(anchored.size, 9, 9))
    [receipt, *_] = house.stop(house.people[24])
    newest, bundle = signed(house), bundle_of(house, receipt)
    assert bundle is not None
    [line] = [line for line in bundle.lines("consistency") if line["old"] == anchored.size]
    proof = [bytes.fromhex(one) for one in line["proof"]]
    verify_consistency(anchored.size, newest.size, proof, anchored.root, newest.root)


def test_the_log_has_no_entry_of_it_for_it_tells_nobody_anything(house: House) -> None:
    [receipt, *_] = house.stop(house.people[25])
    signed(house)
    before = len(house.log())
    with house.open.store.reading() as unit:
        content = receipt_bundle(unit, receipt, 1, house.open.log.signer.sign)
    assert zipfile.is_zipfile(io.BytesIO(content or b""))
    assert len(house.log()) == before

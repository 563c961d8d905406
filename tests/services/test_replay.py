"""The auditor's replay: each tampering is found, and called by its name."""

import json
import secrets
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import delete, insert, update

from consent.adapters.log_archive import LogArchiveFile
from consent.adapters.signing import LogKey
from consent.adapters.sql.tables import checkpoints, entries, openings
from consent.adapters.sql.tables import releases as stored_releases
from consent.domain.dsse import MANIFEST_TYPE, sign
from consent.domain.entry import Action, Entry
from consent.domain.manifest import Opening
from consent.domain.receipt import Receipt
from consent.domain.registry_replay import Chain
from consent.services.acts import read_acts
from consent.services.auditing import (
    Evidence,
    Finding,
    Replayed,
    audit_chain,
    audit_envelope,
    audit_identity,
    audit_kept,
    audit_known_checkpoint,
    audit_log,
    audit_receipts,
    audit_release,
    leaves_of,
    waiting_acts,
)
from consent.services.log import Log
from consent.signatures import verifies
from consent.wiring import read_identity
from tests.services.house import DICTIONARY, PARAMETERS, House, Template

RELEASED = 40


@pytest.fixture(scope="module")
def released(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Template:
    """Forty consent, one model is out, a checkpoint is signed; then one more consents and waits."""
    home = tmp_path_factory.mktemp("released") / "home"
    with House.copied(template, home) as house:
        receipts = house.grant(*house.people[:RELEASED])
        house.publish()
        house.open.training.train("kidneys", DICTIONARY, PARAMETERS)
        house.publish()
        receipts += house.stop(house.people[0])
        with house.open.store.begin() as unit:
            house.open.log.checkpoint(unit)
        receipts += house.grant(house.people[-1])
        (home / "receipts.jsonl").write_text("".join(json.dumps(r.to_json()) + "\n" for r in receipts))
    return Template(home, template.wallets)


@pytest.fixture
def house(released: Template, tmp_path: Path) -> Iterator[House]:
    """An open copy with a release."""
    with House.copied(released, tmp_path / "home") as opened:
        yield opened


@pytest.fixture(scope="module")
def reading_house(released: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """The same for tests that change nothing in it."""
    with House.copied(released, tmp_path_factory.mktemp("reading") / "home") as opened:
        yield opened


def receipts_of(house: House) -> list[Receipt]:
    lines = (house.open.places.home / "receipts.jsonl").read_text().splitlines()
    return [Receipt.from_json(json.loads(line)) for line in lines]


def failed(findings: Iterable[Finding]) -> list[str]:
    return [finding.name for finding in findings if finding.holds is False]


def of_log(house: House) -> list[str]:
    log, key = house.open.log, house.open.log.signer.public_key
    with house.open.store.reading() as unit:
        return failed(audit_log(unit.log, log.origin, key, partial(verifies, key)))


def of_receipts(house: House, receipts: Iterable[Receipt]) -> list[str]:
    chain, _ = audit_chain(house.open.ledger)
    verify = partial(verifies, house.open.log.signer.public_key)
    with house.open.store.reading() as unit:
        waiting = waiting_acts(unit.outbox)
        replayed = Replayed(
            chain, read_acts(unit.log), leaves_of(unit.log, receipts), waiting, int(house.clock().timestamp())
        )
    return failed(audit_receipts(receipts, replayed, verify))


def evidence_of(house: House) -> Evidence:
    with house.open.store.reading() as unit:
        [stored] = unit.studies.releases("kidneys")
    return house.open.evidence.of_release(stored)


def of_release(house: House, evidence: Evidence) -> list[str]:
    chain, _ = audit_chain(house.open.ledger)
    key = house.open.log.signer.public_key
    signed = audit_envelope(evidence, key, partial(verifies, key))
    findings = [signed, *audit_release(evidence, chain, house.open.ledger)]
    return [name.removeprefix("release.1.") for name in failed(findings)]


def test_an_honest_installation_holds(reading_house: House) -> None:
    _, history = audit_chain(reading_house.open.ledger)
    assert history.holds
    assert of_log(reading_house) == []
    assert of_receipts(reading_house, receipts_of(reading_house)) == []
    evidence = evidence_of(reading_house)
    assert of_release(reading_house, evidence) == []


def test_events_that_were_dropped_reordered_or_altered_do_not_fold(reading_house: House) -> None:
    from consent.domain.history import EMPTY_HISTORY, fold

    ledger = reading_house.open.ledger
    events = list(ledger.events(0, ledger.head().number))
    true = ledger.history(ledger.head().number)
    assert fold(EMPTY_HISTORY, events) == true
    altered = replace(events[0], time=events[0].time + 1)
    for forged in (events[1:], events[:-1], [events[1], events[0], *events[2:]], [altered, *events[1:]]):
        assert fold(EMPTY_HISTORY, forged) != true


ENTRY = entries.c.index == 5


def altered_body(house: House, body: bytes) -> None:
    with house.open.store.begin() as unit:
        unit.connection.execute(update(entries).where(ENTRY).values(body=body))


def consistently_altered(house: House) -> None:
    forged = Entry(1, "operator", Action.IMPORT, "SEALED").placed(5)
    with house.open.store.begin() as unit:
        unit.connection.execute(update(entries).where(ENTRY).values(body=forged.body, leaf=forged.leaf))


def altered_leaf(house: House) -> None:
    with house.open.store.begin() as unit:
        unit.connection.execute(update(entries).where(ENTRY).values(leaf=bytes(32)))


def dropped(house: House) -> None:
    with house.open.store.begin() as unit:
        unit.connection.execute(delete(entries).where(ENTRY))


def cut_short(house: House) -> None:
    with house.open.store.begin() as unit:
        unit.connection.execute(delete(entries).where(entries.c.index >= 20))


def swapped(house: House) -> None:
    with house.open.store.begin() as unit:
        for old, new in ((5, -1), (6, 5), (-1, 6)):
            unit.connection.execute(update(entries).where(entries.c.index == old).values(index=new))


def dropped_and_renumbered(house: House) -> None:
    """Drop one entry and let everything after it take the place before, with new bytes and leaves throughout."""
    with house.open.store.begin() as unit:
        kept = [json.loads(entry.body) for entry in unit.log.entries() if entry.index != 5]
        unit.connection.execute(delete(entries))
        rows = []
        for place, value in enumerate(kept):
            optional = {name: value[name] for name in ("verdict", "subject", "study", "operation") if name in value}
            placed = Entry(value["time"], value["actor"], Action(value["action"]), **optional).placed(place)
            rows.append({"index": place, "body": placed.body, "leaf": placed.leaf})
        unit.connection.execute(insert(entries), rows)


BOTH = ["log.entries", "log.checkpoint"]
TAMPERED: dict[str, tuple[Callable[[House], None], list[str]]] = {
    "an altered entry": (lambda house: altered_body(house, Entry(1, "x", Action.READ).body(5)), BOTH),
    "an entry that is no JSON": (lambda house: altered_body(house, b"\xff"), BOTH),
    "an entry that is an array": (lambda house: altered_body(house, b"[5]"), BOTH),
    "an entry without its place": (lambda house: altered_body(house, b'{"index":null}'), BOTH),
    "an entry altered with its leaf": (consistently_altered, ["log.checkpoint"]),
    "an altered leaf": (altered_leaf, ["log.entries"]),
    "a dropped entry": (dropped, BOTH),
    "a log cut short": (cut_short, ["log.checkpoint"]),
    "entries in another order": (swapped, BOTH),
    "a log rewritten without one entry": (dropped_and_renumbered, ["log.checkpoint"]),
}  # fmt: skip


@pytest.mark.parametrize("name", TAMPERED)
def test_a_log_that_was_tampered_with_is_named(house: House, name: str) -> None:
    tamper, findings = TAMPERED[name]
    tamper(house)
    assert of_log(house) == findings


def forged_checkpoint(house: House, log: Log, *, honest: bool = False) -> None:
    with house.open.store.begin() as unit:
        unit.connection.execute(delete(checkpoints))
        if not honest:
            consistent = Entry(1, "operator", Action.IMPORT, "SEALED").placed(5)
            unit.connection.execute(update(entries).where(ENTRY).values(body=consistent.body, leaf=consistent.leaf))
        log.checkpoint(unit)


def test_a_checkpoint_by_another_key_is_named(house: House, tmp_path: Path) -> None:
    another = LogKey.create(tmp_path / "another", lambda _context, key: key)
    forged_checkpoint(house, Log(house.open.log.origin, another, LogArchiveFile(tmp_path / "archive")))
    assert of_log(house) == ["log.checkpoint"]


def test_a_checkpoint_of_another_log_is_named(house: House, tmp_path: Path) -> None:
    archive = LogArchiveFile(tmp_path / "archive")
    forged_checkpoint(house, Log("consentry/another", house.open.log.signer, archive), honest=True)
    assert of_log(house) == ["log.checkpoint"]


@pytest.mark.parametrize("note", ["", "no note", "consentry\n5\nAAAA\n\n— x AAAA\n"])
def test_a_checkpoint_that_is_none_is_named(house: House, note: str) -> None:
    with house.open.store.begin() as unit:
        unit.connection.execute(update(checkpoints).values(note=note))
    assert of_log(house) == ["log.checkpoint"]


@pytest.mark.parametrize(
    "forge",
    [
        lambda receipt: replace(receipt, signature="00" * 64),
        lambda receipt: replace(receipt, signature=""),
        lambda receipt: replace(receipt, by="operator"),
        lambda receipt: replace(receipt, index=receipt.index + 1),
        lambda receipt: replace(receipt, index=10**9),
        lambda receipt: replace(receipt, leaf="00" * 32),
        lambda receipt: replace(receipt, commitment="", patient=""),
        lambda receipt: replace(receipt, action="anything"),
    ],
)  # fmt: skip
def test_a_forged_receipt_is_named(reading_house: House, forge: Callable[[Receipt], Receipt]) -> None:
    first, *others = receipts_of(reading_house)
    assert of_receipts(reading_house, [forge(first), *others]) == ["receipts"]


def test_a_receipt_whose_grant_is_on_neither_chain_nor_outbox_is_named(house: House) -> None:
    *_, waiting = receipts_of(house)
    assert of_receipts(house, [waiting]) == []
    with house.open.store.begin() as unit:
        unit.connection.exec_driver_sql("DELETE FROM outbox WHERE errand = 'grant'")
    assert of_receipts(house, [waiting]) == ["receipts"]


def test_a_receipt_whose_stop_never_went_out_is_named(house: House) -> None:
    stop = next(receipt for receipt in receipts_of(house) if receipt.action == "stop")
    assert of_receipts(house, [stop]) == []
    with house.open.store.begin() as unit:
        unit.connection.exec_driver_sql("DELETE FROM outbox WHERE errand = 'stop'")
    assert of_receipts(house, [stop]) == ["receipts"]


def test_a_grant_that_was_stopped_before_it_went_out_is_no_loss(house: House) -> None:
    *_, granted = receipts_of(house)
    house.stop(house.people[-1])
    assert of_receipts(house, [granted]) == []
    house.publish()
    assert of_receipts(house, [granted]) == []


def rows(evidence: Evidence, change: Callable[[dict[bytes, Opening | None]], object]) -> Evidence:
    openings = dict(evidence.openings)
    change(openings)
    return replace(evidence, openings=openings)


def first_altered(field: str, value: bytes) -> Callable[[dict[bytes, Opening | None]], object]:
    def alter(openings: dict[bytes, Opening | None]) -> None:
        leaf, opening = next(iter(openings.items()))
        assert opening is not None
        openings[leaf] = replace(opening, **{field: value})  # type: ignore[arg-type]  # bytes all

    return alter


def duplicated(openings: dict[bytes, Opening | None]) -> None:
    opening = next(iter(openings.values()))
    assert opening is not None
    twin = replace(opening, salt=secrets.token_bytes(32))
    openings[twin.leaf()] = twin


def replaced_by_a_twin(openings: dict[bytes, Opening | None]) -> None:
    openings.popitem()
    duplicated(openings)


def signed_by_another(evidence: Evidence) -> bytes:
    key = Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes_raw()
    return sign(evidence.manifest.to_bytes(), MANIFEST_TYPE, public, key.sign)


FORGED: dict[str, tuple[Callable[[Evidence], Evidence], list[str]]] = {
    "another row hash": (lambda e: rows(e, first_altered("row", bytes(32))), ["consents"]),
    "another address": (lambda e: rows(e, first_altered("patient", bytes(20))), ["consents"]),
    "another commitment": (lambda e: rows(e, first_altered("commitment", bytes(32))), ["consents"]),
    "a dropped row": (lambda e: rows(e, lambda openings: openings.popitem()), ["rows"]),
    "a person twice": (lambda e: rows(e, duplicated), ["rows", "consents"]),
    "a person twice in another's place": (lambda e: rows(e, replaced_by_a_twin), ["rows", "consents"]),
    "no rows": (lambda e: replace(e, openings={}), ["rows"]),
    "an earlier block": (
        lambda e: replace(e, manifest=replace(e.manifest, block=0)),
        ["signed", "block", "registered", "consents"],
    ),
    "a block that is not there yet": (
        lambda e: replace(e, manifest=replace(e.manifest, block=10**9)),
        ["signed", "block", "registered"],
    ),
    "another block hash": (
        lambda e: replace(e, manifest=replace(e.manifest, block_hash="00" * 32)),
        ["signed", "block", "registered"],
    ),
    "another chain": (
        lambda e: replace(e, manifest=replace(e.manifest, chain_id=5)),
        ["signed", "block", "registered"],
    ),
    "a model that nobody registered": (
        lambda e: replace(e, manifest=replace(e.manifest, model="00" * 32)),
        ["signed", "registered"],
    ),
    "other parameters": (lambda e: replace(e, manifest=replace(e.manifest, parameters={})), ["signed", "registered"]),
    "another cohort": (
        lambda e: replace(e, manifest=replace(e.manifest, cohort="00" * 32)),
        ["signed", "registered"],
    ),
    "a manifest of the first version": (
        lambda e: replace(e, manifest=replace(e.manifest, cohort="", evaluation="")),
        ["signed", "registered"],
    ),
    "no signature": (lambda e: replace(e, envelope=b""), ["signed"]),
    "another key's signature": (lambda e: replace(e, envelope=signed_by_another(e)), ["signed"]),
}


@pytest.mark.parametrize("name", FORGED)
def test_forged_evidence_is_named(reading_house: House, name: str) -> None:
    forge, findings = FORGED[name]
    assert of_release(reading_house, forge(evidence_of(reading_house))) == findings


def test_a_row_whose_person_was_erased_is_counted_apart(house: House) -> None:
    house.erase(house.people[1])
    evidence = evidence_of(house)
    assert sum(opening is None for opening in evidence.openings.values()) == 1
    chain, _ = audit_chain(house.open.ledger)
    with house.open.store.reading() as unit:
        erased = len(read_acts(unit.log).erased)
    *_, consents = audit_release(evidence, chain, house.open.ledger, erased)
    assert consents.holds
    assert f"{RELEASED - 1} rows replayed" in consents.seen
    assert "1 no longer checkable" in consents.seen


def test_rows_that_nobody_opens_are_no_excuse_when_nobody_was_erased(house: House) -> None:
    evidence = evidence_of(house)
    closed = replace(evidence, openings=dict.fromkeys(evidence.openings, None))
    chain, _ = audit_chain(house.open.ledger)
    *_, consents = audit_release(closed, chain, house.open.ledger)
    assert not consents.holds


def test_a_checkpoint_that_an_auditor_kept_finds_a_log_that_was_cut_and_signed_again(house: House) -> None:
    log, key = house.open.log, house.open.log.signer.public_key
    with house.open.store.begin() as unit:
        kept = log.checkpoint(unit)
    with house.open.store.begin() as unit:
        assert audit_known_checkpoint(unit.log, kept, log.origin, key, partial(verifies, key)).holds
        unit.connection.exec_driver_sql('DELETE FROM entries WHERE "index" = (SELECT max("index") FROM entries)')
        unit.connection.exec_driver_sql("DELETE FROM checkpoints")
        house.open.places.log_archive.unlink()
        log.checkpoint(unit)
        assert not failed(audit_log(unit.log, log.origin, key, partial(verifies, key)))
        assert not audit_known_checkpoint(unit.log, kept, log.origin, key, partial(verifies, key)).holds


def test_another_chain_or_another_key_than_the_auditor_knows_is_named(house: House) -> None:
    identity = read_identity(house.open.places.public)
    ledger = house.open.ledger
    assert not failed(audit_identity(ledger, identity, identity))
    assert failed(audit_identity(ledger, identity, replace(identity, log_key="00" * 32))) == ["installation"]
    elsewhere = replace(identity, chain_id=identity.chain_id + 1)
    assert failed(audit_identity(ledger, elsewhere, identity)) == ["chain.identity", "installation"]


def test_a_consent_counts_from_its_grant_to_its_revocation() -> None:
    from consent.domain.history import Granted, Revoked
    from consent.domain.typed_data import Address

    patient, commitment = Address(b"\x01" * 20), b"\x02" * 32
    chain = Chain.replayed([
        Granted(patient, commitment, expires=1000, block=5, time=500),
        Revoked(patient, commitment, by=patient, block=8, time=800),
        Granted(patient, commitment, expires=2000, block=9, time=900),
    ])  # fmt: skip
    key = (patient, commitment)
    assert [chain.in_force(key, block, time) for block, time in ((4, 400), (5, 500), (7, 700), (8, 800), (9, 900))] == [
        False, True, True, False, False,
    ]  # fmt: skip
    assert not chain.in_force(key, 7, 1000), "run out"


def test_a_manifest_of_a_version_before_was_not_signed(reading_house: House) -> None:
    now = evidence_of(reading_house)
    before = replace(now, envelope=b"", manifest=replace(now.manifest, cohort="", evaluation="", gate=""))
    key = reading_house.open.log.signer.public_key
    assert audit_envelope(before, key, partial(verifies, key)).holds is None


def kept(house: House) -> dict[str, bool | None]:
    """Return what is found of the releases as they are kept."""
    key = house.open.log.signer.public_key
    with house.open.store.reading() as unit:
        releases = read_acts(unit.log).releases
        found = audit_kept(unit, releases, house.open.ledger, (key, partial(verifies, key)))
        return {finding.name.removeprefix("release.1."): finding.holds for finding in found}


def test_what_is_kept_of_a_release_is_checked_without_any_key_but_for_its_consents(reading_house: House) -> None:
    holds = dict.fromkeys(["signed", "block", "registered", "rows"], True)
    assert kept(reading_house) == holds | {"consents": None}


MANGLED: dict[str, tuple[Callable[[House], object], list[str]]] = {
    "another manifest": (lambda house: mangle(house, manifest=b"manifest"), ["registered"]),
    "no manifest": (lambda house: mangle(house, manifest=None), ["kept"]),
    "no signature": (lambda house: mangle(house, envelope=b"{}"), ["signed"]),
    "a row too few": (lambda house: mangle_rows(house, delete(openings)), ["rows"]),
    "a leaf cut short": (lambda house: mangle_rows(house, update(openings).values(leaf=b"short")), ["kept"]),
}


def mangle(house: House, **changed: bytes | None) -> None:
    """Alter the stored release; its manifest by another seed, or to what is none."""
    with house.open.store.begin() as unit:
        [stored] = unit.studies.releases("kidneys")
        if changed.get("manifest") == b"manifest":
            assert b'"seed":0' in stored.manifest
            changed["manifest"] = stored.manifest.replace(b'"seed":0', b'"seed":1')
        values = {name: content or b"{}" for name, content in changed.items()}
        unit.connection.execute(update(stored_releases).values(**values))


def mangle_rows(house: House, statement: Any) -> None:
    """Alter the first of the rows."""
    with house.open.store.begin() as unit:
        [first, *_] = unit.studies.openings("kidneys", 1)
        unit.connection.execute(statement.where(openings.c.leaf == first.leaf))


@pytest.mark.parametrize("name", MANGLED)
def test_what_is_altered_of_a_kept_release_is_named(house: House, name: str) -> None:
    act, wrong = MANGLED[name]
    act(house)
    found = [finding for finding, holds in kept(house).items() if holds is False]
    assert set(wrong) <= set(found)
    assert found[0] in {*wrong, "signed"}


def test_evidence_holds_no_subject(reading_house: House) -> None:
    openings_of_rows = [opening for opening in evidence_of(reading_house).openings.values() if opening]
    text = b"".join(opening.to_bytes() for opening in openings_of_rows).hex()
    assert len(openings_of_rows) == RELEASED
    assert not [subject for subject in reading_house.people if subject in text]

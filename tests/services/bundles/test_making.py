"""Bundles are whole or not made, say the same of the same log, and are in the log before anybody has them."""

import base64
import hashlib
import io
import json
import secrets
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import update

from consent.adapters.sql.tables import consents, entries, releases
from consent.domain.bundle import Contents
from consent.domain.checkpoint import Checkpoint
from consent.domain.errors import LedgerMismatchError, LedgerUnavailableError, LogForkError, LogTreeError
from consent.domain.history import EMPTY_HISTORY, Event
from consent.domain.manifest import Opening, rows_root
from consent.domain.merkle import leaf_hash, verify_consistency
from consent.domain.note import unverified_text
from consent.domain.shared_paths import PathChecker
from consent.domain.signed_consent import SignedConsent
from consent.ports import Head, Ledger, ModelStatus, StatusChange, StoredCertificate
from consent.services.bundles.chain_files import Chain
from consent.services.bundles.making import Bundles
from consent.services.bundles.scopes import BundleError, Scope
from tests.services.bundles.lives import (
    AGREED,
    ERASED,
    LEAVING,
    Read,
    bundles_of,
    made,
    model_of,
    person,
    written,
)
from tests.services.house import DICTIONARY, PARAMETERS, House
from tests.services.served import BEDSIDE

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)


def checkpoint_of(bundle: Read) -> Checkpoint:
    return Checkpoint.from_text(unverified_text(bundle.files["checkpoint.txt"].decode()))


def at_noon(house: House) -> Bundles:
    return replace(bundles_of(house), clock=lambda: NOON)


def signed_size(house: House) -> int:
    """Have the log signed as it stands; return its size."""
    with house.open.store.begin() as unit:
        house.open.log.checkpoint(unit)
        return unit.log.size()


def test_its_table_of_contents_names_every_file_with_length_and_hash(reading_house: House) -> None:
    bundle = made(reading_house, Scope.study(BEDSIDE))
    first, second, *others = bundle.files
    contents = Contents.from_bytes(bundle.files[first])
    assert (first, second, set(others)) == ("bundle.json", "bundle.sig", set(contents.files))
    for name, facts in contents.files.items():
        content = bundle.files[name]
        assert (facts.bytes, facts.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert (contents.origin, contents.size) == (reading_house.open.log.origin, checkpoint_of(bundle).size)


def test_the_same_log_gives_the_same_bytes(reading_house: House) -> None:
    size, bundles = signed_size(reading_house), at_noon(reading_house)
    first, second = (written(bundles, Scope.everything(), at=size) for _ in range(2))
    assert first == second
    later = replace(bundles, clock=lambda: NOON.replace(hour=13))
    other, same = Read.of(written(later, Scope.everything(), at=size)), Read.of(first)
    assert {name for name in same.files if same.files[name] != other.files[name]} == {"bundle.json", "bundle.sig"}


def test_the_archive_says_nothing_of_who_made_it_and_when(reading_house: House) -> None:
    with zipfile.ZipFile(io.BytesIO(written(bundles_of(reading_house), Scope.everything()))) as archive:
        for member in archive.infolist():
            assert (member.date_time, member.extra, member.comment) == ((1980, 1, 1, 0, 0, 0), b"", b"")
            assert (member.external_attr >> 16, member.flag_bits) == (0o600, 0)


def test_each_entry_is_proven_to_be_in_the_tree_of_the_checkpoint(reading_house: House) -> None:
    bundle = made(reading_house, Scope.study("kidneys"))
    checkpoint = checkpoint_of(bundle)
    checker = PathChecker(checkpoint.size, checkpoint.root)
    for line in bundle.lines("entries"):
        proof = [bytes.fromhex(one) for one in line["proof"]]
        checker.check(line["index"], leaf_hash(line["entry"].encode()), proof)


SCOPES: dict[str, tuple[Callable[[House], Scope], Callable[[House], dict[str, Any]]]] = {
    "patient": (lambda house: Scope.patient(person(house, 5)), lambda house: {"subject": person(house, 5)}),
    "study": (lambda _: Scope.study(BEDSIDE), lambda _: {"study": BEDSIDE}),
    "model": (lambda house: Scope.model(model_of(house, BEDSIDE, 2)), lambda _: {}),
    "period": (lambda _: Scope.period(3, 9), lambda _: {}),
}


@pytest.mark.parametrize("kind", SCOPES)
def test_the_log_has_who_made_which_file_of_what(reading_house: House, kind: str) -> None:
    scope, named = SCOPES[kind]
    file = written(bundles_of(reading_house), scope(reading_house))
    entry = reading_house.log()[-1]
    assert (entry["action"], entry["actor"], entry["verdict"]) == ("export", "operator", "BUNDLE")
    facts = {"kind": kind, "sha256": hashlib.sha256(file).hexdigest(), "size": Read.of(file).size}
    more = dict(scope(reading_house).members) if kind in {"model", "period"} else {}
    assert entry["facts"] == facts | more
    assert {name: entry[name] for name in ("subject", "study") if name in entry} == named(reading_house)


def test_everything_that_was_logged_is_signed_before_it_is_given_out(house: House) -> None:
    house.stop(person(house, 7))
    assert made(house, Scope.everything()).size == len(house.log()) - 1  # all but the bundle's own entry


def watched(house: House, act: Callable[[], object], reading: int) -> Bundles:
    """Return what makes bundles, and acts as it reads the clock for the n-th time: first of all, and for its entry."""
    house.clock.watch({reading: act})
    return bundles_of(house)


@pytest.mark.parametrize("reading", [1, 2])
def test_a_stop_while_a_bundle_is_made_is_wholly_in_it_or_wholly_after_it(house: House, reading: int) -> None:
    subject, size = person(house, 8), signed_size(house)
    bundles = watched(house, lambda: house.stop(subject), reading)
    bundle = Read.of(written(bundles, Scope.patient(subject)))
    told, log = [json.loads(line["entry"]) for line in bundle.lines("entries")], house.log()
    assert bundle.size == size
    assert not any(entry["action"] == "stop" for entry in told)
    assert [entry["action"] for entry in log[size:]] == ["stop", "stop", "export"]
    later = made(house, Scope.patient(subject))
    assert sum(json.loads(line["entry"])["action"] == "stop" for line in later.lines("entries")) == 2


@dataclass(frozen=True)
class Acting:
    """A ledger that does something as its newest final block is asked for: the log was read by then."""

    ledger: Ledger
    act: Callable[[], object]

    def final(self) -> Head:
        """Act, then answer."""
        self.act()
        return self.ledger.final()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.ledger, name)


def over(house: House, changed: Callable[[Ledger], Any]) -> Bundles:
    """Return what makes bundles over another ledger."""
    bundles = bundles_of(house)

    @contextmanager
    def chain() -> Iterator[Chain]:
        with bundles.chain() as opened:
            yield replace(opened, ledger=changed(opened.ledger))

    return replace(bundles, chain=chain)


def test_what_happens_while_it_reads_is_not_in_it(house: House) -> None:
    """Consents are as the entries have them, though files of them are written after the stop."""
    subject, before = person(house, 9), made(house, Scope.patient(person(house, 9)))
    bundles = over(house, lambda ledger: Acting(ledger, lambda: house.stop(subject)))
    bundle = Read.of(written(bundles, Scope.patient(subject), at=before.size))
    assert bundle.files["consents.ndjson"] == before.files["consents.ndjson"]
    assert bundle.files["entries.ndjson"] == before.files["entries.ndjson"]


@dataclass(frozen=True)
class Forgetful:
    """A ledger that leaves the first event out."""

    ledger: Ledger

    def events(self, first: int, last: int) -> list[Event]:
        """Return all the others."""
        return list(self.ledger.events(first, last))[first == 0 :]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.ledger, name)


@dataclass(frozen=True)
class Behind:
    """A node that is far behind."""

    ledger: Ledger

    def final(self) -> Head:
        """Return an old block."""
        return self.ledger.block(1)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.ledger, name)


@pytest.mark.parametrize(("changed", "error"), [(Forgetful, LedgerMismatchError), (Behind, LedgerUnavailableError)])
def test_a_chain_that_cannot_be_relied_on_gives_no_bundle(
    reading_house: House, changed: Callable[[Ledger], Any], error: type[Exception]
) -> None:
    before = len(reading_house.log())
    with pytest.raises(error):
        written(over(reading_house, changed), Scope.everything())
    assert len(reading_house.log()) == before


def test_the_chain_is_told_to_its_newest_final_block(reading_house: House) -> None:
    bundle, ledger = made(reading_house, Scope.period(0, 9)), reading_house.open.ledger
    final = ledger.final()
    assert (bundle.json("chain")["chain_id"], bundle.json("chain")["registry"]) == (
        ledger.domain.chain_id,
        ledger.domain.contract.hex(),
    )
    events = list(ledger.events(0, final.number))
    assert len(bundle.lines("events")) == len(events) > AGREED
    assert [line["commitment"] for line in bundle.lines("events")] == [event.commitment.hex() for event in events]
    assert ledger.history(final.number) != EMPTY_HISTORY


def test_consents_are_those_that_entries_name_as_they_were_signed(reading_house: House) -> None:
    bundle = made(reading_house, Scope.study("kidneys"))
    named = {json.loads(line["entry"]).get("consent") for line in bundle.lines("entries")} - {None}
    ids = [line["consent"] for line in bundle.lines("consents")]
    assert ids == sorted(ids)
    gone = {
        entry["consent"]
        for entry in reading_house.log()
        if entry["action"] == "grant" and entry["subject"] == person(reading_house, ERASED)
    }
    assert set(ids) == named - gone
    assert named & gone
    for line in bundle.lines("consents"):
        signed = SignedConsent.from_bytes(json.dumps(line["signed"]).encode())
        assert signed.terms.study.id == "kidneys"


def test_rows_lead_to_their_consents_and_those_of_the_erased_to_nobody(reading_house: House) -> None:
    bundle = made(reading_house, Scope.study("kidneys"))
    [manifest], rows = bundle.lines("manifests"), bundle.lines("rows/0")
    payload = json.loads(base64.b64decode(manifest["envelope"]["payload"]))
    leaves = [bytes.fromhex(row["leaf"]) for row in rows]
    assert leaves == sorted(leaves)
    assert rows_root(leaves).hex() == payload["rows_root"]
    signed = {line["consent"]: line["signed"] for line in bundle.lines("consents")}
    for row in rows:
        if row["opening"] is not None:
            opening = Opening.from_bytes(bytes.fromhex(row["opening"]))
            assert opening.leaf().hex() == row["leaf"]
            assert signed[row["consent"]]["patient"] == opening.patient.hex()
    assert [row["consent"] for row in rows].count(None) == [row["opening"] for row in rows].count(None) == 1


def test_who_asked_to_be_erased_and_still_has_a_key_is_in_it(reading_house: House) -> None:
    bundle = made(reading_house, Scope.patient(person(reading_house, LEAVING)))
    assert len(bundle.lines("consents")) == 2


def test_a_bundle_joins_people_to_their_addresses_so_it_is_kept_like_what_it_is_about(reading_house: House) -> None:
    """As the threat model says: who holds one that was made before an erasure holds what the erasure took away here."""
    bundle, subject = made(reading_house, Scope.study("kidneys")), person(reading_house, LEAVING)
    joined = {line["signed"]["terms"]["subject"]: line["signed"]["patient"] for line in bundle.lines("consents")}
    assert joined[subject] in {line["patient"] for line in bundle.lines("events")}


def test_a_checkpoint_from_before_an_erasure_is_no_ground_for_what_names_its_person(house: House) -> None:
    size, subject = signed_size(house), person(house, 12)
    house.erase(subject)
    before = len(house.log())
    with pytest.raises(BundleError, match="--newest"):
        made(house, Scope.patient(subject), at=size)
    assert len(house.log()) == before
    assert made(house, Scope.patient(subject), newest=True).lines("consents") == []
    assert made(house, Scope.patient(person(house, 13)), at=size).lines("consents") != []


def test_a_consent_that_is_damaged_is_left_out_for_the_auditor_to_find(house: House) -> None:
    subject = person(house, 14)
    entry = house.open.book.entries(subject)[0]
    with house.open.store.begin() as unit:
        altered = update(consents).where(consents.c.id == entry.id)
        unit.connection.execute(altered.values(sealed=secrets.token_bytes(300)))
    told = [line["consent"] for line in made(house, Scope.patient(subject)).lines("consents")]
    assert entry.id not in told
    assert len(told) == 1


def test_sizes_that_an_auditor_kept_are_shown_to_be_of_the_same_log_and_those_on_the_chain(house: House) -> None:
    size, anchored = signed_size(house), house.open.ledger.anchored()
    house.stop(person(house, 16))
    bundle = made(house, Scope.everything(), since=[size])
    newest, told = checkpoint_of(bundle), bundle.lines("consistency")
    with house.open.store.reading() as unit:
        notes = {size: note for size, note in unit.log.checkpoints() if size < newest.size}
    assert {size, anchored.size} <= {line["old"] for line in told} <= notes.keys()
    for line in told:
        old, proof = Checkpoint.from_text(unverified_text(notes[line["old"]])), map(bytes.fromhex, line["proof"])
        verify_consistency(old.size, newest.size, list(proof), old.root, newest.root)


def test_a_size_beyond_the_log_is_refused(reading_house: House) -> None:
    with pytest.raises(BundleError, match="more entries than are signed"):
        made(reading_house, Scope.everything(), since=[100_000])


def certify(house: House, size: int, version: int = 1) -> None:
    """Store a certificate of a checkpoint, as if signers had made it."""
    with house.open.store.begin() as unit:
        unit.certificates.add(StoredCertificate(size, version, b"\x03", bytes(95) + bytes([version])))


def test_it_stands_on_the_newest_certified_checkpoint_unless_the_newest_is_wanted(house: House) -> None:
    size = signed_size(house)
    certify(house, size)
    certify(house, size, version=2)
    house.stop(person(house, 15))
    certified, newest = made(house, Scope.everything()), made(house, Scope.everything(), newest=True)
    assert certified.size == size < newest.size
    assert certified.json("certificate")["registry_version"] == 2
    assert "certificate.json" not in newest.files
    assert [line["old"] for line in newest.lines("consistency")][-1] == size


def test_a_checkpoint_that_was_not_signed_is_none_to_stand_on(reading_house: House) -> None:
    with pytest.raises(BundleError, match="no checkpoint of this size"):
        made(reading_house, Scope.everything(), at=3)


def test_what_is_served_is_the_newest_active_release(house: House) -> None:
    def served() -> dict[str, int]:
        lines = made(house, Scope.everything()).lines("served")
        assert [line["study"] for line in lines] == [BEDSIDE, "kidneys"]  # both as the log has them
        return {line["study"]: line["release"] for line in lines if line["model"] is not None}

    assert served() == {BEDSIDE: 2, "kidneys": 1}
    assert {line["study"] for line in made(house, Scope.study("kidneys")).lines("served")} == {"kidneys"}
    house.open.ledger.send(StatusChange(bytes.fromhex(model_of(house, BEDSIDE, 2)), ModelStatus.SUSPENDED))
    house.follow()
    assert served() == {"kidneys": 1}


def test_what_is_served_is_told_by_the_bytes_that_are_kept(house: House) -> None:
    with house.open.store.begin() as unit:
        unit.connection.execute(update(releases).where(releases.c.study == "kidneys").values(model=b"another"))
    [line] = made(house, Scope.study("kidneys")).lines("served")
    assert line["model"] == hashlib.sha256(b"another").hexdigest()


def test_what_the_log_withdrew_has_no_line(house: House) -> None:
    house.open.reviewing.retire("kidneys", 1, "the laboratory moved")
    assert [line["study"] for line in made(house, Scope.everything()).lines("served")] == [BEDSIDE]
    assert made(house, Scope.study("kidneys")).lines("served") == []


def test_of_a_checkpoint_from_before_a_release_it_is_said_that_nothing_of_it_is_served(house: House) -> None:
    size = signed_size(house)
    house.open.training.train("kidneys", DICTIONARY, replace(PARAMETERS, rounds=6))
    house.publish()
    bundle = made(house, Scope.study("kidneys"), at=size)
    assert bundle.lines("served") == [{"study": "kidneys", "release": 1, "model": None}]
    assert [line["release"] for line in bundle.lines("manifests")] == [1]


def test_entries_that_were_altered_are_given_to_nobody(house: House) -> None:
    size = signed_size(house)
    with house.open.store.begin() as unit:
        [entry] = unit.log.entries(20, 21)
        altered = update(entries).where(entries.c.index == 20)
        unit.connection.execute(altered.values(body=entry.body.replace(b'"operator"', b'"0perator"')))
    with pytest.raises((LogTreeError, LogForkError)):
        made(house, Scope.everything(), at=size)


def test_nothing_is_left_of_its_files_in_the_folder(reading_house: House) -> None:
    home = reading_house.open.places.home
    before = sorted(path.name for path in home.iterdir())
    made(reading_house, Scope.everything())
    with pytest.raises(BundleError):
        made(reading_house, Scope.everything(), since=[100_000])
    assert sorted(path.name for path in home.iterdir()) == before

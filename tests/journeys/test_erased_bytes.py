"""After an erasure is final: every byte there is, and every old copy, in the hands of whoever has all keys there are.

One installation on each database tells its whole story: records and files with canaries, consents on chain, a release
with its rows, backups and raw copies of the databases, two turns of the epoch, everything that any process logged.
Then one person is erased, and the adversary of `byte_search` looks at all of it.
"""

import base64
import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Final, cast

import pytest
from sqlalchemy import Connection, Table, select

from consent import wiring
from consent.adapters.fhir import read
from consent.adapters.signing import LogKey
from consent.adapters.sql.tables import consents, metadata
from consent.demo.wallets import Wallet
from consent.domain.registry_replay import Key
from consent.domain.terms import Category, SubjectId
from consent.services.book import LABEL
from consent.services.received import Attachment, ReceivedResource
from consent.wiring.backups import back_up_installation
from consent.wiring.places import Places, read_chain_keys
from tests.databases import KINDS, bytes_at_rest, databases_of, remove_home, server_files
from tests.journeys.byte_search import Loot, Row, files_under, lines_of, reached, rows_of, seen
from tests.journeys.surviving import built, finish, opened
from tests.services.house import COHORT, DICTIONARY, PARAMETERS, PASSPHRASE, STUDY, House, identifier_of, patient_bundle
from vault import PassphraseFile
from vault.epoch import SubKey
from vault.places import part_place
from vault.sql.keys import keys_of
from vault.sql.records import SealedRecord
from vault.tables import records_metadata, vault_records

ROOT = Path(__file__).parents[2]
PATIENCE = 60.0
NOBODY: Final = SubjectId("")
WITH_CANARIES = 4
SINGLE = 8
"""So many hand their consents in one by one, so that an order of arrival could show."""
CANARIES = {
    "text": b"canary-in-a-resource-5b1e",
    "name": b"Zyxographine-Quillfeather",
    "file": b"canary-in-an-attachment-77aa",
    "title": b"canary-in-a-title-c3d9",
    "identifier": b"MRN-canary-9120-8841",
}
IN_NO_ORDER = {
    table.name
    for table in (*metadata.sorted_tables, *records_metadata.sorted_tables)
    if not table.dialect_options["sqlite"]["with_rowid"]
}


def with_canaries(number: int) -> bytes:
    """Return a person's Bundle, now with a name, a second identifier and a note."""
    bundle = json.loads(patient_bundle(number))
    patient, observation = bundle["entry"][0]["resource"], bundle["entry"][1]["resource"]
    patient["name"] = [{"family": CANARIES["name"].decode()}]
    patient["identifier"].append(
        {"system": "https://mrn.example", "value": f"{CANARIES['identifier'].decode()}-{number}"}
    )
    observation["note"] = [{"text": f"{CANARIES['text'].decode()} of {number}"}]
    return json.dumps(bundle).encode()


@dataclass(slots=True)
class Story:
    """What happened, and what the adversary kept of it.

    Attributes:
        home: the installation, closed.
        copies: old copies: backups and, at `raw`, the databases' files as they lay there.
        said: all that any process logged or printed.
        subject: who was erased.
        identifiers: the keyed HMACs of their identifiers.
        joins: addresses and commitments of all their consents.
        person: their key and its sub-keys.
        dead: keys of dead epochs, their sub-keys, and their files' bytes.
        living: the 32-byte keys that exist at the end.
        loot: what was sealed and wrapped.
        last_epoch: the number of the live one.
        before: what the searches found while nobody was erased.
    """

    home: Path
    copies: Path
    said: bytes = b""
    subject: SubjectId = NOBODY
    identifiers: list[bytes] = field(default_factory=list)
    joins: list[Key] = field(default_factory=list)
    person: dict[str, bytes] = field(default_factory=dict)
    dead: dict[str, bytes] = field(default_factory=dict)
    living: dict[str, bytes] = field(default_factory=dict)
    loot: Loot | None = None
    last_epoch: int = 0
    before: set[tuple[str, str]] = field(default_factory=set)

    @property
    def copied(self) -> dict[str, bytes]:
        """Every old copy."""
        return files_under(self.copies)

    def places(self) -> dict[str, bytes]:
        """Return every byte that there is now, old copies too."""
        files = files_under(self.home, self.copies)
        return files | {"databases": bytes_at_rest(self.home), "said": self.said} | server_files(self.home)


# ----------------------------------------------------------------------------------------------------------- the story


@pytest.fixture(scope="module", params=KINDS)
def story(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """Tell the story to its end."""
    folder = tmp_path_factory.mktemp("erased")
    told, heard = Story(folder / "home", folder / "copies"), StringIO()
    wallets = built(told.home, range(COHORT), request.param).wallets
    listening, root = logging.StreamHandler(heard), logging.getLogger()
    level = root.level
    root.addHandler(listening)
    root.setLevel(logging.DEBUG)
    try:
        _tell(told, wallets)
    finally:
        root.removeHandler(listening)
        root.setLevel(level)
    told.said += heard.getvalue().encode()
    yield told
    remove_home(told.home)


def _tell(told: Story, wallets: dict[SubjectId, Wallet]) -> None:
    with opened(told.home, wallets) as house:
        told.subject = house.people[0]
        _import(house)
        for subject in reversed(house.people[:SINGLE]):
            house.grant(subject)
        house.grant(*house.people[SINGLE:-10])
    told.said += _ledger_runs(told.home)
    with opened(told.home, wallets) as house:
        _release(house)
        house.grant(told.subject)
        house.publish()
        house.stop(house.people[1])
        house.grant(told.subject)
        _keep(told, house, "first")
        house.turn_epoch()
        house.publish()
        house.grant(told.subject)
        _keep(told, house, "second")
        told.joins = [(entry.patient, entry.commitment) for entry in house.open.book.entries(told.subject)]
        told.before = seen(told.places(), told.dead)
        finish(house, told.subject, house.ask(told.subject))
        back_up_installation(house.open, told.home / "backups" / "after", house.clock())
        told.last_epoch = house.open.keys.epoch
        told.living = _living(house)


def _import(house: House) -> None:
    """Import canaries, and files with canaries behind records."""
    for number in range(WITH_CANARIES):
        found = [one for one in read([with_canaries(number)]) if isinstance(one, ReceivedResource)]
        house.open.records.deposit(found, house.clock())
        attachment = Attachment(f"scan-{number}", Category.IMAGING, "application/dicom", CANARIES["title"].decode())
        stream = [CANARIES["file"] * 50, bytes(100_000)]
        house.open.records.attach(identifier_of(number), attachment, stream, house.clock())


def _ledger_runs(home: Path) -> bytes:
    """Let `consentry ledger` publish what waits; return what it said."""
    (home / "operator" / "passphrase").write_bytes(PASSPHRASE + b"\n")
    databases = databases_of(home)
    environment = {"CONSENTRY_PUBLICATION_WINDOW": "0"}
    if databases.records:
        environment |= {"CONSENTRY_RECORDS": databases.records, "CONSENTRY_KEYS": databases.keys}
    ledger = subprocess.Popen(
        [sys.executable, "-m", "consent.cli", "ledger", str(home)],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    until = time.monotonic() + PATIENCE
    with wiring.opened_records(home, databases) as store:
        while True:
            with store.reading() as unit:
                if not unit.outbox.size():
                    break
            assert ledger.poll() is None
            assert time.monotonic() < until
            time.sleep(0.1)
    ledger.send_signal(signal.SIGTERM)
    said, _ = ledger.communicate(timeout=PATIENCE)
    (home / "operator" / "passphrase").unlink()
    assert said
    return said


def _release(house: House) -> None:
    """Train, and give an auditor the rows of the release, as bundles have them, and the model."""
    trained = house.open.training.train(STUDY.reference.id, DICTIONARY, PARAMETERS)
    house.publish()
    folder = house.open.places.home / "auditor"
    folder.mkdir()
    with house.open.store.reading() as unit:
        rows = [
            (leaf.hex(), row.to_bytes().hex()) for leaf, row in house.open.evidence.rows(unit, trained.stored) if row
        ]
    (folder / "rows.json").write_text(json.dumps(rows))
    (folder / "model.json").write_bytes(trained.stored.model)


def _keep(told: Story, house: House, name: str) -> None:
    """Take a backup and raw copies, and remember what the keys were."""
    house.open.store.forget_order()
    back_up_installation(house.open, told.copies / name, house.clock())
    raw = told.copies / name / "raw"
    raw.mkdir()
    for path in told.home.glob("*.sqlite"):  # as a snapshot between two writes has it, without what lies beside it
        shutil.copy(path, raw / path.name)
    (raw / "at-rest").write_bytes(bytes_at_rest(told.home))
    (raw / "stops").write_bytes(house.open.places.stops.read_bytes())
    (raw / "log-archive").write_bytes(house.open.places.log_archive.read_bytes())
    _remember(told, house)


def _remember(told: Story, house: House) -> None:
    keys, subject = house.open.keys, told.subject
    [key], number = keys.unwrap([subject]).values(), keys.epoch
    told.person = {"K_p": key.secret} | {f"K_p {use}": key.sub_key(use) for use in SubKey}
    epoch, file = keys._epoch, house.settings.replicas[0] / f"epoch-{number}.key"
    told.dead |= {f"E_{number}": epoch.secret, f"E_{number} at rest": file.read_bytes()}
    told.dead |= {f"E_{number} {use}": getattr(epoch.for_content(), f"_{use}_key") for use in ("mac", "seal")}
    with house.open.store.reading() as unit:
        told.identifiers = [bytes(mac) for mac in unit.patients.identifiers(subject)]
        loot = _loot(house, unit.connection, subject)
    former = told.loot.wrapped if told.loot else ()
    told.loot = Loot(loot.tenant, subject, former + loot.wrapped, loot.records, loot.parts)


def _loot(house: House, connection: Connection, subject: SubjectId) -> Loot:
    tenant, keys = house.open.vault.tenant, house.open.keys
    with keys._engine.connect() as wrapping:
        wrapped = tuple(bytes(row.wrapped) for row in keys_of(wrapping, keys.epoch, [subject]))
    records = connection.execute(select(vault_records).where(vault_records.c.subject == subject)).all()
    signed = connection.execute(select(consents).where(consents.c.subject == subject)).all()
    return Loot(
        tenant,
        subject,
        wrapped,
        tuple(SealedRecord(r.subject, r.record_id, r.version, r.category, r.state, bytes(r.sealed)) for r in records),
        tuple((bytes(one.sealed), part_place(tenant, subject, LABEL, one.id.encode())) for one in signed),
    )


def _living(house: House) -> dict[str, bytes]:
    """Return every key that exists: R and what it derives, the live epoch's, everybody else's, chain's and log's."""
    keys, places = house.open.keys, Places(house.open.places.home)
    root, chain = PassphraseFile.open(places.root_key, PASSPHRASE), read_chain_keys(places)
    epoch = keys._epoch
    signer = cast("LogKey", house.open.log.signer)
    found = {"R": root._root, "E": epoch.secret, "log": signer._key.private_bytes_raw()}
    found |= {f"derived {label}": keys.installation_key(label) for label in ("identifiers", "projection")}
    found |= {f"E {use}": getattr(epoch.for_content(), f"_{use}_key") for use in ("mac", "seal")}
    found |= {f"chain {name}": getattr(chain, name) for name in ("operator", "relayer", "custodian", "anchor")}
    for subject, key in keys.unwrap(keys.subjects()).items():
        found |= {f"K of {subject}": key.secret} | {f"K {use} of {subject}": key.sub_key(use) for use in SubKey}
    return found


# ---------------------------------------------------------------------------------------------------------- the search


def test_no_canary_stands_anywhere_in_clear(story: Story) -> None:
    places = story.places()
    assert len(places) > 30
    assert seen(places, CANARIES) == set()


def test_the_erased_persons_key_and_the_dead_epochs_stand_nowhere(story: Story) -> None:
    assert seen(story.places(), story.person | story.dead) == set()


def test_before_the_erasure_the_epochs_key_lay_in_its_replicas(story: Story) -> None:
    """The search above can fail: so it found what was there."""
    places = {place for place, name in story.before if name == "E_2 at rest"}
    assert {Path(place).parent.name for place in places} == {"epoch-a", "epoch-b"}
    assert {name for _, name in story.before} == {"E_2 at rest"}, "the first epoch was dead by then"


def test_the_search_finds_a_secret_in_whatever_form() -> None:
    secret = CANARIES["text"]
    coded = base64.b64encode(b"a" + secret + b"bc")
    for written in (secret, secret.hex().encode(), coded, secret.decode().encode("utf-16")):
        assert seen({"file": b"before" + written + b"after"}, {"text": secret}) == {("file", "text")}
    assert seen({"file": secret[1:]}, {"text": secret}) == set()


def test_the_wrapped_keys_are_in_old_copies_and_no_key_that_exists_unwraps_them(story: Story) -> None:
    assert story.loot
    assert len(story.loot.wrapped) == 2
    named = {f"wrapped {number}": wrapped for number, wrapped in enumerate(story.loot.wrapped, 1)}
    assert {name for _, name in seen(story.copied, named)} == set(named), "the copies do hold them"
    epochs = range(1, story.last_epoch + 2)
    assert story.loot.unwrapped(story.living.values(), epochs) == set()
    assert story.loot.unwrapped([story.dead["E_1"]], epochs) == {story.person["K_p"]}, "the dead key would"
    assert story.loot.unwrapped([story.dead["E_2"]], epochs) == {story.person["K_p"]}


def test_nothing_sealed_of_the_erased_person_opens_with_any_key_that_exists(story: Story) -> None:
    assert story.loot
    things = len(story.loot.records) + len(story.loot.parts)
    assert things > 6
    assert story.loot.opened([story.person["K_p"]]) == things, "their own key would"
    assert story.loot.opened(story.living.values()) == 0


def test_nobody_elses_key_is_new_after_the_erasure(story: Story) -> None:
    assert sum(name.startswith("K of") for name in story.living) == COHORT - 1
    assert story.last_epoch == 3


# -------------------------------------------------------------------------------------------------------- what joins up


def _databases(story: Story) -> list[Path]:
    return sorted(path for path in story.copies.rglob("*.sqlite"))


def _old_rows(story: Story) -> list[Row]:
    """Return the rows of all backups and raw copies, with the lines of stop lists and archives, old and new."""
    tables = [rows for path in _databases(story) for rows in rows_of(path).values()]
    operator = story.home / "operator"
    lists = [path for name in ("stops", "log-archive") for path in (*story.copies.rglob(name), operator / name)]
    return [row for rows in (*tables, *map(lines_of, lists)) for row in rows]


def _names(story: Story) -> list[bytes]:
    """Return what the adversary knows the person by: the SubjectId, as text and as bytes, and identifiers' HMACs."""
    return [story.subject.encode(), bytes.fromhex(story.subject), *story.identifiers]


def _joined(story: Story, rows: Sequence[Row], names: Sequence[bytes]) -> set[tuple[str, str]]:
    """Return which addresses and commitments of the person stand in rows that their names are joined to."""
    there = {str(at): raw for at, raw in enumerate(reached(rows, names))}
    assert there, "the copies do name the person"
    secrets: dict[str, bytes] = {f"address {at}": patient for at, (patient, _) in enumerate(story.joins)}
    secrets |= {f"commitment {at}": commitment for at, (_, commitment) in enumerate(story.joins)}
    return seen({"reached": b"\0".join(there.values())}, secrets)


def test_no_old_copy_joins_the_erased_person_to_an_address_or_a_commitment(story: Story) -> None:
    assert len(story.joins) == 4
    assert len(story.identifiers) == 2
    rows = _old_rows(story)
    assert _joined(story, rows, _names(story)) == set()


def test_an_outsider_with_one_row_that_joins_would_have_them(story: Story) -> None:
    """The test above can fail: over two rows and three."""
    rows, [(patient, commitment), *_] = _old_rows(story), story.joins
    assert _joined(story, [*rows, (story.subject, patient)], _names(story)) >= {("reached", "address 0")}
    link = b"a link of two rows"
    linked = [*rows, (story.identifiers[0], 7, link), (json.dumps({"seen": [link.hex(), commitment.hex()]}),)]
    assert ("reached", "commitment 0") in _joined(story, linked, _names(story))


def test_the_rows_of_a_release_do_not_join_them_either(story: Story) -> None:
    """Of a bundle that was made before, its rows alone: what its consents say joins them, for that is what they are."""
    rows = json.loads((story.home / "auditor" / "rows.json").read_bytes())
    opened_rows: list[Row] = [(bytes.fromhex(leaf), bytes.fromhex(row)) for leaf, row in rows]
    assert seen({"rows": b"".join(bytes.fromhex(row) for _, row in rows)}, {"address": story.joins[0][0]})
    assert _joined(story, [*_old_rows(story), *opened_rows], _names(story)) == set()


def _is_sorted(table: Table, rows: Sequence[Row], order: Sequence[str]) -> bool:
    """Say whether rows come by these columns, then by the table's key: as one of its indexes has them."""
    names = [column.name for column in table.columns]
    places = [names.index(name) for name in (*order, *(column.name for column in table.primary_key.columns))]
    keys = [tuple((row[place] is None, row[place]) for place in places) for row in rows]
    return keys == sorted(keys)


def test_tables_come_out_sorted_by_their_keys_and_not_as_rows_came(story: Story) -> None:
    tables = {table.name: table for table in (*metadata.sorted_tables, *records_metadata.sorted_tables)}
    looked_at = 0
    for path in _databases(story):
        for name, rows in rows_of(path).items():
            if name not in IN_NO_ORDER:
                continue
            orders = [[], *([column.name for column in index.columns] for index in tables[name].indexes)]
            assert any(_is_sorted(tables[name], rows, order) for order in orders), (path.parent.name, name)
            looked_at += len(rows) > 1
    assert looked_at > 10

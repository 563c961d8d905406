"""What holds of an installation after any crash: its parts agree, nobody lost a record, and the erased are gone."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest
from sqlalchemy import inspect, text

from consent import wiring
from consent.adapters.log_archive import LogArchiveFile
from consent.demo.wallets import Wallet
from consent.domain.checkpoint import Checkpoint
from consent.domain.merkle import leaf_hash, tree_root
from consent.domain.note import unverified_text
from consent.domain.request_file import RequestFile
from consent.domain.terms import Category, SubjectId
from consent.services.erasure import AlreadyErasedError, NoErasureError
from tests.services.house import Clock, House, Template, identifier_of, received, settings_of
from vault import Access, Admission, Admitted, KeyNotFoundError, PassphraseFile
from vault.passphrase import Cost

CATEGORIES: Final = frozenset(category.value for category in Category)
ROUNDS: Final = 4
"""After so many an erasure is final: after a crash what is on its way to the chain goes first, then the outbox anew."""
Records = Mapping[SubjectId, Collection[bytes]]


class OpenGate:
    """Lets anybody read anything."""

    def admit(self, subjects: Sequence[str], _access: Access) -> Admission:
        """Admit all."""
        return dict.fromkeys(subjects, Admitted(CATEGORIES, None, None, bytes(32)))


def built(home: Path, people: Sequence[int], kind: str) -> Template:
    """Build an installation whose root key opens quickly: it is opened some hundred times."""
    with pytest.MonkeyPatch.context() as patch:
        quick = Cost(iterations=1, lanes=1, memory_kib=8)
        patch.setattr(PassphraseFile.create.__func__, "__defaults__", (quick,))  # type: ignore[attr-defined]
        return Template.built(home, people, kind="postgresql" if kind == "postgresql" else "sqlite")


@contextmanager
def opened(home: Path, wallets: dict[SubjectId, Wallet]) -> Iterator[House]:
    """Open an installation that backs its keys up at every turn of the epoch."""
    settings, clock = replace(settings_of(home), backups=home / "backups"), Clock()
    (home / "backups" / "keys").mkdir(parents=True, exist_ok=True)
    with wiring.opened_ledger(settings, clock) as room:
        yield House(settings, clock, room, wallets)


def contents(house: House, subjects: Sequence[SubjectId]) -> dict[SubjectId, list[bytes]]:
    """Return the bytes of all current records of these people, past every consent."""
    access = Access("test", "", "access", frozenset(), CATEGORIES)
    with house.open.store.reading() as unit:
        openings = house.open.vault.read(unit.connection, OpenGate(), access, subjects)
        return {SubjectId(one.subject): sorted(record.content for record in one.records) for one in openings}


def finish(house: House, subject: SubjectId, file: RequestFile) -> None:
    """Ask for an erasure where nothing of it is known, and see it through."""
    with suppress(AlreadyErasedError):
        house.open.erasures.request(file)
    for _ in range(ROUNDS):
        house.anchor()
        house.open.keep_house()
        if "FINAL" in states(house, subject):
            return
    standing = {erasure.subject: waits for erasure, waits in house.open.erasures.standing(house.open.anchored())}
    raise AssertionError(f"the erasure does not become final: {states(house, subject)}, it waits: {standing[subject]}")


def states(house: House, subject: SubjectId) -> list[str]:
    """Return the states of a person's erasure, in the order of the log."""
    return [said["verdict"] for said in house.log() if said["action"] == "erase" and said["subject"] == subject]


def named(house: House, action: str, verdict: str, name: str = "subject") -> set[str]:
    """Return whom, or what, entries of this kind name."""
    return {said[name] for said in house.log() if (said["action"], said.get("verdict")) == (action, verdict)}


def assert_all_agree(house: House) -> None:
    """Log, stop list, archive, checkpoints, chain, keys and replicas say the same."""
    assert_log_is_whole(house)
    state, shredded = house.open.stops.state(), named(house, "erase", "KEY_DELETED")
    assert state.stopped == named(house, "stop", "STOPPED", "consent")
    assert state.blocked == named(house, "erase", "BLOCKED")
    assert state.shredded == shredded
    with house.open.store.reading() as unit:
        patients = {patient.subject for patient in unit.patients.everyone()}
        known = {row.mac.hex() for row in unit.connection.execute(text("SELECT mac FROM identifiers"))}
    assert set(house.open.keys.subjects()) >= patients - shredded
    assert not set(house.open.keys.subjects()) & shredded
    assert not patients & named(house, "erase", "EPOCH_TURNED")
    if not shredded - named(house, "erase", "EPOCH_TURNED"):  # else a bury may have been cut short
        assert not state.tombstoned & known
    assert_one_epoch(house)


def assert_log_is_whole(house: House) -> None:
    """What was signed, archived and anchored is this log's beginning."""
    archive = LogArchiveFile(house.open.places.log_archive)
    with house.open.store.reading() as unit:
        bodies = [entry.body for entry in unit.log.entries()]
        note = unit.log.latest_checkpoint()
    assert note is not None
    leaves = [leaf_hash(body) for body in bodies]
    signed, anchored = Checkpoint.from_text(unverified_text(note)), house.open.ledger.anchored()
    assert list(archive.bodies()) == bodies[: archive.size()]
    assert anchored.size <= signed.size <= archive.size() <= len(bodies)
    assert signed.root == tree_root(leaves[: signed.size])
    assert anchored.size == 0 or anchored.root == tree_root(leaves[: anchored.size])
    assert [json.loads(body)["index"] for body in bodies] == list(range(len(bodies)))


def assert_one_epoch(house: House) -> None:
    """One epoch lives; of every other one, drafted or dead, neither key nor store is left."""
    keys = house.open.keys
    assert keys.undestroyed == ()
    assert keys.missing_replicas == ()
    for folder in house.settings.replicas:
        assert [file.name for file in folder.iterdir()] == [f"epoch-{keys.epoch}.key"]
    stores = [name for name in inspect(keys._engine).get_table_names() if name.startswith("wrapped_keys")]
    assert stores == [f"wrapped_keys_{keys.epoch}"]


def assert_gone(house: House, subject: SubjectId, number: int) -> None:
    """Nobody opens, reads or imports anything of a person any more."""
    assert house.verdict(subject) == "BLOCKED"
    with pytest.raises(KeyNotFoundError):
        contents(house, [subject])
    with house.open.store.reading() as unit:
        for table in ("vault_records", "vault_parts", "vault_derived", "consents", "patients", "identifiers"):
            rows = unit.connection.execute(
                text(f"SELECT COUNT(*) FROM {table} WHERE subject = :subject"),  # noqa: S608  # ours
                {"subject": subject},
            )
            assert rows.scalar_one() == 0, table
    again = house.open.records.deposit(received(number), house.clock())
    assert (again.subjects, again.erased) == (frozenset(), 3)
    assert house.open.records.subject_of(identifier_of(number)) is None


def is_final(house: House, subject: SubjectId) -> bool:
    """Say whether an erasure has its receipt."""
    try:
        house.open.erasures.receipt(subject)
    except NoErasureError:
        return False
    return True

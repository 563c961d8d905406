"""Frozen vectors of sealed records and parts of attachments: few open, and each of the rest is a way to meddle."""

import hmac
import json
from pathlib import Path
from typing import Any, Final

import pytest

from vault import DecryptionError, Deposit
from vault.cobblestone import bind
from vault.deposits import SubjectSeal
from vault.epoch import PatientKey
from vault.places import attachment_place
from vault.sealing import unseal_ready
from vault.sql.records import SealedRecord

VECTORS: Final = json.loads((Path(__file__).parents[1] / "vectors" / "sealed.json").read_text())


def seal_of(vector: dict[str, Any]) -> SubjectSeal:
    return SubjectSeal(vector["tenant"], vector["subject"], PatientKey(bytes.fromhex(vector["patient_key"])))


@pytest.mark.parametrize("vector", VECTORS["records"], ids=lambda vector: vector["name"])
def test_every_sealed_record_has_its_outcome(vector: dict[str, Any]) -> None:
    seal, sealed = seal_of(vector), bytes.fromhex(vector["sealed"])
    place = (vector["subject"], vector["record_id"], vector["version"], vector["category"])
    record = SealedRecord(*place, "current", sealed)
    if vector["outcome"] == "opens":
        assert seal.opened(record) == bytes.fromhex(vector["plaintext"])
        again = seal.sealed(*place[1:3], Deposit(place[0], place[3], bytes.fromhex(vector["plaintext"])), sealed[1:25])
        assert again == record
    else:
        with pytest.raises(DecryptionError):
            seal.opened(record)


@pytest.mark.parametrize("vector", VECTORS["parts"], ids=lambda vector: vector["name"])
def test_every_part_of_an_attachment_has_its_outcome(vector: dict[str, Any]) -> None:
    seal = seal_of(vector)
    record = seal.place(vector["record_id"], vector["version"], vector["category"])
    place = attachment_place(record, vector["part"], last=vector["last"])
    if vector["outcome"] == "opens":
        assert unseal_ready(seal.key, bytes.fromhex(vector["sealed"]), place) == bytes.fromhex(vector["plaintext"])
    else:
        with pytest.raises(DecryptionError):
            unseal_ready(seal.key, bytes.fromhex(vector["sealed"]), place)


def test_a_named_records_id_is_the_frozen_one() -> None:
    vector = VECTORS["records"][0]
    assert seal_of(vector).record_id("Observation/7") == vector["record_id"]
    index = hmac.new(bytes.fromhex(vector["patient_key"]), bind(b"vault.sub-key.v1", b"index") + b"\1", "sha512")
    mac = hmac.new(index.digest()[:32], b"Observation/7", "sha256").digest()
    assert mac[:16].hex() == vector["record_id"]


def test_most_vectors_must_fail_and_no_two_are_the_same() -> None:
    every = [*VECTORS["records"], *VECTORS["parts"]]
    assert sum(vector["outcome"] == "fails" for vector in every) > 0.9 * len(every)
    assert len({json.dumps(vector | {"name": ""}) for vector in every}) == len(every)
    assert len({vector["name"] for vector in every}) == len(every)

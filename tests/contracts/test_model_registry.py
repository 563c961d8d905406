"""The model registry: one status a model, retired for ever, by its owner only."""

import pytest

from consent.adapters.contract_calls import ContractCalls
from consent.domain.errors import LedgerRejectedError
from consent.domain.hashing import keccak
from consent.domain.typed_data import word
from consent.ports import ModelStatus
from tests.chains import Stage

MODEL, MANIFEST = bytes([1]) * 32, bytes([2]) * 32


def status(models: Stage) -> ModelStatus:
    return ModelStatus(int.from_bytes(models.ask("status_of", MODEL)))


def test_a_registered_model_is_active_and_keeps_its_manifest(models: Stage) -> None:
    assert status(models) is ModelStatus.UNKNOWN
    models.send(models.deployer, "register", MODEL, MANIFEST)
    assert status(models) is ModelStatus.ACTIVE
    assert models.ask("manifest_of", MODEL) == MANIFEST
    assert models.logs()[-1].topics == (keccak(b"Registered(bytes32,bytes32)"), MODEL, MANIFEST)


def test_a_model_is_suspended_taken_back_and_retired(models: Stage) -> None:
    models.send(models.deployer, "register", MODEL, MANIFEST)
    for change in (ModelStatus.SUSPENDED, ModelStatus.ACTIVE, ModelStatus.RETIRED):
        models.send(models.deployer, "set_status", MODEL, int(change))
        assert status(models) is change
        log = models.logs()[-1]
        assert (log.topics, log.words) == ((keccak(b"StatusChanged(bytes32,uint8)"), MODEL), word(change))


@pytest.mark.parametrize("change", list(ModelStatus))
def test_retired_is_final(models: Stage, change: ModelStatus) -> None:
    models.send(models.deployer, "register", MODEL, MANIFEST)
    models.send(models.deployer, "set_status", MODEL, int(ModelStatus.RETIRED))
    with pytest.raises(LedgerRejectedError, match="models: model is retired"):
        models.send(models.deployer, "set_status", MODEL, int(change))
    with pytest.raises(LedgerRejectedError, match="models: model is already registered"):
        models.send(models.deployer, "register", MODEL, MANIFEST)


def test_a_model_is_registered_once(models: Stage) -> None:
    models.send(models.deployer, "register", MODEL, MANIFEST)
    with pytest.raises(LedgerRejectedError, match="models: model is already registered"):
        models.send(models.deployer, "register", MODEL, bytes([3]) * 32)
    assert models.ask("manifest_of", MODEL) == MANIFEST


@pytest.mark.parametrize("unknown", [0, 4, 255])
def test_there_is_no_other_status(models: Stage, unknown: int) -> None:
    models.send(models.deployer, "register", MODEL, MANIFEST)
    with pytest.raises(LedgerRejectedError, match="models: no such status"):
        models.send(models.deployer, "set_status", MODEL, unknown)


def test_an_unregistered_model_has_no_status_to_change(models: Stage) -> None:
    with pytest.raises(LedgerRejectedError, match="models: model is not registered"):
        models.send(models.deployer, "set_status", MODEL, int(ModelStatus.ACTIVE))


def test_only_the_owner_writes(models: Stage) -> None:
    with pytest.raises(LedgerRejectedError, match="models: caller is not the owner"):
        models.send(models.stranger, "register", MODEL, MANIFEST)
    models.send(models.deployer, "register", MODEL, MANIFEST)
    with pytest.raises(LedgerRejectedError, match="models: caller is not the owner"):
        models.send(models.stranger, "set_status", MODEL, int(ModelStatus.SUSPENDED))
    assert models.ask("owner") == word(models.deployer.address)


def test_a_status_outside_its_type_never_leaves(models: Stage) -> None:
    with pytest.raises(LedgerRejectedError, match="wrong size"):
        ContractCalls("model_registry").encode("set_status", MODEL, 256)

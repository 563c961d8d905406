"""The model registry: one status a model, retired for ever, by its owner only."""

from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consent.adapters.contract_calls import ContractCalls
from consent.domain.errors import LedgerRejectedError
from consent.domain.hashing import keccak
from consent.domain.held_role import ZERO, HeldRole
from consent.domain.model_registry import ModelRegistry
from consent.domain.typed_data import word
from consent.ports import ModelStatus
from tests.chains import Stage, refusal

MODEL, MANIFEST = bytes([1]) * 32, bytes([2]) * 32


def status(models: Stage) -> ModelStatus:
    return ModelStatus(int.from_bytes(models.ask("status_of", MODEL)))


def test_a_registered_model_is_active_and_keeps_its_manifest(models: Stage) -> None:
    assert status(models) is ModelStatus.UNKNOWN
    models.send(models.holder, "register", MODEL, MANIFEST)
    assert status(models) is ModelStatus.ACTIVE
    assert models.ask("manifest_of", MODEL) == MANIFEST
    assert models.logs()[-1].topics == (keccak(b"Registered(bytes32,bytes32)"), MODEL, MANIFEST)


def test_a_model_is_suspended_taken_back_and_retired(models: Stage) -> None:
    models.send(models.holder, "register", MODEL, MANIFEST)
    for change in (ModelStatus.SUSPENDED, ModelStatus.ACTIVE, ModelStatus.RETIRED):
        models.send(models.holder, "set_status", MODEL, int(change))
        assert status(models) is change
        log = models.logs()[-1]
        assert (log.topics, log.words) == ((keccak(b"StatusChanged(bytes32,uint8)"), MODEL), word(change))


@pytest.mark.parametrize("change", list(ModelStatus))
def test_retired_is_final(models: Stage, change: ModelStatus) -> None:
    models.send(models.holder, "register", MODEL, MANIFEST)
    models.send(models.holder, "set_status", MODEL, int(ModelStatus.RETIRED))
    with pytest.raises(LedgerRejectedError, match="models: model is retired"):
        models.send(models.holder, "set_status", MODEL, int(change))
    with pytest.raises(LedgerRejectedError, match="models: model is already registered"):
        models.send(models.holder, "register", MODEL, MANIFEST)


def test_a_model_is_registered_once(models: Stage) -> None:
    models.send(models.holder, "register", MODEL, MANIFEST)
    with pytest.raises(LedgerRejectedError, match="models: model is already registered"):
        models.send(models.holder, "register", MODEL, bytes([3]) * 32)
    assert models.ask("manifest_of", MODEL) == MANIFEST


@pytest.mark.parametrize("unknown", [0, 4, 255])
def test_there_is_no_other_status(models: Stage, unknown: int) -> None:
    models.send(models.holder, "register", MODEL, MANIFEST)
    with pytest.raises(LedgerRejectedError, match="models: no such status"):
        models.send(models.holder, "set_status", MODEL, unknown)


def test_an_unregistered_model_has_no_status_to_change(models: Stage) -> None:
    with pytest.raises(LedgerRejectedError, match="models: model is not registered"):
        models.send(models.holder, "set_status", MODEL, int(ModelStatus.ACTIVE))


def test_only_the_owner_writes(models: Stage) -> None:
    with pytest.raises(LedgerRejectedError, match="models: caller is not the owner"):
        models.send(models.stranger, "register", MODEL, MANIFEST)
    models.send(models.holder, "register", MODEL, MANIFEST)
    with pytest.raises(LedgerRejectedError, match="models: caller is not the owner"):
        models.send(models.stranger, "set_status", MODEL, int(ModelStatus.SUSPENDED))
    assert models.ask("owner") == word(models.holder.address)


def test_who_deploys_has_no_say(models: Stage) -> None:
    for function, arguments in (("register", (MODEL, MANIFEST)), ("propose_owner", (models.deployer.address,))):
        with pytest.raises(LedgerRejectedError, match="models: caller is not the owner"):
            models.send(models.deployer, function, *arguments)


def test_the_role_passes_in_two_steps(models: Stage) -> None:
    former, heir = models.holder.address, models.stranger.address
    models.send(models.holder, "propose_owner", heir)
    assert models.logs()[-1].topics == (keccak(b"OwnerProposed(address,address)"), word(former), word(heir))
    assert (models.ask("owner"), models.ask("pending_owner")) == (word(former), word(heir))
    with pytest.raises(LedgerRejectedError, match="models: caller was not proposed"):
        models.send(models.patient, "accept_owner")
    models.send(models.stranger, "accept_owner")
    assert models.logs()[-1].topics == (keccak(b"OwnerChanged(address,address)"), word(former), word(heir))
    assert (models.ask("owner"), models.ask("pending_owner")) == (word(heir), bytes(32))
    models.send(models.stranger, "register", MODEL, MANIFEST)
    with pytest.raises(LedgerRejectedError, match="models: caller is not the owner"):
        models.send(models.holder, "set_status", MODEL, int(ModelStatus.RETIRED))
    with pytest.raises(LedgerRejectedError, match="models: caller was not proposed"):
        models.send(models.stranger, "accept_owner")


def test_an_offer_of_the_role_can_be_taken_back(models: Stage) -> None:
    models.send(models.holder, "propose_owner", models.stranger.address)
    models.send(models.holder, "propose_owner", bytes(20))
    with pytest.raises(LedgerRejectedError, match="models: caller was not proposed"):
        models.send(models.stranger, "accept_owner")


def test_a_model_registry_needs_an_owner(models: Stage) -> None:
    with pytest.raises(LedgerRejectedError, match="models: owner is zero"):
        models.evm.send(models.deployer.key, None, models.calls.creation(("address",), bytes(20)))


acts = st.one_of(
    st.tuples(st.just("register"), st.sampled_from((MODEL, MANIFEST)), st.sampled_from((MODEL, MANIFEST))),
    st.tuples(st.just("set_status"), st.sampled_from((MODEL, MANIFEST)), st.integers(0, 4)),
    st.tuples(st.just("propose_owner"), st.integers(0, 2)),
    st.tuples(st.just("accept_owner")),
)


@given(acts=st.lists(st.tuples(st.integers(0, 1), acts), max_size=20))
@settings(deadline=None, max_examples=40)
def test_contract_and_twin_agree(acts: list[tuple[int, tuple[str, *tuple[Any, ...]]]]) -> None:
    stage = Stage("model_registry")
    twin = ModelRegistry(HeldRole("models", "owner", stage.holder.address))
    senders = (stage.holder, stage.stranger)
    for sender, (function, *drawn) in acts:
        offered = (stage.holder.address, stage.stranger.address, ZERO)
        arguments = [offered[drawn[0]]] if function == "propose_owner" else drawn
        outcome = refusal(partial(getattr(twin, function), senders[sender].address, *arguments))
        assert refusal(partial(stage.send, senders[sender], function, *arguments)) == outcome
    assert (stage.ask("owner"), stage.ask("pending_owner")) == (word(twin.owner.holder), word(twin.owner.proposed))
    for model in (MODEL, MANIFEST):
        assert stage.ask("status_of", model) == word(twin.status_of.get(model, 0))
        assert stage.ask("manifest_of", model) == twin.manifest_of.get(model, bytes(32))


def test_a_status_outside_its_type_never_leaves(models: Stage) -> None:
    with pytest.raises(LedgerRejectedError, match="wrong size"):
        ContractCalls("model_registry").encode("set_status", MODEL, 256)

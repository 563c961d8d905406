"""The registry's custodian ends consents and starts none, passes on the role, names a successor; nobody does more."""

from dataclasses import replace
from typing import Final

import pytest

import contracts
from consent.domain.errors import LedgerRejectedError
from consent.domain.grant import BATCH_LIMIT
from consent.domain.hashing import keccak
from consent.domain.history import EMPTY_HISTORY, Granted, fold
from consent.domain.terms import SubjectId
from consent.domain.typed_data import Address, SigningDomain, word
from tests.chains import CHAIN_ID, DAY, RegistryStage, grant_fields, refusal
from tests.wallets import Wallet

STOPS_A_DAY: Final = 512
COMMITMENT: Final = bytes(range(32))


@pytest.mark.parametrize("who", ["stranger", "patient", "deployer"])
def test_only_the_custodian_stops(registry: RegistryStage, who: str) -> None:
    with pytest.raises(LedgerRejectedError, match="registry: caller is not the custodian"):
        registry.stop(getattr(registry, who), (registry.patient.address, COMMITMENT))


def test_a_stop_names_patients(registry: RegistryStage) -> None:
    with pytest.raises(LedgerRejectedError, match="registry: patient is zero"):
        registry.stop(registry.custodian, (Address(bytes(20)), COMMITMENT))
    with pytest.raises(LedgerRejectedError, match="registry: lists differ in length"):
        registry.send(registry.custodian, "stop", [registry.patient.address], [])
    with pytest.raises(LedgerRejectedError, match="registry: nothing to revoke"):
        registry.stop(registry.custodian)


def test_the_custodian_cannot_grant_for_a_patient(registry: RegistryStage) -> None:
    forged = registry.signed(by=registry.custodian)
    with pytest.raises(LedgerRejectedError, match="registry: bad signature"):
        registry.grant(replace(forged, patient=registry.patient.address))
    registry.send(registry.custodian, "grant_own", COMMITMENT, registry.now + DAY)
    assert [event.patient for event in registry.events()] == [registry.custodian.address]


def test_the_custodian_stops_512_a_day_and_repeating_a_stop_costs_none(registry: RegistryStage) -> None:
    patient = registry.patient.address
    registry.now += DAY - registry.now % DAY
    pairs = [(patient, word(n)) for n in range(STOPS_A_DAY)]
    registry.stop(registry.custodian, *pairs[:BATCH_LIMIT])
    registry.stop(registry.custodian, *pairs[:BATCH_LIMIT])
    registry.stop(registry.custodian, *pairs[BATCH_LIMIT:])
    with pytest.raises(LedgerRejectedError, match="registry: too many stops today"):
        registry.stop(registry.custodian, (patient, COMMITMENT))
    registry.now += DAY
    registry.stop(registry.custodian, (patient, COMMITMENT))
    assert registry.revoked_at(patient, COMMITMENT) == registry.now
    assert len(registry.events()) == STOPS_A_DAY + 1


def test_the_role_passes_in_two_steps(registry: RegistryStage) -> None:
    former, heir = registry.custodian.address, registry.stranger.address
    registry.send(registry.custodian, "propose_custodian", heir)
    assert registry.logs()[-1].topics == (keccak(b"CustodianProposed(address,address)"), word(former), word(heir))
    assert registry.ask("custodian") == word(former)
    with pytest.raises(LedgerRejectedError, match="registry: caller was not proposed"):
        registry.send(registry.patient, "accept_custodian")
    registry.send(registry.stranger, "accept_custodian")
    assert registry.logs()[-1].topics == (keccak(b"CustodianChanged(address,address)"), word(former), word(heir))
    registry.stop(registry.stranger, (registry.patient.address, COMMITMENT))
    with pytest.raises(LedgerRejectedError, match="registry: caller is not the custodian"):
        registry.stop(registry.custodian, (registry.patient.address, COMMITMENT))
    with pytest.raises(LedgerRejectedError, match="registry: caller was not proposed"):
        registry.send(registry.stranger, "accept_custodian")


def test_an_offer_of_the_role_can_be_taken_back(registry: RegistryStage) -> None:
    registry.send(registry.custodian, "propose_custodian", registry.stranger.address)
    registry.send(registry.custodian, "propose_custodian", bytes(20))
    with pytest.raises(LedgerRejectedError, match="registry: caller was not proposed"):
        registry.send(registry.stranger, "accept_custodian")


@pytest.mark.parametrize("function", ["propose_custodian", "name_successor"])
def test_a_stranger_has_no_say_in_roles(registry: RegistryStage, function: str) -> None:
    with pytest.raises(LedgerRejectedError, match="registry: caller is not the custodian"):
        registry.send(registry.stranger, function, registry.stranger.address)


def test_a_successor_is_named_once_and_this_registry_keeps_working(registry: RegistryStage) -> None:
    successor = Wallet.draw().address
    registry.send(registry.custodian, "name_successor", successor)
    assert registry.logs()[-1].topics == (keccak(b"SuccessorNamed(address)"), word(successor))
    with pytest.raises(LedgerRejectedError, match="registry: successor is already named"):
        registry.send(registry.custodian, "name_successor", Wallet.draw().address)
    registry.grant(registry.signed())
    registry.send(registry.patient, "revoke", [COMMITMENT])
    assert registry.ask("successor") == word(successor)


def test_neither_zero_nor_itself_is_a_successor(registry: RegistryStage) -> None:
    with pytest.raises(LedgerRejectedError, match="registry: successor is zero"):
        registry.send(registry.custodian, "name_successor", bytes(20))
    with pytest.raises(LedgerRejectedError, match="registry: successor is this registry"):
        registry.send(registry.custodian, "name_successor", registry.contract)


def test_a_registry_needs_a_custodian(registry: RegistryStage) -> None:
    with pytest.raises(LedgerRejectedError, match="registry: custodian is zero"):
        registry.evm.send(registry.deployer.key, None, registry.calls.creation(("address",), bytes(20)))


# ---------------------------------------------------------------------------------- what cannot be done without a key


def _within_reach(registry: RegistryStage) -> dict[str, list[tuple[object, ...]]]:
    """Return, for each function that writes, calls that somebody without the patient's key could make.

    They hold every signature of the patient's that could be lying about: of a revocation, of an address certificate, of
    a grant elsewhere, of a grant that has passed; and whatever signatures their own keys make.
    """
    patient, domain, address = registry.patient, registry.domain, registry.patient.address
    elsewhere = SigningDomain(CHAIN_ID + 1, registry.contract)
    forged = replace(registry.signed(COMMITMENT, by=registry.custodian), patient=address)
    signatures = [
        forged.signature,
        bytes(64),
        patient.revocation(domain, COMMITMENT).signature,
        patient.certificate(domain, SubjectId("00" * 16), address).signature,
        patient.grant(elsewhere, forged.expires, forged.publish_by, COMMITMENT).signature,
        patient.grant(domain, forged.expires, forged.publish_by, word(7)).signature,
        patient.grant(domain, forged.expires - 1, forged.publish_by, COMMITMENT).signature,
    ]
    grants = [grant_fields(replace(forged, signature=signature)) for signature in signatures]
    passed = grant_fields(patient.grant(domain, registry.now + DAY, registry.now - 1, COMMITMENT))
    own = grant_fields(registry.signed(COMMITMENT, by=registry.custodian))
    revocations = [(COMMITMENT, address, signature[:32], signature[32:]) for signature in signatures]
    return {
        "grant": [(batch,) for item in (*grants, passed) for batch in ([item], [own, item])],
        "grant_one": [(item,) for item in (*grants, passed, own)],
        "grant_own": [(COMMITMENT, registry.now + DAY)],
        "revoke": [([COMMITMENT],)],
        "revoke_signed": [([item],) for item in revocations],
        "stop": [([address], [COMMITMENT]), ([registry.custodian.address], [word(8)])],
        "propose_custodian": [(address,), (registry.stranger.address,)],
        "accept_custodian": [()],
        "name_successor": [(registry.stranger.address,), (address,)],
    }


@pytest.mark.parametrize("who", ["custodian", "stranger", "deployer"])
def test_neither_custodian_nor_relayer_can_call_a_consent_into_being(registry: RegistryStage, who: str) -> None:
    """Every function of the contract, in two rounds, so that what the first opened would show in the second."""
    sender, taken = getattr(registry, who), set()
    for _ in range(2):
        for function, calls in _within_reach(registry).items():
            for arguments in calls:
                if refusal(lambda f=function, a=arguments: registry.send(sender, f, *a)) is None:  # type: ignore[misc]
                    taken.add(function)
    granted = {event.patient for event in registry.events() if isinstance(event, Granted)}
    assert granted == {sender.address, registry.custodian.address}
    assert {"grant_one", "grant_own", "revoke", "revoke_signed"} <= taken
    assert registry.ask("history") == fold(EMPTY_HISTORY, registry.events())


def test_the_calls_within_reach_leave_no_function_out(registry: RegistryStage) -> None:
    writing = {
        entry["name"]
        for entry in contracts.load("consent_registry").abi
        if entry["type"] == "function" and entry["stateMutability"] not in {"view", "pure"}
    }
    assert _within_reach(registry).keys() == writing

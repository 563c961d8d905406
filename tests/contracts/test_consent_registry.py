"""The consent registry: what it takes, what it refuses, and that nothing else can happen."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import pytest
from eth_account import Account
from hypothesis import given, settings
from hypothesis import strategies as st

import contracts
from consent.domain.errors import LedgerRejectedError
from consent.domain.grant import BATCH_LIMIT, PUBLISH_WITHIN_SECONDS, PublishedGrant, SignedRevocation
from consent.domain.held_role import NO_REASON
from consent.domain.history import EMPTY_HISTORY, Granted, Revoked, fold
from consent.domain.typed_data import (
    DETAILS_TYPE,
    NAME,
    VERSION,
    Address,
    SigningDomain,
    hash_struct,
    hash_text,
    word,
)
from tests.chains import CHAIN_ID, DAY, RegistryStage, grant_fields
from tests.wallets import Wallet

HALF_ORDER: Final = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
COMMITMENT: Final = bytes(range(32))


# ----------------------------------------------------------------------------------------------------------- success


@pytest.mark.parametrize("function", ["grant", "grant_one"])
def test_anyone_may_publish_a_grant_that_its_patient_signed(registry: RegistryStage, function: str) -> None:
    signed = registry.signed()
    argument: object = [grant_fields(signed)] if function == "grant" else grant_fields(signed)
    mined = registry.send(registry.stranger, function, argument)
    assert registry.events() == [
        Granted(registry.patient.address, signed.commitment, signed.expires, mined.block, registry.now)
    ]


def test_a_wallet_that_signs_the_whole_message_agrees_with_the_contract(registry: RegistryStage) -> None:
    details = {"who": "Ward 7, “Hearts”", "what": "…", "why": "é\n", "until": ""}
    message = {
        "details": {**details, "terms": b"\x01" * 32, "salt": b"\x02" * 32},
        "patient": "0x" + registry.patient.address.hex(),
        "expires": registry.now + DAY,
        "publish_by": registry.now + 60,
    }
    signed = Account.sign_typed_data(registry.patient.key, _domain(registry.domain), GRANT_FIELDS, message)
    texts = [hash_text(text) for text in details.values()]
    commitment = hash_struct(DETAILS_TYPE, *texts, b"\x01" * 32, b"\x02" * 32)
    times = (registry.now + DAY, registry.now + 60)
    registry.grant(PublishedGrant(commitment, registry.patient.address, *times, _compact(signed.v, signed.r, signed.s)))
    assert registry.events()[0].commitment == commitment


def test_a_revocation_that_a_wallet_signs_agrees_with_the_contract(registry: RegistryStage) -> None:
    message = {"commitment": COMMITMENT, "patient": "0x" + registry.patient.address.hex()}
    fields = {"Revocation": [{"name": "commitment", "type": "bytes32"}, {"name": "patient", "type": "address"}]}
    signed = Account.sign_typed_data(registry.patient.key, _domain(registry.domain), fields, message)
    signature = _compact(signed.v, signed.r, signed.s)
    registry.revoke_signed(SignedRevocation(COMMITMENT, registry.patient.address, signature))
    assert registry.revoked_at(registry.patient.address, COMMITMENT) == registry.now


def test_a_full_batch_is_announced_in_order(registry: RegistryStage) -> None:
    batch = [registry.signed(by=Wallet.draw()) for _ in range(BATCH_LIMIT)]
    registry.grant(*batch)
    assert [event.commitment for event in registry.events()] == [signed.commitment for signed in batch]
    assert registry.ask("history") == fold(EMPTY_HISTORY, registry.events())


def test_a_patient_may_publish_without_a_signature(registry: RegistryStage) -> None:
    registry.send(registry.patient, "grant_own", COMMITMENT, registry.now + 1)
    (event,) = registry.events()
    assert (event.patient, event.commitment) == (registry.patient.address, COMMITMENT)


def test_a_patient_ends_several_commitments_at_once(registry: RegistryStage) -> None:
    registry.send(registry.patient, "revoke", [COMMITMENT, bytes(32)])
    patient = registry.patient.address
    assert [event.by for event in registry.events() if isinstance(event, Revoked)] == [patient, patient]
    assert registry.revoked_at(patient, COMMITMENT) == registry.now


def test_a_revocation_names_the_patient_whoever_relays_it(registry: RegistryStage) -> None:
    registry.revoke_signed(registry.patient.revocation(registry.domain, COMMITMENT))
    (event,) = registry.events()
    assert isinstance(event, Revoked)
    assert event.by == registry.patient.address


def test_a_stop_names_the_custodian(registry: RegistryStage) -> None:
    registry.stop(registry.custodian, (registry.patient.address, COMMITMENT))
    (event,) = registry.events()
    assert isinstance(event, Revoked)
    assert event.by == registry.custodian.address


def test_one_persons_revocation_leaves_anothers_same_commitment_alone(registry: RegistryStage) -> None:
    registry.send(registry.stranger, "revoke", [COMMITMENT])
    assert registry.revoked_at(registry.patient.address, COMMITMENT) == 0


def test_what_is_already_revoked_is_skipped_and_keeps_its_time(registry: RegistryStage) -> None:
    revocation = registry.patient.revocation(registry.domain, COMMITMENT)
    registry.revoke_signed(revocation)
    first = registry.now
    registry.now += DAY
    other = Wallet.draw().revocation(registry.domain, COMMITMENT)
    registry.revoke_signed(revocation, other)
    registry.send(registry.patient, "revoke", [COMMITMENT])
    registry.stop(registry.custodian, (registry.patient.address, COMMITMENT))
    assert [event.patient for event in registry.events()] == [registry.patient.address, other.patient]
    assert registry.revoked_at(registry.patient.address, COMMITMENT) == first


def test_a_revoked_commitment_stays_dead_when_its_grant_is_published_again(registry: RegistryStage) -> None:
    signed = registry.signed(COMMITMENT)
    registry.grant(signed)
    registry.send(registry.patient, "revoke", [COMMITMENT])
    revoked = registry.revoked_at(registry.patient.address, COMMITMENT)
    registry.now += 1
    registry.grant(signed)
    registry.send(registry.patient, "grant_own", COMMITMENT, registry.now + DAY)
    assert [type(event) for event in registry.events()] == [Granted, Revoked, Granted, Granted]
    assert registry.revoked_at(registry.patient.address, COMMITMENT) == revoked


def test_a_revocation_may_come_before_its_grant(registry: RegistryStage) -> None:
    registry.revoke_signed(registry.patient.revocation(registry.domain, COMMITMENT))
    registry.grant(registry.signed(COMMITMENT))
    assert registry.revoked_at(registry.patient.address, COMMITMENT) == registry.now


def test_a_grant_may_be_published_in_the_last_second_and_not_after_it(registry: RegistryStage) -> None:
    signed = registry.patient.grant(registry.domain, registry.now + DAY, registry.now + 1)
    registry.grant(signed)
    registry.now += 1
    with pytest.raises(LedgerRejectedError, match="registry: publish_by has passed"):
        registry.grant(signed)


def test_publish_by_lies_exactly_seven_days_ahead_at_most(registry: RegistryStage) -> None:
    latest = registry.now + PUBLISH_WITHIN_SECONDS
    registry.grant(registry.patient.grant(registry.domain, latest, latest))
    late = registry.patient.grant(registry.domain, latest, registry.now + 1 + PUBLISH_WITHIN_SECONDS + 1)
    with pytest.raises(LedgerRejectedError, match="registry: publish_by is too far ahead"):
        registry.grant(late)


def test_the_signing_domain_is_published(registry: RegistryStage) -> None:
    answer = registry.ask("eip712Domain")
    # EIP-5267: fields, then offsets of the two strings, chain id, contract, salt, offset of no extensions.
    head = [answer[at : at + 32] for at in range(0, 7 * 32, 32)]
    assert head[0] == b"\x0f".ljust(32, b"\x00")
    assert head[3:6] == [word(CHAIN_ID), word(registry.contract), bytes(32)]
    for offset, text in ((head[1], NAME), (head[2], VERSION)):
        at = int.from_bytes(offset)
        assert answer[at : at + 32] == word(len(text))
        assert answer[at + 32 :].startswith(text.encode())


# ----------------------------------------------------------------------------------------------------------- failure


def _resigned(stage: RegistryStage, **changes: Any) -> PublishedGrant:  # any field, of its own type
    signed = replace(stage.signed(), **changes)
    return replace(signed, signature=stage.patient.sign(signed.digest(stage.domain)))


REFUSED_GRANTS: Final[dict[str, tuple[Callable[[RegistryStage], PublishedGrant], str]]] = {
    "signed by another key": (
        lambda s: replace(s.signed(by=Wallet.draw()), patient=s.patient.address),
        "bad signature",
    ),
    "another commitment": (lambda s: replace(s.signed(), commitment=COMMITMENT), "bad signature"),
    "a later end": (lambda s: replace(s.signed(), expires=s.now + 99 * DAY), "bad signature"),
    "a later publish_by": (lambda s: replace(s.signed(), publish_by=s.now + 2 * DAY), "bad signature"),
    "another chain": (
        lambda s: s.patient.grant(SigningDomain(CHAIN_ID + 1, s.contract), s.now + DAY, s.now + 60),
        "bad signature",
    ),
    "another contract": (
        lambda s: s.patient.grant(SigningDomain(CHAIN_ID, Address(bytes(19) + b"\x01")), s.now + DAY, s.now + 60),
        "bad signature",
    ),
    "no signature": (lambda s: replace(s.signed(), signature=bytes(64)), "bad signature"),
    "the zero address, which failed recovery also gives": (
        lambda s: replace(s.signed(), patient=Address(bytes(20)), signature=bytes(64)),
        "patient is zero",
    ),
    "s above half the order": (
        lambda s: replace(s.signed(), signature=s.signed().signature[:32] + word(HALF_ORDER + 1)),
        "signature has a high s",
    ),
    "s at half the order, by nobody": (
        lambda s: replace(s.signed(), signature=s.signed().signature[:32] + word(HALF_ORDER)),
        "bad signature",
    ),
    "expired": (lambda s: _resigned(s, expires=s.now), "grant has expired"),
    "past publish_by": (lambda s: _resigned(s, publish_by=s.now), "publish_by has passed"),
    "publish_by of never": (lambda s: _resigned(s, publish_by=2**64 - 1), "publish_by is too far ahead"),
}


@pytest.mark.parametrize("function", ["grant", "grant_one"])
@pytest.mark.parametrize("name", REFUSED_GRANTS)
def test_a_grant_is_refused(registry: RegistryStage, name: str, function: str) -> None:
    make, reason = REFUSED_GRANTS[name]
    fields = grant_fields(make(registry))
    with pytest.raises(LedgerRejectedError, match=f"^registry: {reason}$"):
        registry.send(registry.stranger, function, [fields] if function == "grant" else fields)
    assert registry.events() == []


@pytest.mark.parametrize("name", REFUSED_GRANTS)
def test_one_refused_grant_sinks_its_batch_whole(registry: RegistryStage, name: str) -> None:
    make, reason = REFUSED_GRANTS[name]
    with pytest.raises(LedgerRejectedError, match=f"^registry: {reason}$"):
        registry.grant(registry.signed(), make(registry), registry.signed())
    assert registry.ask("history") == EMPTY_HISTORY


@pytest.mark.parametrize(
    ("function", "arguments", "reason"),
    [
        ("grant", ([],), "nothing to publish"),
        ("revoke", ([],), "nothing to revoke"),
        ("revoke_signed", ([],), "nothing to revoke"),
    ],
)
def test_an_empty_list_is_refused(
    registry: RegistryStage, function: str, arguments: tuple[object, ...], reason: str
) -> None:
    with pytest.raises(LedgerRejectedError, match=f"^registry: {reason}$"):
        registry.send(registry.stranger, function, *arguments)


def test_257_grants_are_refused(registry: RegistryStage) -> None:
    signed = grant_fields(registry.signed())
    with pytest.raises(LedgerRejectedError, match=NO_REASON):
        registry.send(registry.stranger, "grant", [signed] * (BATCH_LIMIT + 1))
    assert registry.ask("history") == EMPTY_HISTORY


def test_257_revocations_or_stops_are_refused(registry: RegistryStage) -> None:
    over, patient = [word(number) for number in range(BATCH_LIMIT + 1)], registry.patient
    signed = patient.revocation(registry.domain, COMMITMENT)
    fields = (signed.commitment, signed.patient, signed.signature[:32], signed.signature[32:])
    for sender, function, arguments in (
        (patient, "revoke", [over]),
        (registry.stranger, "revoke_signed", [[fields] * len(over)]),
        (registry.custodian, "stop", [[patient.address] * len(over), over]),
    ):
        with pytest.raises(LedgerRejectedError, match=NO_REASON):
            registry.send(sender, function, *arguments)
    assert registry.ask("history") == EMPTY_HISTORY


def test_an_expired_grant_is_refused_from_its_own_patient_too(registry: RegistryStage) -> None:
    with pytest.raises(LedgerRejectedError, match="registry: grant has expired"):
        registry.send(registry.patient, "grant_own", COMMITMENT, registry.now)


REFUSED_REVOCATIONS: Final[dict[str, tuple[Callable[[RegistryStage], SignedRevocation], str]]] = {
    "signed by another key": (
        lambda s: replace(s.stranger.revocation(s.domain, COMMITMENT), patient=s.patient.address),
        "bad signature",
    ),
    "another commitment": (
        lambda s: replace(s.patient.revocation(s.domain, COMMITMENT), commitment=bytes(32)),
        "bad signature",
    ),
    "another chain": (
        lambda s: s.patient.revocation(SigningDomain(CHAIN_ID + 1, s.contract), COMMITMENT),
        "bad signature",
    ),
    "another contract": (
        lambda s: s.patient.revocation(SigningDomain(CHAIN_ID, s.stranger.address), COMMITMENT),
        "bad signature",
    ),
    "s above half the order": (
        lambda s: SignedRevocation(COMMITMENT, s.patient.address, word(1) + word(HALF_ORDER + 1)),
        "signature has a high s",
    ),
    "the zero address, which failed recovery also gives": (
        lambda _: SignedRevocation(COMMITMENT, Address(bytes(20)), bytes(64)),
        "patient is zero",
    ),
}


@pytest.mark.parametrize("name", REFUSED_REVOCATIONS)
def test_a_revocation_that_its_patient_did_not_sign_is_refused(registry: RegistryStage, name: str) -> None:
    make, reason = REFUSED_REVOCATIONS[name]
    signed = registry.patient.revocation(registry.domain, COMMITMENT)
    for batch in ([make(registry)], [signed, make(registry)]):
        with pytest.raises(LedgerRejectedError, match=f"^registry: {reason}$"):
            registry.revoke_signed(*batch)
    assert registry.events() == []


def test_a_signed_grant_is_no_revocation_and_the_other_way_round(registry: RegistryStage) -> None:
    signed = registry.signed(COMMITMENT)
    with pytest.raises(LedgerRejectedError, match="registry: bad signature"):
        registry.revoke_signed(SignedRevocation(COMMITMENT, signed.patient, signed.signature))
    revocation = registry.patient.revocation(registry.domain, COMMITMENT)
    with pytest.raises(LedgerRejectedError, match="registry: bad signature"):
        registry.grant(replace(signed, signature=revocation.signature))


# -------------------------------------------------------------------------------------------------------------- fuzz


@pytest.fixture(scope="module")
def shared() -> RegistryStage:
    """One registry for all examples of a property, which none of them may change."""
    return RegistryStage()


@given(at=st.integers(min_value=0, max_value=6 * 32 - 1), bit=st.integers(min_value=0, max_value=7))
@settings(deadline=None, max_examples=60)
def test_a_relayer_cannot_change_a_bit_of_what_was_signed(shared: RegistryStage, at: int, bit: int) -> None:
    call = bytearray(shared.calls.encode("grant_one", grant_fields(shared.signed(COMMITMENT))))
    call[4 + at] ^= 1 << bit
    with pytest.raises(LedgerRejectedError):
        shared.evm.send(shared.stranger.key, shared.contract, bytes(call))
    assert shared.ask("history") == EMPTY_HISTORY


@given(fields=st.tuples(*(st.binary(min_size=n, max_size=n) for n in (32, 20, 32, 32))))
@settings(deadline=None, max_examples=40)
def test_a_signature_made_up_grants_nothing(shared: RegistryStage, fields: tuple[bytes, ...]) -> None:
    commitment, patient, r, vs = fields
    times = (shared.now + DAY, shared.now + 60)
    with pytest.raises(LedgerRejectedError, match="registry: "):
        shared.send(shared.stranger, "grant", [(commitment, patient, *times, r, vs)])


@given(call=st.binary(max_size=300))
@settings(deadline=None, max_examples=40)
def test_bytes_that_are_no_call_are_refused(shared: RegistryStage, call: bytes) -> None:
    with pytest.raises(LedgerRejectedError):
        shared.evm.send(shared.stranger.key, shared.contract, call)


def test_the_registry_offers_nothing_else() -> None:
    abi = contracts.load("consent_registry").abi
    assert {entry["name"] for entry in abi if entry["type"] == "function"} == {
        *("grant", "grant_one", "grant_own", "revoke", "revoke_signed", "stop"),
        *("propose_custodian", "accept_custodian", "name_successor"),
        *("history", "revoked_at", "stops_on", "custodian", "pending_custodian", "successor", "eip712Domain"),
    }


# ----------------------------------------------------------------------------------------------------------- support

GRANT_FIELDS: Final = {
    "Grant": [
        {"name": "details", "type": "Details"},
        {"name": "patient", "type": "address"},
        {"name": "expires", "type": "uint64"},
        {"name": "publish_by", "type": "uint64"},
    ],
    "Details": [
        *({"name": name, "type": "string"} for name in ("who", "what", "why", "until")),
        *({"name": name, "type": "bytes32"} for name in ("terms", "salt")),
    ],
}


def _domain(domain: SigningDomain) -> dict[str, object]:
    contract = "0x" + domain.contract.hex()
    return {"name": NAME, "version": VERSION, "chainId": domain.chain_id, "verifyingContract": contract}


def _compact(v: int, r: int, s: int) -> bytes:
    return word(r) + word(s | (v - 27) << 255)

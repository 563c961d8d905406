"""Typed data: every digest is the one that eth-account, and so a wallet, computes from the nested message."""

from typing import Any, Final

import pytest
from eth_account.messages import _hash_eip191_message, encode_typed_data
from hypothesis import given, settings
from hypothesis import strategies as st

from consent.domain.details import Details
from consent.domain.grant import AddressCertificate, Grant, PublishedGrant, SignedRevocation
from consent.domain.sign_in import InvalidSignInError, SignIn
from consent.domain.subject_request import RequestAction, SubjectRequest
from consent.domain.terms import SubjectId
from consent.domain.typed_data import Address, SigningDomain

DOMAIN_FIELDS: Final = [
    {"name": "name", "type": "string"},
    {"name": "version", "type": "string"},
    {"name": "chainId", "type": "uint256"},
    {"name": "verifyingContract", "type": "address"},
]
TYPES: Final[dict[str, str]] = {
    "Details": "string who,string what,string why,string until,bytes32 terms,bytes32 salt",
    "Grant": "Details details,address patient,uint64 expires,uint64 publish_by",
    "Revocation": "bytes32 commitment,address patient",
    "AddressCertificate": "string subject,address patient",
    "SignIn": "string origin,bytes32 challenge",
    "SubjectRequest": "string action,string subject,string origin,uint64 requested,bytes16 nonce",
}
UINT64: Final = st.integers(0, 2**64 - 1)
BYTES32: Final = st.binary(min_size=32, max_size=32)
TEXT: Final = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)

addresses = st.binary(min_size=20, max_size=20).map(Address)
domains = st.builds(SigningDomain, st.integers(1, 2**256 - 1), addresses)
all_details = st.builds(Details, who=TEXT, what=TEXT, why=TEXT, until=TEXT, terms=BYTES32, salt=BYTES32)
few = settings(max_examples=25, deadline=None)


def _fields(type_name: str) -> list[dict[str, str]]:
    members = (member.split(" ") for member in TYPES[type_name].split(","))
    return [{"name": name, "type": kind} for kind, name in members]


def _digest(domain: SigningDomain, primary: str, message: dict[str, Any]) -> bytes:
    names = ["Grant", "Details"] if primary == "Grant" else [primary]
    typed = {
        "types": {"EIP712Domain": DOMAIN_FIELDS} | {name: _fields(name) for name in names},
        "primaryType": primary,
        "domain": {
            "name": "Consentry",
            "version": "1",
            "chainId": domain.chain_id,
            "verifyingContract": f"0x{domain.contract.hex()}",
        },
        "message": message,
    }
    return bytes(_hash_eip191_message(encode_typed_data(full_message=typed)))


@given(domains, all_details, addresses, UINT64, UINT64)
@few
def test_a_grant_s_digest_is_the_wallet_s(
    domain: SigningDomain, details: Details, patient: Address, expires: int, publish_by: int
) -> None:
    sentences = {name: getattr(details, name) for name in ("who", "what", "why", "until", "terms", "salt")}
    message = {"details": sentences, "patient": f"0x{patient.hex()}", "expires": expires, "publish_by": publish_by}
    digest = Grant(details, patient, expires, publish_by).digest(domain)
    assert digest == _digest(domain, "Grant", message)
    published = PublishedGrant(details.commitment, patient, expires, publish_by, bytes(64))
    assert published.digest(domain) == digest, "the contract sees the commitment only"


@given(domains, BYTES32, addresses)
@few
def test_a_revocation_s_digest_is_the_wallet_s(domain: SigningDomain, commitment: bytes, patient: Address) -> None:
    message = {"commitment": commitment, "patient": f"0x{patient.hex()}"}
    assert SignedRevocation(commitment, patient, bytes(64)).digest(domain) == _digest(domain, "Revocation", message)


@given(domains, st.binary(min_size=16, max_size=16).map(bytes.hex), addresses)
@few
def test_an_address_certificate_s_digest_is_the_wallet_s(domain: SigningDomain, subject: str, patient: Address) -> None:
    message = {"subject": subject, "patient": f"0x{patient.hex()}"}
    certificate = AddressCertificate(SubjectId(subject), patient, bytes(64))
    assert certificate.digest(domain) == _digest(domain, "AddressCertificate", message)


@given(domains, st.sampled_from(RequestAction), st.integers(0, 2**53 - 1), st.binary(min_size=16, max_size=16))
@few
def test_a_subject_request_s_digest_is_the_wallet_s(
    domain: SigningDomain, action: RequestAction, requested: int, nonce: bytes
) -> None:
    message = {"action": action.value, "subject": "ab" * 16, "origin": "consentry/test", "requested": requested}
    request = SubjectRequest(action, SubjectId("ab" * 16), "consentry/test", requested, nonce.hex())
    assert request.digest(domain) == _digest(domain, "SubjectRequest", message | {"nonce": f"0x{nonce.hex()}"})


@given(domains, BYTES32)
@few
def test_a_sign_in_s_digest_is_the_wallet_s(domain: SigningDomain, challenge: bytes) -> None:
    message = {"origin": "consentry/test", "challenge": challenge}
    assert SignIn("consentry/test", challenge).digest(domain) == _digest(domain, "SignIn", message)


@pytest.mark.parametrize(
    ("origin", "challenge"),
    [("", bytes(32)), ("two words", bytes(32)), ("consentry/test", bytes(31)), ("consentry/test", b"")],
    ids=["no name", "no log's name", "31 bytes", "no challenge"],
)
def test_what_is_no_sign_in_is_refused(origin: str, challenge: bytes) -> None:
    with pytest.raises(InvalidSignInError):
        SignIn(origin, challenge)


def test_a_signature_for_one_place_or_act_is_none_for_another() -> None:
    patient, commitment = Address(bytes(20)), bytes(32)
    home = SigningDomain(1, Address(b"\x01" * 20))
    digests = {
        SignedRevocation(commitment, patient, b"").digest(place)
        for place in (home, SigningDomain(2, home.contract), SigningDomain(1, Address(b"\x02" * 20)))
    }
    digests.add(PublishedGrant(commitment, patient, 0, 0, b"").digest(home))
    digests.add(AddressCertificate(SubjectId(""), patient, b"").digest(home))
    digests.add(SignIn("consentry/test", bytes(32)).digest(home))
    assert len(digests) == 6

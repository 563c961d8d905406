"""The wallet's script and the installation agree on every byte: keys, digests, signatures, codes and slots."""

import json
import secrets
from hashlib import sha256
from typing import Any, Final

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from eth_account.messages import encode_typed_data

from consent.demo.wallets import Wallet
from consent.domain.details import Details
from consent.domain.grant import Grant, certificate_digest, revocation_digest
from consent.domain.hashing import keccak
from consent.domain.sign_in import SignIn
from consent.domain.subject_request import RequestAction, SubjectRequest
from consent.domain.terms import SubjectId
from consent.domain.typed_data import Address, SigningDomain
from consent.signatures import recover
from tests.web.wallet_script import run

CROCKFORD: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
SUBJECT: Final = SubjectId("ab" * 16)
DOMAIN: Final = SigningDomain(31337, Address(bytes(range(20))))
PLACE: Final = {"chain_id": DOMAIN.chain_id, "contract": DOMAIN.contract.hex()}
SEEDS: Final = [bytes(32), b"\xff" * 32, bytes(range(32)), *(secrets.token_bytes(32) for _ in range(5))]
ORDER: Final = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
"""Of secp256k1's group."""
SALT: Final = bytes(range(32, 64))
KINDS: Final = ["passkey", "passphrase", "recovery"]
SENTENCES: Final = [
    ("The Test Hospital, for the study “Kidneys”.", "They may use my age and sex.", "To learn.", "Until 31 May 2030."),
    ("", "ÄÖÜ ß 𐍈 漢字 👩‍⚕️", "e\u0301 is not é", 'two\nlines\tand “quotes” \\ "\u0000'),
]


Slots = dict[str, tuple[dict[str, Any], str, bytes]]


def details_of(number: int) -> Details:
    who, what, why, until = SENTENCES[number]
    return Details(who, what, why, until, terms=bytes(range(32)), salt=SALT)


def enrolment_of(seed: bytes) -> str:
    return Wallet(SUBJECT, seed).enrolment_key.address.hex()


# ------------------------------------------------------------------------------------------------- keys and signatures


def test_addresses_are_those_that_the_demos_wallets_derive() -> None:
    found = run(*(("enrolmentAddress", seed.hex()) for seed in SEEDS))
    assert found == [enrolment_of(seed) for seed in SEEDS]
    found = run(*(("consentAddress", seed.hex(), SALT.hex()) for seed in SEEDS))
    assert found == [Wallet(SUBJECT, seed).consent_key(SALT).address.hex() for seed in SEEDS]


def test_two_consents_of_one_person_have_two_addresses() -> None:
    salts = [bytes(32), SALT, secrets.token_bytes(32)]
    found = run(*(("consentAddress", SEEDS[2].hex(), salt.hex()) for salt in salts))
    assert len({*found, enrolment_of(SEEDS[2])}) == 4


@pytest.mark.parametrize("number", range(len(SENTENCES)))
def test_a_grant_and_its_commitment_are_those_of_the_installation(number: int) -> None:
    details, key = details_of(number), Wallet(SUBJECT, SEEDS[2]).consent_key(SALT)
    grant = Grant(details, key.address, expires=1_900_000_000, publish_by=2**53 - 1)
    terms = (PLACE, details.to_json(), key.address.hex(), grant.expires, grant.publish_by)
    commitment, digest = run(("commitment", details.to_json()), ("grant", *terms))
    assert (commitment, digest) == (details.commitment.hex(), grant.digest(DOMAIN).hex())


def test_other_digests_are_those_of_the_installation() -> None:
    patient, commitment, challenge = Address(b"\x07" * 20), secrets.token_bytes(32), secrets.token_bytes(32)
    asked = SubjectRequest(RequestAction.ERASE, SUBJECT, "consentry/test", 1_800_000_000, secrets.token_hex(16))
    found = run(
        ("revocation", PLACE, commitment.hex(), patient.hex()),
        ("certificate", PLACE, SUBJECT, patient.hex()),
        ("signIn", PLACE, "consentry/test", challenge.hex()),
        ("request", PLACE, asked.to_json()),
    )
    assert found == [
        revocation_digest(DOMAIN, commitment, patient).hex(),
        certificate_digest(DOMAIN, SUBJECT, patient).hex(),
        SignIn("consentry/test", challenge).digest(DOMAIN).hex(),
        asked.digest(DOMAIN).hex(),
    ]


def test_signatures_are_those_of_the_address_in_both_parities() -> None:
    digests = [secrets.token_bytes(32) for _ in range(24)]
    key = Wallet(SUBJECT, SEEDS[2]).consent_key(SALT)
    signed = run(*(("signByConsent", SEEDS[2].hex(), SALT.hex(), digest.hex()) for digest in digests))
    signatures = [bytes.fromhex(signature) for signature in signed]
    assert {recover(digest, signed) for digest, signed in zip(digests, signatures, strict=True)} == {key.address}
    assert {signature[32] >> 7 for signature in signatures} == {0, 1}
    assert signatures == [key.sign(digest) for digest in digests], "both sign as RFC 6979 says"
    [by_enrolment] = run(("signByEnrolment", SEEDS[2].hex(), digests[0].hex()))
    assert recover(digests[0], bytes.fromhex(by_enrolment)) == Wallet(SUBJECT, SEEDS[2]).enrolment_key.address


def test_what_cannot_be_typed_data_is_not_signed() -> None:
    good = details_of(0).to_json()
    patient = "07" * 20
    assert run(
        ("commitment", {**good, "who": "half a pair \ud800"}),
        ("commitment", {**good, "terms": "00" * 31}),
        ("grant", PLACE, good, "07" * 19, 1, 1),
        ("grant", PLACE, good, patient, 2**53, 1),
        ("grant", PLACE, good, patient, -1, 1),
        ("grant", PLACE, good, patient, 1.5, 1),
        ("signIn", PLACE, "consentry/test", "00" * 31),
    ) == [{"refused": "Error"}] * 7  # fmt: skip


# ---------------------------------------------------------------------------------------------------- apps with keys


def test_what_an_app_is_asked_to_sign_hashes_to_what_the_installation_checks() -> None:
    asked = SubjectRequest(RequestAction.ACCESS, SUBJECT, "consentry/test", 1_800_000_000, "0f" * 16)
    for number in range(len(SENTENCES)):
        given = (
            details_of(number).to_json(),
            "07" * 20,
            1_900_000_000,
            2**53 - 1,
            SUBJECT,
            "consentry/test",
            "05" * 32,
        )
        [messages] = run(("messages", PLACE, *given, asked.to_json()))
        typed = [encode_typed_data(full_message=json.loads(message["json"])) for message in messages]
        hashed = [keccak(b"\x19" + one.version + one.header + one.body).hex() for one in typed]
        assert hashed == [message["digest"] for message in messages]
        assert hashed[3] == asked.digest(DOMAIN).hex()


def test_an_apps_signature_becomes_a_compact_one_with_a_low_s_or_is_refused() -> None:
    key, other = (Wallet(SUBJECT, seed).enrolment_key for seed in (SEEDS[2], SEEDS[1]))
    good, refused = [], []
    digests = [secrets.token_bytes(32) for _ in range(8)]
    for digest in digests:
        r, packed = key.sign(digest)[:32], int.from_bytes(key.sign(digest)[32:])
        s, parity = packed & (2**255 - 1), packed >> 255
        forms = [(s, parity), (s, 27 + parity), (ORDER - s, 1 - parity), (ORDER - s, 28 - parity)]
        texts = ["0x" + (r + s.to_bytes(32) + bytes([v])).hex() for s, v in forms]
        good += [("appSignature", text, digest.hex(), key.address.hex()) for text in texts]
        wrong = [texts[0][:-2], f"{texts[0]}00", f"{texts[0][:-2]}02", f"{texts[0][:-2]}{1 - parity:02x}", "", None, 7]
        wrong += ["0x" + "00" * 65, "0x" + "ff" * 64 + "1b"]
        refused += [("appSignature", text, digest.hex(), key.address.hex()) for text in wrong]
        refused.append(("appSignature", texts[0], digest.hex(), other.address.hex()))
    assert run(*good) == [key.sign(digest).hex() for digest in digests for _ in range(4)]
    assert run(*refused) == [{"refused": "MistakeError"}] * len(refused)


def test_base64url_goes_round() -> None:
    texts = run(*(("base64url", bytes(range(255 - length, 255)).hex()) for length in range(5)))
    assert texts == [["", ""], ["_g", "fe"], ["_f4", "fdfe"], ["_P3-", "fcfdfe"], ["-_z9_g", "fbfcfdfe"]]


# ------------------------------------------------------------------------------------------------------ recovery codes


def code_of(secret: bytes) -> str:
    """Return the code as the published format has it, computed here anew."""
    number = int.from_bytes(secret, "big")
    digits = f"{number:0130b}{number % 1021:010b}"
    code = "".join(CROCKFORD[int(digits[at : at + 5], 2)] for at in range(0, 140, 5))
    return "-".join(code[at : at + 4] for at in range(0, 28, 4))


SECRETS: Final = [bytes(16), b"\xff" * 16, bytes(range(16)), *(secrets.token_bytes(16) for _ in range(20))]


def test_a_recovery_code_goes_round() -> None:
    codes = run(*(("codeOf", secret.hex()) for secret in SECRETS))
    assert codes == [code_of(secret) for secret in SECRETS]
    assert run(*(("secretOf", code) for code in codes)) == [secret.hex() for secret in SECRETS]


def test_a_code_may_be_typed_in_any_case_with_letters_for_digits_and_spaces() -> None:
    secret = bytes(range(16))
    code = code_of(secret)
    assert "0" in code
    assert "1" in code
    typed = [
        code.lower(),
        code.replace("-", " "),
        code.replace("-", ""),
        f"  {code}\n",
        code.replace("0", "O").replace("1", "l"),
        code.replace("0", "o").replace("1", "I"),
        code.replace("-", "\u2013"),
    ]
    assert run(*(("secretOf", text) for text in typed)) == [secret.hex()] * len(typed)


def test_no_single_wrong_character_and_no_two_swapped_neighbours_pass() -> None:
    for secret in SECRETS[:12]:
        code = code_of(secret).replace("-", "")
        wrong = [code[:at] + c + code[at + 1 :] for at in range(28) for c in CROCKFORD if c != code[at]]
        swapped = [code[:at] + code[at + 1] + code[at] + code[at + 2 :] for at in range(25) if code[at] != code[at + 1]]
        [read] = run(("secretsOf", wrong + swapped))
        assert read == [None] * len(wrong + swapped)


@pytest.mark.parametrize("text", ["", "0000", "U" * 28, "0" * 27, "0" * 29, "Z" * 28, "👩" * 28, "0" * 26 + "!!"])
def test_what_is_no_code_is_refused(text: str) -> None:
    assert run(("secretOf", text)) == [None]


# --------------------------------------------------------------------------------------------------------------- slots


def derived(content: bytes, salt: bytes | None, info: bytes) -> bytes:
    return HKDF(hashes.SHA256(), 32, salt, info).derive(content)


def stretched(passphrase: str, salt: bytes) -> bytes:
    return Argon2id(salt=salt, length=32, iterations=2, lanes=1, memory_cost=19456).derive(passphrase.encode())


def opened_here(slot: dict[str, Any], given: bytes, enrolment: str) -> bytes:
    """Open a slot as its published format says, without any of the wallet's code."""
    key = derived(given, bytes.fromhex(slot["salt"]), f"consentry/slot/{slot['kind']}/v1".encode())
    about = f"consentry/slot/v1|{slot['kind']}|{enrolment}".encode()
    return AESGCM(key).decrypt(bytes.fromhex(slot["nonce"]), bytes.fromhex(slot["ciphertext"]), about)


def test_ids_of_slots_are_hashes_of_what_finds_them() -> None:
    credential, secret = secrets.token_bytes(64), secrets.token_bytes(16)
    found = run(("passkeySlotId", credential.hex()), ("recoverySlotId", secret.hex()))
    assert found == [sha256(credential).hexdigest(), derived(secret, None, b"consentry/recovery-id/v1").hex()]


def test_argon2id_is_that_of_the_library() -> None:
    salt = secrets.token_bytes(32)
    assert run(("argon2id", "a long passphrase é", salt.hex())) == [stretched("a long passphrase é", salt).hex()]
    assert run(("argon2id", "e\u0301", salt.hex())) == [stretched("é", salt).hex()], "NFKC, whatever the keyboard sends"


@pytest.fixture(scope="module")
def slots() -> Slots:
    """One slot of each kind over the same seed: the slot, what opens it, and the bytes that this comes to."""
    seed, credential, prf, secret = SEEDS[2].hex(), b"\x01" * 32, secrets.token_bytes(32), secrets.token_bytes(16)
    passkey, passphrase, recovery = run(
        ("sealForPasskey", seed, credential.hex(), prf.hex()),
        ("sealForPassphrase", seed, "a long passphrase"),
        ("sealForRecovery", seed, secret.hex()),
    )
    given = stretched("a long passphrase", bytes.fromhex(passphrase["salt"]))
    return {
        "passkey": (passkey, prf.hex(), prf),
        "passphrase": (passphrase, "a long passphrase", given),
        "recovery": (recovery, secret.hex(), secret),
    }


@pytest.mark.parametrize("kind", KINDS)
def test_a_slot_goes_round_and_opens_by_its_published_format(slots: Slots, kind: str) -> None:
    slot, key, given = slots[kind]
    assert set(slot) == {"kind", "id", "salt", "nonce", "ciphertext", "parameters"}
    assert [len(slot[name]) for name in ("id", "salt", "nonce", "ciphertext")] == [64, 64, 24, 96]
    assert slot["parameters"] == ({"memory": 19456, "passes": 2, "lanes": 1} if kind == "passphrase" else {})
    assert run(("open", slot, key, enrolment_of(SEEDS[2]))) == [SEEDS[2].hex()]
    assert opened_here(slot, given, enrolment_of(SEEDS[2])) == SEEDS[2]
    with pytest.raises(InvalidTag):
        opened_here(slot, given, enrolment_of(SEEDS[0]))


def flipped(text: str) -> str:
    return f"{int(text[:2], 16) ^ 1:02x}{text[2:]}"


@pytest.mark.parametrize("kind", KINDS)
def test_a_slot_that_was_changed_does_not_open(slots: Slots, kind: str) -> None:
    slot, key, _ = slots[kind]
    other = {"passkey": "recovery", "recovery": "passkey", "passphrase": "recovery"}[kind]
    own = enrolment_of(SEEDS[2])
    wrong = "a wrong passphrase" if kind == "passphrase" else flipped(key)
    renamed = key if kind != "passphrase" else stretched(key, bytes.fromhex(slot["salt"])).hex()
    assert run(
        ("open", {**slot, "ciphertext": flipped(slot["ciphertext"])}, key, own),
        ("open", {**slot, "nonce": flipped(slot["nonce"])}, key, own),
        ("open", {**slot, "salt": flipped(slot["salt"])}, key, own),
        ("open", {**slot, "ciphertext": slot["ciphertext"][:-2]}, key, own),
        ("open", {**slot, "kind": other}, renamed, own),
        ("open", slot, wrong, own),
        ("open", slot, key, enrolment_of(SEEDS[0])),
    ) == [{"refused": "WrongKeyError"}] * 7  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_a_slot_with_another_persons_seed_is_told_apart(slots: Slots, kind: str) -> None:
    """Whoever could seal a seed for an address that is not its own is found out as it opens."""
    slot, key, given = slots[kind]
    claimed = enrolment_of(SEEDS[0])
    kek = derived(given, bytes.fromhex(slot["salt"]), f"consentry/slot/{kind}/v1".encode())
    about = f"consentry/slot/v1|{kind}|{claimed}".encode()
    sealed = AESGCM(kek).encrypt(bytes.fromhex(slot["nonce"]), SEEDS[2], about)
    assert run(("open", {**slot, "ciphertext": sealed.hex()}, key, claimed)) == [{"refused": "OtherSeedError"}]


@pytest.mark.parametrize(
    "cost", [{}, {"memory": 8, "passes": 1, "lanes": 1}, {"memory": 2**22, "passes": 2, "lanes": 1}]
)
def test_no_slot_chooses_what_a_passphrase_costs(slots: Slots, cost: dict[str, int]) -> None:
    slot, key, _ = slots["passphrase"]
    [refused] = run(("open", {**slot, "parameters": cost}, key, enrolment_of(SEEDS[2])))
    assert refused == {"refused": "WrongKeyError"}

"""Signatures: one spelling each, and nothing that is no signature recovers anybody."""

import secrets
from pathlib import Path

import pytest
from eth_account import Account
from hypothesis import given, settings
from hypothesis import strategies as st

from consent.adapters.signing import LogKey, LogKeyError, WalletKey, recover, verifies

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
KEY = WalletKey(bytes(31) + b"\x01")
DIGEST = bytes(range(32))


def test_the_address_is_ethereums() -> None:
    assert KEY.address.hex() == "7e5f4552091a69125d5dfcb7b8c2659029395bdf"


@given(secret=st.integers(1, ORDER - 1), digest=st.binary(min_size=32, max_size=32))
@settings(max_examples=25, deadline=None)
def test_the_compact_signature_is_ethereums_in_eip_2098(secret: int, digest: bytes) -> None:
    key = WalletKey(secret.to_bytes(32, "big"))
    theirs = Account.unsafe_sign_hash(digest, secret.to_bytes(32, "big"))
    compact = theirs.r.to_bytes(32, "big") + (theirs.s | (theirs.v - 27) << 255).to_bytes(32, "big")
    assert key.sign(digest) == compact
    assert recover(digest, compact) == key.address


def test_a_signature_has_one_spelling() -> None:
    signature = KEY.sign(DIGEST)
    parity, s = signature[32] >> 7, int.from_bytes(signature[32:], "big") & (1 << 255) - 1
    twin = signature[:32] + ((ORDER - s) % (1 << 255) | (1 - parity) << 255).to_bytes(32, "big")
    assert recover(DIGEST, twin) != KEY.address


def test_another_digest_recovers_somebody_else() -> None:
    assert recover(bytes(32), KEY.sign(DIGEST)) != KEY.address


@given(st.binary(max_size=70))
@settings(max_examples=60, deadline=None)
def test_garbage_recovers_nobody_or_a_stranger_and_raises_nothing(signature: bytes) -> None:
    found = recover(DIGEST, signature)
    assert found is None or (len(signature) == 64 and found != KEY.address)


@pytest.mark.parametrize("signature", [b"", bytes(64), b"\xff" * 64, KEY.sign(DIGEST)[:63], KEY.sign(DIGEST) + b"\x00"])
def test_what_is_no_signature_recovers_nobody(signature: bytes) -> None:
    assert recover(DIGEST, signature) is None


def test_a_wallet_key_does_not_show_its_secret() -> None:
    key = WalletKey(secrets.token_bytes(32))
    assert key.secret.hex() not in repr(key)
    assert repr(key.secret) not in repr(key)


def test_the_log_key_comes_back_from_its_file(tmp_path: Path) -> None:
    made = LogKey.create(tmp_path / "log.pem", b"secret")
    opened = LogKey.open(tmp_path / "log.pem", b"secret")
    assert opened.public_key == made.public_key
    assert verifies(made.public_key, b"message", opened.sign(b"message"))
    assert oct((tmp_path / "log.pem").stat().st_mode)[-3:] == "600"
    assert b"ENCRYPTED" in (tmp_path / "log.pem").read_bytes()


def test_the_log_keys_file_is_never_overwritten(tmp_path: Path) -> None:
    made = LogKey.create(tmp_path / "log.pem", b"secret")
    with pytest.raises((FileExistsError, LogKeyError)):
        LogKey.create(tmp_path / "log.pem", b"secret")
    assert LogKey.open(tmp_path / "log.pem", b"secret").public_key == made.public_key


@pytest.mark.parametrize("content", [None, b"", b"no key"])
def test_a_log_key_that_is_missing_or_damaged_says_so(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "log.pem").write_bytes(content)
    with pytest.raises(LogKeyError):
        LogKey.open(tmp_path / "log.pem", b"secret")


def test_a_log_key_under_another_password_says_so(tmp_path: Path) -> None:
    LogKey.create(tmp_path / "log.pem", b"secret")
    with pytest.raises(LogKeyError):
        LogKey.open(tmp_path / "log.pem", b"guess")


@pytest.mark.parametrize("signature", [b"", bytes(64), bytes(63), b"\xff" * 64])
def test_what_the_log_key_did_not_sign_does_not_verify(tmp_path: Path, signature: bytes) -> None:
    key = LogKey.create(tmp_path / "log.pem", b"secret")
    assert not verifies(key.public_key, b"message", signature)
    assert not verifies(key.public_key, b"another", key.sign(b"message"))
    assert not verifies(b"short", b"message", key.sign(b"message"))

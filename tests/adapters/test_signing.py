"""Signatures: one spelling each, and nothing that is no signature recovers anybody."""

import secrets
from pathlib import Path

import pytest
from eth_account import Account
from hypothesis import given, settings
from hypothesis import strategies as st

from consent.adapters.signing import LogKey, LogKeyError, WalletKey
from consent.signatures import recover, verifies
from vault import Cost, DecryptionError, PassphraseFile

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


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> PassphraseFile:
    """A root key, cheap to stretch."""
    path = tmp_path_factory.mktemp("root") / "root.json"
    return PassphraseFile.create(path, b"secret", Cost(iterations=1, lanes=1, memory_kib=64))


def test_the_log_key_comes_back_from_its_file(tmp_path: Path, root: PassphraseFile) -> None:
    made = LogKey.create(tmp_path / "log.key", root.wrap)
    opened = LogKey.open(tmp_path / "log.key", root.unwrap)
    assert opened.public_key == made.public_key
    assert verifies(made.public_key, b"message", opened.sign(b"message"))
    assert oct((tmp_path / "log.key").stat().st_mode)[-3:] == "600"


def test_the_log_keys_file_is_never_overwritten(tmp_path: Path, root: PassphraseFile) -> None:
    made = LogKey.create(tmp_path / "log.key", root.wrap)
    with pytest.raises((FileExistsError, LogKeyError)):
        LogKey.create(tmp_path / "log.key", root.wrap)
    assert LogKey.open(tmp_path / "log.key", root.unwrap).public_key == made.public_key


def test_a_missing_log_key_says_so(tmp_path: Path, root: PassphraseFile) -> None:
    with pytest.raises(LogKeyError):
        LogKey.open(tmp_path / "log.key", root.unwrap)


@pytest.mark.parametrize("content", [b"", b"no key", bytes(105)])
def test_a_damaged_log_key_does_not_open(tmp_path: Path, root: PassphraseFile, content: bytes) -> None:
    (tmp_path / "log.key").write_bytes(content)
    with pytest.raises(DecryptionError):
        LogKey.open(tmp_path / "log.key", root.unwrap)


def test_a_log_key_under_another_root_does_not_open(tmp_path: Path, root: PassphraseFile) -> None:
    LogKey.create(tmp_path / "log.key", root.wrap)
    another = PassphraseFile.create(tmp_path / "root.json", b"x", Cost(iterations=1, lanes=1, memory_kib=64))
    with pytest.raises(DecryptionError):
        LogKey.open(tmp_path / "log.key", another.unwrap)


@pytest.mark.parametrize("signature", [b"", bytes(64), bytes(63), b"\xff" * 64])
def test_what_the_log_key_did_not_sign_does_not_verify(tmp_path: Path, root: PassphraseFile, signature: bytes) -> None:
    key = LogKey.create(tmp_path / "log.key", root.wrap)
    assert not verifies(key.public_key, b"message", signature)
    assert not verifies(key.public_key, b"another", key.sign(b"message"))
    assert not verifies(b"short", b"message", key.sign(b"message"))

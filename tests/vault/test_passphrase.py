"""The root key's file: it opens with its passphrase, and with nothing else."""

import json
from pathlib import Path

import pytest

from tests.vault.homes import CHEAP, PASSPHRASE
from vault import Cost, DecryptionError, KeyFileError, PassphraseFile, VaultError, WrongPassphraseError

KEY = bytes(range(32))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "root.json"


def test_what_one_start_wrapped_the_next_one_unwraps(path: Path) -> None:
    wrapped = PassphraseFile.create(path, PASSPHRASE, CHEAP).wrap(b"epoch", KEY)
    assert PassphraseFile.open(path, PASSPHRASE).unwrap(b"epoch", wrapped) == KEY


def test_a_wrapped_key_opens_in_its_own_context_and_under_its_own_root_only(path: Path, tmp_path: Path) -> None:
    root = PassphraseFile.create(path, PASSPHRASE, CHEAP)
    wrapped = root.wrap(b"epoch", KEY)
    with pytest.raises(DecryptionError):
        root.unwrap(b"other", wrapped)
    with pytest.raises(DecryptionError):
        PassphraseFile.create(tmp_path / "another.json", PASSPHRASE, CHEAP).unwrap(b"epoch", wrapped)


def test_derived_keys_stay_the_same_and_differ_by_context(path: Path) -> None:
    root = PassphraseFile.create(path, PASSPHRASE, CHEAP)
    assert root.derive(b"identifiers") == PassphraseFile.open(path, PASSPHRASE).derive(b"identifiers")
    assert root.derive(b"identifiers") != root.derive(b"other")
    assert len(root.derive(b"identifiers")) == 32


def test_a_wrong_passphrase_is_named_as_such(path: Path) -> None:
    PassphraseFile.create(path, PASSPHRASE, CHEAP)
    for wrong in (b"", b"correct horsf", PASSPHRASE + b"\0"):
        with pytest.raises(WrongPassphraseError):
            PassphraseFile.open(path, wrong)


def test_only_its_owner_can_read_the_file_and_it_holds_neither_key_nor_passphrase(path: Path) -> None:
    root = PassphraseFile.create(path, PASSPHRASE, CHEAP)
    assert path.stat().st_mode & 0o777 == 0o600
    assert PASSPHRASE not in path.read_bytes()
    assert root._root.hex() not in path.read_text() + repr(root)


def test_an_existing_file_is_never_replaced(path: Path) -> None:
    PassphraseFile.create(path, PASSPHRASE, CHEAP)
    before = path.read_bytes()
    with pytest.raises(KeyFileError):
        PassphraseFile.create(path, b"another", CHEAP)
    assert path.read_bytes() == before
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_a_missing_file_and_a_missing_folder_say_so(path: Path) -> None:
    with pytest.raises(KeyFileError):
        PassphraseFile.open(path, PASSPHRASE)
    with pytest.raises(KeyFileError):
        PassphraseFile.create(path / "nowhere", PASSPHRASE, CHEAP)


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"version": True},
        {"kdf": "scrypt"},
        {"salt": "zz"},
        {"salt": "00"},
        {"iterations": 0},
        {"iterations": "3"},
        {"iterations": 10**9},
        {"lanes": 0},
        {"memory_kib": 7},
        {"memory_kib": 2**40},
        {"sealed": 5},
        {"sealed": "0"},
        {"more": 1},
    ],
)
def test_a_malformed_file_is_refused_before_anything_is_stretched(path: Path, change: dict[str, object]) -> None:
    PassphraseFile.create(path, PASSPHRASE, CHEAP)
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(KeyFileError):
        PassphraseFile.open(path, PASSPHRASE)


@pytest.mark.parametrize("text", ["", "no JSON", "[]", "null", "{}", '{"version": 1}', "\ud800"])
def test_what_is_no_key_file_is_refused(path: Path, text: str) -> None:
    path.write_bytes(text.encode(errors="surrogatepass"))
    with pytest.raises(KeyFileError):
        PassphraseFile.open(path, PASSPHRASE)


@pytest.mark.parametrize("change", [{"iterations": 2}, {"lanes": 2, "memory_kib": 16}, {"salt": "00" * 16}])
def test_altered_parameters_do_not_open(path: Path, change: dict[str, object]) -> None:
    PassphraseFile.create(path, PASSPHRASE, CHEAP)
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(WrongPassphraseError):
        PassphraseFile.open(path, PASSPHRASE)


def test_the_default_cost_is_the_second_recommendation_of_rfc_9106() -> None:
    assert Cost() == Cost(iterations=3, lanes=4, memory_kib=64 * 1024)


def test_every_error_of_the_vault_has_one_root() -> None:
    assert issubclass(WrongPassphraseError, VaultError)
    assert issubclass(KeyFileError, VaultError)

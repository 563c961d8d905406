"""Sealed records that open through a gate only, under keys that can die.

    keys = KeyTree.create(open_keys(path), PassphraseFile.create(key_file, passphrase), [folder_a, folder_b], tenant)
    vault = Vault(tenant, keys)
    vault.enrol([subject])
    vault.deposit(connection, [Deposit(subject, "laboratory", content)])
    for opening in vault.read(connection, gate, access, [subject]):
        use(opening.records)
    vault.shred(connection, [subject])

Both databases come from `migrations.upgrade`. The vault knows nothing of why a gate admits anyone.
"""

from vault.epoch import KeyEncryptionKey
from vault.errors import (
    DecryptionError,
    EpochKeyLostError,
    EpochNotDestroyedError,
    EpochTurnError,
    KeyDamagedError,
    KeyFileError,
    KeyLengthError,
    KeyNotFoundError,
    KeysUnavailableError,
    KeyTreeExistsError,
    KeyTreeMissingError,
    ReplicaMissingError,
    VaultError,
    WrongPassphraseError,
)
from vault.gate import Access, Admission, Admitted, Gate, Refused
from vault.keys import KeyTree, Shredded
from vault.passphrase import Cost, PassphraseFile
from vault.records import Deposit, OpenedRecord, Opening, Part, Vault
from vault.sql import open_keys

__all__ = [
    "Access",
    "Admission",
    "Admitted",
    "Cost",
    "DecryptionError",
    "Deposit",
    "EpochKeyLostError",
    "EpochNotDestroyedError",
    "EpochTurnError",
    "Gate",
    "KeyDamagedError",
    "KeyEncryptionKey",
    "KeyFileError",
    "KeyLengthError",
    "KeyNotFoundError",
    "KeyTree",
    "KeyTreeExistsError",
    "KeyTreeMissingError",
    "KeysUnavailableError",
    "OpenedRecord",
    "Opening",
    "Part",
    "PassphraseFile",
    "Refused",
    "ReplicaMissingError",
    "Shredded",
    "Vault",
    "VaultError",
    "WrongPassphraseError",
    "open_keys",
]

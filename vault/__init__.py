"""Sealed records that open through a gate only, under keys that can die.

    keys = KeyTree.create(open_keys(path), PassphraseFile.create(key_file, passphrase), [folder_a, folder_b], tenant)
    vault = Vault(tenant, keys)
    vault.enrol([subject])
    vault.deposit(connection, [Deposit(subject, "laboratory", content)])
    for opening in vault.read(connection, gate, access, [subject]):
        use(opening.records)
    vault.shred(connection, [subject])
    vault.keys.turn()

Both databases come from `migrations.upgrade`. The vault knows nothing of why a gate admits anyone.
"""

from vault.deposits import Deposit, Deposited, Outcome, always
from vault.derived import Derivation, Derived, Unkept
from vault.epoch import EpochSeal, KeyEncryptionKey
from vault.errors import (
    DecryptionError,
    EpochKeyLostError,
    EpochNotDestroyedError,
    EpochSupersededError,
    EpochTurnError,
    KeyDamagedError,
    KeyFileError,
    KeyLengthError,
    KeyNotFoundError,
    KeysUnavailableError,
    KeyTreeExistsError,
    KeyTreeMissingError,
    RecordNotFoundError,
    ReplicaMissingError,
    VaultError,
    WrongPassphraseError,
)
from vault.gate import Access, Admission, Admitted, Gate, Refused
from vault.keys import KeyTree, Turned
from vault.openings import CurrentRecord, History, OpenedRecord, Opening, PastVersion
from vault.passphrase import Cost, PassphraseFile
from vault.records import Part, Vault
from vault.sql import open_keys
from vault.sql.records import State

__all__ = [
    "Access",
    "Admission",
    "Admitted",
    "Cost",
    "CurrentRecord",
    "DecryptionError",
    "Deposit",
    "Deposited",
    "Derivation",
    "Derived",
    "EpochKeyLostError",
    "EpochNotDestroyedError",
    "EpochSeal",
    "EpochSupersededError",
    "EpochTurnError",
    "Gate",
    "History",
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
    "Outcome",
    "Part",
    "PassphraseFile",
    "PastVersion",
    "RecordNotFoundError",
    "Refused",
    "ReplicaMissingError",
    "State",
    "Turned",
    "Unkept",
    "Vault",
    "VaultError",
    "WrongPassphraseError",
    "always",
    "open_keys",
]

"""Everything the vault raises. Refusals are not here: a gate that says no is an answer (`vault.gate.Refused`)."""


class VaultError(Exception):
    """Something about keys or sealed records is broken or was asked wrongly; the message says what to do about it."""


class KeyLengthError(VaultError):
    """A key is not 32 bytes long; pass 32 uniformly random bytes, never a passphrase."""


class DecryptionError(VaultError):
    """This does not open under this key and context: treat it as damaged or moved, and take it from a good copy."""


class KeyNotFoundError(VaultError):
    """A subject has no key here: restore the newest backup of the keys, unless they were erased or never enrolled."""


class RecordNotFoundError(VaultError):
    """No current record of this subject has this id: it was withdrawn or shredded, or never was; list them anew."""


class KeyDamagedError(VaultError):
    """A wrapped key does not open under its own epoch's key: restore the keys database from a copy of this epoch."""


class WrongPassphraseError(VaultError):
    """The key file does not open: try the passphrase again, then a good copy of the file."""


class KeyFileError(VaultError):
    """A key file is missing, malformed, already there or cannot be written: mend what the message names."""


class KeyTreeExistsError(VaultError):
    """The keys database holds a key tree already: open that one, or name an empty database."""


class KeyTreeMissingError(VaultError):
    """The keys database holds no key tree: create one, or name the right database."""


class EpochKeyLostError(VaultError):
    """No replica folder opens the epoch's key: bring one back; a database older than an erasure never opens again."""


class EpochSupersededError(VaultError):
    """A copy of the keys is of an epoch that another has followed: take a copy of the newest one's."""


class ReplicaMissingError(VaultError):
    """Some replica does not hold the epoch's key, so its death could not be seen to: mend or unlist it, then repeat."""


class EpochNotDestroyedError(VaultError):
    """A dead epoch's key may still lie in a replica folder: make that writable and shred again."""


class EpochTurnError(VaultError):
    """The new epoch did not check out or another turn came between: the old epoch still holds, so shred again."""


class KeysUnavailableError(VaultError):
    """The keys database cannot be read or written now; nothing was changed, try again."""

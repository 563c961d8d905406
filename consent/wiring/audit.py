"""What an auditor opens: no key, no passphrase, nothing that writes."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from consent.adapters.sql import SqlStore, open_records
from consent.domain.identity import Identity
from consent.domain.key_history import KeyJudge
from consent.domain.typed_data import Address
from consent.ports import Ledger
from consent.settings import FILES, Databases
from consent.signatures import recover, verifies
from consent.wiring.places import InstallationError, Places, is_absent, read_identity


@dataclass(frozen=True, slots=True)
class AuditRoom:
    """What an auditor opens: no key, no passphrase, nothing that writes."""

    places: Places
    store: SqlStore
    ledger: Ledger
    identity: Identity

    @property
    def origin(self) -> str:
        """The log's name."""
        return self.identity.origin

    @property
    def public_key(self) -> bytes:
        """The log's Ed25519 public key, 32 bytes."""
        return self.identity.public_key

    def verify(self, message: bytes, signature: bytes) -> bool:
        """Say whether the log key signed a message."""
        return verifies(self.public_key, message, signature)

    @property
    def judge(self) -> KeyJudge:
        """What changes of patients' keys are held against."""
        return KeyJudge(self.origin, self.public_key, self.identity.domain, recover, verifies)

    def recover(self, digest: bytes, signature: bytes) -> Address | None:
        """Return who signed a digest with a compact signature."""
        return recover(digest, signature)


@contextmanager
def opened_for_audit(home: Path, rpc: str = "", databases: Databases = FILES) -> Iterator[AuditRoom]:
    """Open an installation's folder to read and check it; raise `InstallationError` when it holds none.

    `rpc` is the URL of the auditor's own node, for an installation whose chain a node serves. On PostgreSQL a role that
    may only read the records database is enough.
    """
    from consent.wiring.chains import audited_chain  # noqa: PLC0415  # slow to load

    places = Places(home, databases)
    identity = read_identity(places.public)
    chain = places.deployment if places.deployment.exists() else places.chain
    if is_absent(places.records) or not chain.is_file():
        raise InstallationError("the records or the chain of this installation are missing: restore their files")
    with ExitStack() as stack:
        ledger = stack.enter_context(audited_chain(places, rpc))
        store = SqlStore(open_records(places.records, read_only=True))
        stack.callback(store.engine.dispose)
        yield AuditRoom(places, store, ledger, identity)

"""What an auditor trusts, in a TOML file of their own: no bundle says which keys, signers, chain or addresses count.

    version = 1

    [log]
    origin = "consentry/5a1c…"               # the log's name
    keys = ["<64 hex>"]                      # its Ed25519 keys; any of them may have signed
    checkpoints = ["checkpoint-0041918.txt"] # optional: notes that you kept; paths beside this file

    [chain]                                  # optional; without it every check of the chain is open
    id = 1
    registry = "0x<40 hex>"
    models = "0x<40 hex>"
    anchor = "0x<40 hex>"
    view = "chain-view.json"                 # what you saw of the chain; or a node of yours:
    # node = "http://127.0.0.1:8545"
    # confirmations = 12                     # optional, with a node whose chain calls no block finalized
    code = {registry = "0x<64 hex>", models = "0x<64 hex>", anchor = "0x<64 hex>"}   # optional: Keccak-256 of the code

    [signers]                                # optional; without it the check of the certificate is open
    version = 1
    groups = {hospitals = 1, patients = 1}   # how many of each group must have signed

    [[signers.signer]]                       # one for each, in the order of the certificate's bits
    name = "ward patients"
    group = "patients"
    key = "<96 hex>"
    proof = "<192 hex>"                      # of possession; checked again at every reading, 0.3 s each
    revoked = false                          # optional

    [rules]                                  # optional
    stop_within = 86400                      # seconds within which a stop must be on the chain
    clocks_differ = 3600                     # seconds by which clocks of installation and chain may differ

Anything else raises `InvalidPolicyError`, which names the place and repeats nothing of what stands there.
"""

import tomllib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final, Self

from consent.domain.checkpoint import Checkpoint, CheckpointError
from consent.domain.hashing import HASH_BYTES
from consent.domain.note import NoteError, is_key_name, open_note
from consent.domain.typed_data import Address
from consent.verifier.certificate import (
    PUBLIC_KEY_BYTES,
    SIGNATURE_BYTES,
    AnchorContract,
    InvalidPolicyError,
    InvalidSignerError,
    RegisteredSigner,
    SignerPolicy,
)
from consent.verifier.chain_view import ADDRESS_BYTES, CONTRACTS, ChainView
from consent.verifier.fields import LARGEST_WHOLE, Fields, read_file
from consent.verifier.node import JsonRpc, view_of

DAY: Final = 86_400
HOUR: Final = 3600
LARGEST_POLICY: Final = 1024 * 1024
"""In bytes; three hundred are a signer."""
LARGEST_NOTE: Final = 64 * 1024
_KEY_BYTES: Final = 32
_ADDRESS: Final = "0x"
Verifies = Callable[[bytes, bytes, bytes], bool]
"""`verifies(public_key, message, signature)`: whether an Ed25519 key signed a message."""


@dataclass(frozen=True, slots=True)
class LogTrust:
    """Which log is meant: its origin, its keys (any may have signed), and the notes that the auditor kept of it."""

    origin: str
    keys: tuple[bytes, ...]
    checkpoints: tuple[str, ...] = ()

    def open(self, note: str, verifies: Verifies) -> Checkpoint:
        """Return the checkpoint of a note that one of the keys signed.

        Raises `NoteError` where none did, and `CheckpointError` where the text is no checkpoint of this log.
        """
        checkpoint = Checkpoint.from_text(self._opened(note, verifies))
        if checkpoint.origin != self.origin:
            raise CheckpointError("this is a checkpoint of another log")
        return checkpoint

    def _opened(self, note: str, verifies: Verifies) -> str:
        for key in self.keys:
            with suppress(NoteError):
                return open_note(note, {self.origin: (key, partial(verifies, key))})[0]
        raise NoteError("none of the log's keys signed this note")


@dataclass(frozen=True, slots=True)
class ChainTrust:
    """Which chain and contracts are meant, and what the auditor saw of them.

    Attributes:
        chain_id: of the chain.
        registry: address of the consent registry.
        models: address of the model registry.
        anchor: address of the log's anchor.
        view: the chain as the auditor saw it; its chain id and addresses are these.
        code: the Keccak-256 of what is to run at the three addresses, by the names of `CONTRACTS`; or none.
    """

    chain_id: int
    registry: Address
    models: Address
    anchor: Address
    view: ChainView
    code: Mapping[str, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        seen = (self.view.chain_id, self.view.registry, self.view.models_at, self.view.anchor)
        if seen != (self.chain_id, self.registry, self.models, self.anchor):
            raise InvalidPolicyError("the chain view is one of another chain or of other contracts than the policy's")

    @property
    def contract(self) -> AnchorContract:
        """Where the log is anchored, as certificates name it."""
        return AnchorContract(self.chain_id, self.anchor)

    @property
    def code_holds(self) -> bool | None:
        """Whether the code is what the policy says; None where it says nothing of it."""
        return all(self.view.code[name] == code for name, code in self.code.items()) if self.code else None


@dataclass(frozen=True, slots=True)
class Rules:
    """Seconds within which a stop must be on the chain, and by which the clocks may differ."""

    stop_within: int = DAY
    clocks_differ: int = HOUR


@dataclass(frozen=True, slots=True)
class Policy:
    """All that an auditor trusts; without `chain` or `signers` the checks that need them stay open."""

    log: LogTrust
    chain: ChainTrust | None = None
    signers: SignerPolicy | None = None
    rules: Rules = Rules()

    def __post_init__(self) -> None:
        if self.signers is not None and self.chain is None:
            raise InvalidPolicyError("signers sign for one chain: give the policy its part [chain] too")

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a policy and the files that it names; where it names a node, ask that.

        Raises `InvalidPolicyError`, `ChainViewError` for a chain view that is none, and `NodeError`.
        """
        whole = _whole(path)
        log = _log_trust(whole.table("log", {"origin", "keys"}, {"checkpoints"}), path.parent)
        chain = _chain(_chain_fields(whole), path.parent) if whole.has("chain") else None
        return cls(log, chain, _signers(whole) if whole.has("signers") else None, _rules(whole))


def read_signers(path: Path) -> tuple[SignerPolicy, AnchorContract, LogTrust]:
    """Return a policy's signers with what they sign for, without reading a chain view or asking a node."""
    whole = _whole(path)
    if not (whole.has("signers") and whole.has("chain")):
        raise InvalidPolicyError("this policy has no signers: give it its parts [signers] and [chain]")
    log = _log_trust(whole.table("log", {"origin", "keys"}, {"checkpoints"}), path.parent)
    chain = _chain_fields(whole)
    address = Address(chain.hex("anchor", ADDRESS_BYTES, _ADDRESS))
    return _signers(whole), AnchorContract(chain.whole("id", most=LARGEST_WHOLE), address), log


def _whole(path: Path) -> Fields:
    content = read_file(path, "the policy", InvalidPolicyError, LARGEST_POLICY)
    try:
        value = tomllib.loads(content.decode())
    except (ValueError, RecursionError) as error:
        raise InvalidPolicyError("the policy is no TOML in UTF-8: look at its quotes and brackets") from error
    fields = Fields.of(value, "the policy", InvalidPolicyError, {"version", "log"}, {"chain", "signers", "rules"})
    fields.whole("version", 1, 1)
    return fields


def _log_trust(log: Fields, folder: Path) -> LogTrust:
    origin, keys = log.text("origin"), log.hexes("keys", _KEY_BYTES)
    if not is_key_name(origin):
        raise InvalidPolicyError("log.origin is the log's name, without spaces and plus signs")
    if not keys or len(set(keys)) != len(keys):
        raise InvalidPolicyError("log.keys lists one key at least, and each once")
    kept = log.texts("checkpoints") if log.has("checkpoints") else []
    return LogTrust(origin, tuple(keys), tuple(_note(folder / name) for name in kept))


def _note(path: Path) -> str:
    content = read_file(path, "a checkpoint that log.checkpoints names", InvalidPolicyError, LARGEST_NOTE)
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise InvalidPolicyError("a checkpoint that log.checkpoints names is no text in UTF-8") from error


def _chain_fields(whole: Fields) -> Fields:
    chain = whole.table("chain", {"id", *CONTRACTS}, {"view", "node", "code", "confirmations"})
    if chain.has("view") == chain.has("node"):
        raise InvalidPolicyError("chain names a view or a node, and not both")
    if chain.has("confirmations") and not chain.has("node"):
        raise InvalidPolicyError("chain.confirmations belongs to a node")
    return chain


def _chain(chain: Fields, folder: Path) -> ChainTrust:
    chain_id = chain.whole("id", most=LARGEST_WHOLE)
    contracts = {name: Address(chain.hex(name, ADDRESS_BYTES, _ADDRESS)) for name in CONTRACTS}
    code = _code(chain) if chain.has("code") else {}
    if chain.has("view"):
        view = ChainView.read(folder / chain.text("view"))
    else:
        confirmations = chain.whole("confirmations") if chain.has("confirmations") else None
        view = view_of(JsonRpc(chain.text("node")), chain_id, contracts, confirmations)
    return ChainTrust(chain_id, **contracts, view=view, code=code)


def _code(chain: Fields) -> dict[str, bytes]:
    code = chain.table("code", set(), set(CONTRACTS))
    return {name: code.hex(name, HASH_BYTES, _ADDRESS) for name in CONTRACTS if code.has(name)}


def _signers(whole: Fields) -> SignerPolicy:
    signers = whole.table("signers", {"version", "groups", "signer"})
    quorum = _quorum(signers.members["groups"])
    listed = signers.tables("signer", {"name", "group", "key", "proof"}, {"revoked"})
    return SignerPolicy(signers.whole("version"), tuple(_signer(each) for each in listed), quorum)


def _signer(fields: Fields) -> RegisteredSigner:
    key, proof = fields.hex("key", PUBLIC_KEY_BYTES), fields.hex("proof", SIGNATURE_BYTES)
    name, group, revoked = fields.text("name"), fields.text("group"), fields.flag("revoked", default=False)
    try:
        return RegisteredSigner(name, group, key, proof, revoked)
    except InvalidSignerError as error:
        raise InvalidPolicyError(f"{fields.where}: {error}") from error


def _rules(whole: Fields) -> Rules:
    if not whole.has("rules"):
        return Rules()
    rules = whole.table("rules", set(), {"stop_within", "clocks_differ"})
    given = {name: rules.whole(name, most=LARGEST_WHOLE) for name in rules.members}
    return Rules(**given)


def _quorum(groups: object) -> dict[str, int]:
    if not isinstance(groups, dict) or not all(type(needed) is int for needed in groups.values()):
        raise InvalidPolicyError("signers.groups gives each group the number of its signers that are needed")
    return groups

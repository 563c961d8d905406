"""A chain view from a node that the auditor trusts, by JSON-RPC over HTTP with the standard library alone.

Everything is asked as of one final block: the one that the node calls finalized, or one that lies `confirmations`
blocks behind the newest where the chain knows no finality. That the block is still the same is asked at the end.
"""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.client import HTTPException, HTTPMessage
from typing import IO, Final
from urllib.parse import urlsplit

from consent.domain.errors import ConsentError
from consent.domain.hashing import HASH_BYTES, keccak
from consent.domain.typed_data import Address
from consent.ports import Anchored, Head, ModelStatus
from consent.verifier.chain_view import CONTRACTS, UNREGISTERED, ChainView, RegisteredModel
from consent.verifier.fields import LARGEST_WHOLE

SECONDS: Final = 10.0
"""How long a node may take to answer one question."""
LARGEST_ANSWER: Final = 1024 * 1024
"""In bytes; a block's answer names its transactions, 70 bytes each."""
_SCHEMES: Final = ("http", "https")


class NodeError(ConsentError):
    """The node does not say what was asked of it; see to the node or name another one in the policy."""


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """The node that was named answers, or none does."""

    def redirect_request(  # urllib's own signature
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> None:  # fmt: skip
        """Follow nowhere."""


_OPENER: Final = urllib.request.build_opener(_NoRedirects)


@dataclass(frozen=True, slots=True)
class JsonRpc:
    """One node; raises `NodeError` for a URL that is not http or https.

    Attributes:
        url: where it answers.
        seconds: how long it may take for one answer.
    """

    url: str = field(repr=False)
    seconds: float = SECONDS

    def __post_init__(self) -> None:
        try:
            parts = urlsplit(self.url)
            known = parts.scheme in _SCHEMES and bool(parts.hostname) and parts.port != 0
        except ValueError:
            known = False
        if not known:
            raise NodeError("a node has a URL of http or https")

    def ask(self, method: str, *params: object) -> object:
        """Return a method's result; raise `NodeError` when there is none."""
        question = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        request = urllib.request.Request(  # noqa: S310  # http and https alone, see above
            self.url, json.dumps(question).encode(), {"Content-Type": "application/json"}
        )
        try:
            with _OPENER.open(request, timeout=self.seconds) as answer:
                content = answer.read(LARGEST_ANSWER + 1)
        except (OSError, ValueError, HTTPException) as error:  # URLError is an OSError
            raise NodeError("the node cannot be asked: see whether it runs and answers at this URL") from error
        return _result(content)


@dataclass(frozen=True, slots=True)
class NodeView:
    """Asks one node about one chain, as of one block.

    Attributes:
        rpc: the node.
        block: as of which block.
    """

    rpc: JsonRpc
    block: Head

    def call(self, contract: Address, function: str, argument: bytes = b"", words: int = 1) -> bytes:
        """Return what a contract's function answers, in words of 32 bytes."""
        call = {"to": _hex(contract), "data": _hex(keccak(function.encode())[:4] + argument)}
        answer = _bytes(self.rpc.ask("eth_call", call, hex(self.block.number)))
        if len(answer) != words * HASH_BYTES:
            raise NodeError("the contract does not answer as ours does: see to the addresses in the policy")
        return answer

    def code(self, contract: Address) -> bytes:
        """Return the Keccak-256 of the code that runs at an address."""
        return keccak(_bytes(self.rpc.ask("eth_getCode", _hex(contract), hex(self.block.number))))

    def anchored(self, contract: Address) -> Anchored:
        """Return the newest anchored checkpoint."""
        answer = self.call(contract, "anchored()", words=2)
        return Anchored(_number(answer[:HASH_BYTES]), answer[HASH_BYTES:])

    def model(self, contract: Address, model: bytes) -> RegisteredModel:
        """Return what the model registry says of a model hash."""
        status = _number(self.call(contract, "status_of(bytes32)", model))
        if status not in set(ModelStatus):
            raise NodeError("the model registry names a status that this version does not know")
        return RegisteredModel(self.call(contract, "manifest_of(bytes32)", model), ModelStatus(status))


@dataclass(frozen=True, slots=True)
class AskedModels(Mapping[bytes, RegisteredModel]):
    """The model registry on a node, of which each model is asked when somebody wants it, and once.

    It has every model that it was asked about and that is registered; nothing lists the others.
    """

    view: NodeView
    contract: Address
    _asked: dict[bytes, RegisteredModel] = field(default_factory=dict)

    def __getitem__(self, model: bytes) -> RegisteredModel:
        if model not in self._asked:
            self._asked[model] = self.view.model(self.contract, model)
        if self._asked[model].status is UNREGISTERED.status:
            raise KeyError(model)
        return self._asked[model]

    def __iter__(self) -> Iterator[bytes]:
        return (model for model, said in self._asked.items() if said.status is not UNREGISTERED.status)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def view_of(rpc: JsonRpc, chain_id: int, contracts: Mapping[str, Address], confirmations: int | None) -> ChainView:
    """Return the chain as a node has it now; raise `NodeError` when it is on another chain or does not answer.

    `contracts` gives the addresses by the names of `CONTRACTS`; without `confirmations` the node says what is final.
    """
    if _quantity(rpc.ask("eth_chainId")) != chain_id:
        raise NodeError("the node is on another chain than the policy's: name another node")
    view = NodeView(rpc, _final(rpc, confirmations))
    seen = ChainView(
        chain_id=chain_id,
        registry=contracts["registry"],
        models_at=contracts["models"],
        anchor=contracts["anchor"],
        block=view.block,
        history=view.call(contracts["registry"], "history()"),
        anchored=view.anchored(contracts["anchor"]),
        models=AskedModels(view, contracts["models"]),
        code={name: view.code(contracts[name]) for name in CONTRACTS},
    )
    if _block(rpc, hex(view.block.number)) != view.block:
        raise NodeError("the chain was reorganised while it was asked: ask again, or wait for more confirmations")
    return seen


def _final(rpc: JsonRpc, confirmations: int | None) -> Head:
    if confirmations is None:
        return _block(rpc, "finalized")
    return _block(rpc, hex(max(0, _quantity(rpc.ask("eth_blockNumber")) - confirmations)))


def _block(rpc: JsonRpc, which: str) -> Head:
    block = rpc.ask("eth_getBlockByNumber", which, False)  # noqa: FBT003  # JSON-RPC's own parameter
    if not isinstance(block, dict) or not {"number", "hash", "timestamp"} <= block.keys():
        raise NodeError("the node has no such block yet: wait until one is final")
    digest = _bytes(block["hash"])
    if len(digest) != HASH_BYTES:
        raise NodeError("a block's hash has 32 bytes")
    return Head(_quantity(block["number"]), digest, _quantity(block["timestamp"]))


def _result(content: bytes) -> object:
    if len(content) > LARGEST_ANSWER:
        raise NodeError("the node's answer is too long")
    try:
        answer = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise NodeError("the node's answer is no JSON") from error
    if not isinstance(answer, dict) or answer.get("error") is not None or "result" not in answer:
        raise NodeError("the node refuses to answer: it may have no such block, or no finality")
    return answer["result"]


def _quantity(value: object) -> int:
    """Read a JSON-RPC quantity: hex without leading zeros, as much as JSON can carry on."""
    try:
        number = int(value, 16) if isinstance(value, str) and value.startswith("0x") else -1
    except ValueError:
        number = -1
    if not 0 <= number <= LARGEST_WHOLE:
        raise NodeError("the node answers with something that is no number")
    return number


def _bytes(value: object) -> bytes:
    try:
        return bytes.fromhex(value[2:]) if isinstance(value, str) and value.startswith("0x") else _no_bytes()
    except ValueError as error:
        raise NodeError("the node answers with something that is no bytes") from error


def _no_bytes() -> bytes:
    raise ValueError


def _number(content: bytes) -> int:
    number = int.from_bytes(content)
    if number > LARGEST_WHOLE:
        raise NodeError("the contract answers with a number that is too large")
    return number


def _hex(content: bytes) -> str:
    return "0x" + content.hex()

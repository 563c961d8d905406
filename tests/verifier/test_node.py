"""A view of the chain from a node: the real one says what the contracts hold; whatever else answers is refused."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, Final

import pytest

from consent.adapters.chain_keys import ChainKeys
from consent.adapters.deployments import deployment_to_json
from consent.adapters.node_chain import NodeChain
from consent.domain.history import fold
from consent.domain.merkle import leaf_hash, tree_root
from consent.domain.typed_data import Address
from consent.ports import Anchored, Anchoring, Grants, ModelStatus, Registration, StatusChange
from consent.verifier.chain_view import ChainView
from consent.verifier.node import LARGEST_ANSWER, JsonRpc, NodeError, view_of
from consent.verifier.policy import Policy
from consent.wiring.chain_views import view_of_chain
from tests.anvil import Anvil
from tests.cli.test_commands import consentry, refused
from tests.ledgers import deployed, keys_with_gas
from tests.verifier.policies import LOG
from tests.wallets import Wallet

FIRST, SECOND = b"\x01" * 32, b"\x02" * 32
MANIFEST: Final = b"\x09" * 32
ROOT: Final = tree_root([leaf_hash(b"one")])
CONTRACTS: Final = dict.fromkeys(("registry", "models", "anchor"), Address(b"\x07" * 20))


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Anvil, NodeChain]]:
    """A node's chain with a grant, two models and an anchored log."""
    with Anvil(tmp_path_factory.mktemp("anvil")) as node:
        keys = keys_with_gas(node.web3(), ChainKeys.draw())
        ledger = deployed(node.web3(), keys)
        now = ledger.head().time
        ledger.send(Grants([Wallet.draw().grant(ledger.domain, now + 86_400, now + 3600)]))
        ledger.send(Registration(FIRST, MANIFEST))
        ledger.send(Registration(SECOND, MANIFEST))
        ledger.send(StatusChange(SECOND, ModelStatus.SUSPENDED))
        ledger.send(Anchoring(1, ROOT, []))
        yield node, ledger


def contracts_of(ledger: NodeChain) -> dict[str, Address]:
    at = ledger.deployment
    return {"registry": at.registry.address, "models": at.models.address, "anchor": at.anchor.address}


def seen(node: Anvil, ledger: NodeChain, confirmations: int | None = 0) -> ChainView:
    return view_of(JsonRpc(node.url), ledger.deployment.chain_id, contracts_of(ledger), confirmations)


def test_a_view_says_what_the_contracts_hold(chain: tuple[Anvil, NodeChain]) -> None:
    node, ledger = chain
    view = seen(node, ledger)
    assert view.block == ledger.head()
    assert view.history == fold(bytes(32), ledger.events(0, view.block.number)) == ledger.history(view.block.number)
    assert view.anchored == Anchored(1, ROOT)
    assert (view.model(FIRST).status, view.model(FIRST).manifest) == (ModelStatus.ACTIVE, MANIFEST)
    assert view.model(SECOND).status is ModelStatus.SUSPENDED
    assert view.model(b"\x03" * 32).status is ModelStatus.UNKNOWN
    assert set(view.models) == {FIRST, SECOND}
    assert view.code == {
        "registry": ledger.deployment.registry.code_hash,
        "models": ledger.deployment.models.code_hash,
        "anchor": ledger.deployment.anchor.code_hash,
    }


def test_what_the_verifier_asks_is_what_the_command_writes(chain: tuple[Anvil, NodeChain]) -> None:
    node, ledger = chain
    view = seen(node, ledger)
    assert [view.model(model).status for model in (FIRST, SECOND)]
    assert view_of_chain(ledger) == ChainView.from_json(json.loads(view.to_bytes()))


def test_a_view_is_as_of_a_final_block(chain: tuple[Anvil, NodeChain]) -> None:
    node, ledger = chain
    head = ledger.head().number
    assert seen(node, ledger, confirmations=2).block.number == head - 2
    assert seen(node, ledger, confirmations=2).anchored.size == 0  # it was anchored in the newest block
    node.mine(64)  # anvil calls final what lies that many blocks behind
    assert seen(node, ledger, confirmations=None).block.number == head
    assert seen(node, ledger, confirmations=None).model(FIRST).status is ModelStatus.ACTIVE


def test_a_policy_with_a_node_sees_the_chain(chain: tuple[Anvil, NodeChain], tmp_path: Path) -> None:
    node, ledger = chain
    addresses = "".join(f'{name} = "0x{address.hex()}"\n' for name, address in contracts_of(ledger).items())
    code = f'code = {{anchor = "0x{ledger.deployment.anchor.code_hash.hex()}"}}\n'
    part = f'[chain]\nid = {ledger.deployment.chain_id}\n{addresses}node = "{node.url}"\nconfirmations = 0\n{code}'
    (tmp_path / "auditor.toml").write_text(f"version = 1\n{LOG}{part}")
    policy = Policy.read(tmp_path / "auditor.toml")
    assert policy.chain is not None
    assert policy.chain.view.anchored == Anchored(1, ROOT)
    assert policy.chain.code_holds


def test_the_command_writes_a_node_s_view(chain: tuple[Anvil, NodeChain], tmp_path: Path) -> None:
    node, ledger = chain
    file = tmp_path / "deployment.json"
    file.write_text(json.dumps(deployment_to_json(ledger.deployment)))
    ran = consentry("chain-view", "--rpc", node.url, "--deployment", file, "--confirmations", 0)
    assert ran.returncode == 0, ran.stderr
    assert ChainView.from_json(json.loads(ran.stdout)) == view_of_chain(ledger)
    refused(consentry("chain-view", "--deployment", file), 2, "--rpc")
    refused(consentry("chain-view"), 2, "name an installation's folder")


@pytest.mark.parametrize("contract", ["registry", "models", "anchor"])
def test_an_address_without_our_contract_gives_no_view(chain: tuple[Anvil, NodeChain], contract: str) -> None:
    node, ledger = chain
    wrong = contracts_of(ledger) | {contract: Address(b"\x07" * 20)}
    with pytest.raises(NodeError):
        view_of(JsonRpc(node.url), ledger.deployment.chain_id, wrong, 0).model(FIRST)


def test_another_chain_gives_no_view(chain: tuple[Anvil, NodeChain]) -> None:
    node, ledger = chain
    with pytest.raises(NodeError, match="another chain"):
        view_of(JsonRpc(node.url), ledger.deployment.chain_id + 1, contracts_of(ledger), 0)


# ------------------------------------------------------------------------------------------- what answers otherwise

Answer = Callable[[dict[str, Any]], bytes]


@contextmanager
def answering(answer: Answer, status: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> Iterator[str]:
    """Answer every question of JSON-RPC with these bytes; yields the URL."""

    class Door(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(status)
            for header in headers:
                self.send_header(*header)
            self.end_headers()
            self.wfile.write(answer(asked))

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Door)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def result(value: object) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": 1, "result": value}).encode()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{",
        b"[" * 5000,
        b"null",
        b"{}",
        b'{"error": {"code": -32000, "message": "sesame"}}',
        b'{"error": {}, "result": "0x1"}',
        result(None),
        result(7),
        result("7"),
        result("0x"),
        result("0xzz"),
        result(hex(2**60)),
        result({"number": "0x1"}),
        b" " * (LARGEST_ANSWER + 1),
    ],
    ids=lambda content: repr(content[:40]),
)
def test_an_answer_that_is_none_gives_no_view(content: bytes) -> None:
    with answering(lambda _: content) as url, pytest.raises(NodeError) as caught:
        view_of(JsonRpc(url), 7, CONTRACTS, 0)
    assert "sesame" not in str(caught.value)


BLOCK: Final = {"number": "0x5", "hash": "0x" + "11" * 32, "timestamp": "0x10"}
HONEST: Final[dict[str, object]] = {
    "eth_chainId": "0x7",
    "eth_blockNumber": "0x5",
    "eth_getBlockByNumber": BLOCK,
    "eth_getCode": "0x60",
    "eth_call": "0x" + "00" * 32,
}


@pytest.mark.parametrize(
    ("method", "value"),
    [
        ("eth_getBlockByNumber", None),
        ("eth_getBlockByNumber", BLOCK | {"hash": "0x11"}),
        ("eth_getBlockByNumber", BLOCK | {"hash": None}),
        ("eth_getBlockByNumber", BLOCK | {"timestamp": -1}),
        ("eth_getCode", None),
        ("eth_getCode", "0x6"),
        ("eth_call", "0x"),
        ("eth_call", "0x" + "00" * 31),
        ("eth_call", ["0x"]),
    ],
    ids=str,
)
def test_one_wrong_answer_gives_no_view(method: str, value: object) -> None:
    with answering(lambda asked: result((HONEST | {method: value})[asked["method"]])) as url, pytest.raises(NodeError):
        view_of(JsonRpc(url), 7, CONTRACTS, 0)


def test_a_block_that_is_another_at_the_end_gives_no_view() -> None:
    asked_for, size = [0], "0x" + "00" * 64

    def answer(asked: dict[str, Any]) -> bytes:
        if asked["method"] == "eth_getBlockByNumber":
            asked_for[0] += 1
            return result(BLOCK | {"hash": f"0x{asked_for[0]:064x}"})
        two_words = asked["method"] == "eth_call" and asked_for[0] and "data" in asked["params"][0]
        history = two_words and asked["params"][0]["to"] == "0x" + "01" * 20
        return result(size if two_words and not history else HONEST[asked["method"]])

    contracts = CONTRACTS | {"registry": Address(b"\x01" * 20)}
    with answering(answer) as url, pytest.raises(NodeError, match="reorganised"):
        view_of(JsonRpc(url), 7, contracts, 0)


def test_a_redirect_is_not_followed(chain: tuple[Anvil, NodeChain]) -> None:
    node, ledger = chain
    headers = (("Location", node.url),)
    with answering(lambda _: b"", 307, headers) as url, pytest.raises(NodeError):
        view_of(JsonRpc(url), ledger.deployment.chain_id, contracts_of(ledger), 0)


def test_a_node_that_does_not_answer_is_not_waited_for_long(tmp_path: Path) -> None:
    with Anvil(tmp_path) as node:
        node.freeze()
        with pytest.raises(NodeError):
            JsonRpc(node.url, seconds=0.2).ask("eth_chainId")
    with pytest.raises(NodeError):
        JsonRpc(node.url).ask("eth_chainId")


def test_a_url_with_a_secret_is_not_in_a_node_s_text() -> None:
    assert "sesame" not in repr(JsonRpc("https://node.example/sesame"))

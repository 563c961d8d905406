"""The node of the tests is a real one and does to a chain what a test needs: other sentences rest on these."""

import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
import requests
from eth_account import Account
from web3.contract import Contract
from web3.exceptions import BlockNotFound, ContractLogicError, Web3RPCError
from web3.types import TxParams, TxReceipt

import contracts
from tests.anvil import Anvil, AnvilError, require_anvil
from tests.wallets import Wallet

DAY: Final = 86_400
GWEI: Final = 10**9


class Sender:
    """A wallet with gas on one node, which signs its transactions itself; each sends 1 wei to nobody."""

    def __init__(self, node: Anvil) -> None:
        self.node, self.wallet, self.web3 = node, Wallet.draw(), node.web3()
        node.set_balance(self.wallet.address, 10**20)

    def signed(self, nonce: int, fee: int = 10 * GWEI, tip: int = GWEI, **fields: object) -> bytes:
        """Return a signed transaction."""
        whole = {
            "type": 2,
            "chainId": self.node.chain_id,
            "nonce": nonce,
            "to": "0x" + "11" * 20,
            "value": 1,
            "gas": 21_000,
            "maxFeePerGas": fee,
            "maxPriorityFeePerGas": tip,
            **fields,
        }
        return bytes(Account.sign_transaction(whole, self.wallet.key).raw_transaction)

    def send(self, raw: bytes) -> bytes:
        """Hand a signed transaction to the node; return its hash."""
        return bytes(self.web3.eth.send_raw_transaction(raw))

    def refusal(self, raw: bytes) -> tuple[int, str]:
        """Return code and message of the node's refusal."""
        with pytest.raises(Web3RPCError) as caught:
            self.send(raw)
        response = caught.value.rpc_response
        assert response is not None
        error = response["error"]
        assert isinstance(error, dict)
        return error["code"], error["message"]


@pytest.fixture
def sender(anvil: Anvil) -> Sender:
    """A sender on a node that mines only when told to."""
    anvil.set_automine(on=False)
    return Sender(anvil)


def deployed(node: Anvil) -> Contract:
    """Return the consent registry, deployed by the node's own account, which is its custodian too."""
    web3, artifact = node.web3(), contracts.load("consent_registry")
    web3.eth.default_account = web3.eth.accounts[0]
    factory = web3.eth.contract(abi=artifact.abi, bytecode=artifact.bytecode)
    sent = factory.constructor(web3.eth.accounts[0]).transact()
    address = web3.eth.wait_for_transaction_receipt(sent, poll_latency=0.01)["contractAddress"]
    assert address is not None
    return web3.eth.contract(address, abi=artifact.abi)


def granted(registry: Contract, commitment: bytes) -> TxReceipt:
    """Publish a grant of the node's own account and wait for its block."""
    expires = registry.w3.eth.get_block("latest")["timestamp"] + DAY
    sent = registry.functions.grant_own(commitment, expires).transact()
    return registry.w3.eth.wait_for_transaction_receipt(sent, poll_latency=0.01)


def hashes(node: Anvil) -> list[bytes]:
    """Return the hash of each block, the oldest first."""
    return [bytes(node.block(number)["hash"]) for number in range(node.head() + 1)]


# ------------------------------------------------------------------------------------------------------------ a node


def test_a_node_starts_in_well_under_a_second_on_a_chain_of_its_own(tmp_path: Path, anvil: Anvil) -> None:
    (tmp_path / "second").mkdir()
    start = time.monotonic()
    with Anvil(tmp_path / "second") as second:
        assert time.monotonic() - start < 0.5
        assert second.web3().eth.chain_id == second.chain_id != anvil.chain_id
        assert second.url != anvil.url


def test_events_of_the_registry_are_emitted_and_read(shared_anvil: Anvil) -> None:
    registry, commitment = deployed(shared_anvil), secrets.token_bytes(32)
    receipt = granted(registry, commitment)
    (event,) = registry.events.Granted().get_logs(from_block=receipt["blockNumber"])
    assert event["args"]["commitment"] == commitment
    assert event["blockHash"] == receipt["blockHash"]


def test_an_option_that_anvil_does_not_know_is_named(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="--no-such-option"):
        Anvil(tmp_path, "--no-such-option")


def test_the_gas_cap_of_a_transaction_holds(sender: Sender) -> None:
    assert sender.refusal(sender.signed(0, gas=2**24 + 1))[1].endswith("tx.gas_limit > env.cfg.tx_gas_limit_cap")


# ------------------------------------------------------------------------------------------------------ blocks, time


def test_without_automine_transactions_wait(sender: Sender) -> None:
    sent = [sender.send(sender.signed(nonce)) for nonce in range(2)]
    assert sender.node.waiting() == sent
    assert sender.node.receipt(sent[0]) is None
    sender.node.mine_without(sent[1])
    assert sender.node.waiting() == sent[1:]
    sender.node.mine()
    receipts = [sender.node.receipt(transaction) for transaction in sent]
    assert [receipt and receipt["blockNumber"] for receipt in receipts] == [1, 2]


def test_a_dropped_transaction_is_forgotten_and_can_come_again(sender: Sender) -> None:
    raw = sender.signed(0)
    sent = sender.send(raw)
    assert sender.node.raw_transaction(sent) == raw
    sender.node.drop(sent)
    sender.node.mine()
    assert sender.node.receipt(sent) is None
    assert sender.send(raw) == sent


def test_a_blocks_time_is_what_a_test_says(anvil: Anvil) -> None:
    first = anvil.block(0)["timestamp"] + DAY
    anvil.set_time(first)
    anvil.mine()
    anvil.pass_time(DAY)
    anvil.mine()
    assert anvil.block(1)["timestamp"] == first
    assert 0 <= anvil.block(2)["timestamp"] - first - DAY <= 5


def test_blocks_of_one_second_share_their_time(anvil: Anvil) -> None:
    """Unlike on the main network: nothing may rest on a later block's time being later."""
    anvil.mine(20)
    assert len({anvil.block(number)["timestamp"] for number in range(1, 21)}) < 20


def test_safe_blocks_trail_the_newest_by_32_and_finalized_ones_by_64(anvil: Anvil) -> None:
    anvil.mine(100)
    assert [anvil.web3().eth.get_block(tag)["number"] for tag in ("safe", "finalized")] == [68, 36]


def test_how_far_they_trail_is_an_option(tmp_path: Path) -> None:
    with Anvil(tmp_path, "--slots-in-an-epoch", "1") as node:
        node.mine(10)
        assert [node.web3().eth.get_block(tag)["number"] for tag in ("safe", "finalized")] == [9, 8]


# --------------------------------------------------------------------------------------------------- reorganisation


@pytest.mark.parametrize("depth", [1, 5, 20])
def test_a_reorganisation_changes_the_newest_blocks_and_drops_a_transaction(sender: Sender, depth: int) -> None:
    node = sender.node
    node.mine(5)
    sent = sender.send(sender.signed(0))
    node.mine(depth)
    before = hashes(node)
    node.reorg(depth)
    after = hashes(node)
    assert after[:6] == before[:6]
    assert set(after[6:]).isdisjoint(before)
    assert len(after) == len(before)
    assert (node.receipt(sent), node.waiting()) == (None, [])
    assert sender.web3.eth.get_transaction_count(sender.web3.to_checksum_address(sender.wallet.address)) == 0


def test_a_kept_transaction_is_in_another_block_of_the_same_height(sender: Sender) -> None:
    node = sender.node
    sent = []
    for nonce in range(3):
        sent.append(sender.send(sender.signed(nonce)))
        node.mine()
    before = [node.receipt(transaction) for transaction in sent]
    node.reorg(2, keep=[sent[1]])
    after = [node.receipt(transaction) for transaction in sent]
    assert after[0] == before[0]
    assert after[1] is not None
    assert before[1] is not None
    assert after[1]["blockNumber"] == before[1]["blockNumber"]
    assert after[1]["blockHash"] != before[1]["blockHash"]
    assert after[2] is None


def test_a_dropped_grant_takes_its_event_and_its_state_with_it(anvil: Anvil) -> None:
    registry = deployed(anvil)
    before = registry.functions.history().call()
    receipt = granted(registry, bytes(range(32)))
    raw = anvil.raw_transaction(receipt["transactionHash"])
    anvil.reorg(1)
    assert registry.events.Granted().get_logs(from_block=0) == []
    assert registry.functions.history().call() == before
    assert registry.w3.eth.send_raw_transaction(raw) == receipt["transactionHash"]
    again = registry.w3.eth.wait_for_transaction_receipt(receipt["transactionHash"], poll_latency=0.01)
    assert again["blockHash"] != receipt["blockHash"]


def test_a_long_chain_keeps_its_state_through_a_reorganisation(anvil: Anvil) -> None:
    """Where states go to disk, this version answers as if no account had ever been."""
    registry = deployed(anvil)
    anvil.mine(1100)
    anvil.reorg(20)
    for behind in (0, 1, 20, 400):
        assert registry.functions.history().call(block_identifier=anvil.head() - behind) == bytes(32)


# ----------------------------------------------------------------------------------------------- asking by block hash


@pytest.mark.parametrize(
    "block",
    [lambda found: found, lambda found: {"blockHash": found, "requireCanonical": True}],
    ids=["hash", "EIP-1898"],
)
def test_a_call_is_answered_as_of_the_block_with_a_hash(
    shared_anvil: Anvil, block: Callable[[bytes], bytes | dict[str, object]]
) -> None:
    registry = deployed(shared_anvil)
    empty = registry.functions.history().call()
    pinned = granted(registry, secrets.token_bytes(32))["blockHash"]
    then = registry.functions.history().call()
    granted(registry, secrets.token_bytes(32))
    call: TxParams = {"to": registry.address, "data": registry.encode_abi("history", [])}
    answer = registry.w3.eth.call(call, block(pinned))  # type: ignore[arg-type]  # web3 passes an object on as it is
    assert answer == then != empty


def test_a_block_that_was_reorganised_away_is_unknown(anvil: Anvil) -> None:
    registry = deployed(anvil)
    gone = granted(registry, bytes(range(32)))["blockHash"]
    anvil.reorg(1)
    call: TxParams = {"to": registry.address, "data": registry.encode_abi("history", [])}
    with pytest.raises(Web3RPCError, match="'code': -32001, 'message': 'Resource not found'"):
        registry.w3.eth.call(call, gone)
    with pytest.raises(BlockNotFound):
        registry.w3.eth.get_block(gone)
    with pytest.raises(Web3RPCError, match="'code': -32000, 'message': 'unknown block'"):
        registry.w3.eth.get_logs({"address": registry.address, "blockHash": gone})


# ----------------------------------------------------------------------------------------------------------- refusals


def test_a_transaction_that_it_knows_is_refused(sender: Sender) -> None:
    raw = sender.signed(0)
    sender.send(raw)
    assert sender.refusal(raw) == (-32003, "transaction already imported")
    sender.node.mine()
    assert sender.refusal(raw) == (-32003, "nonce too low")


def test_a_used_nonce_is_refused_and_one_ahead_waits(sender: Sender) -> None:
    sender.send(sender.signed(0))
    sender.node.mine()
    assert sender.refusal(sender.signed(0, value=2)) == (-32003, "nonce too low")
    ahead = sender.send(sender.signed(2))
    sender.node.mine()
    assert sender.node.waiting() == [ahead]


def test_a_replacement_needs_a_higher_fee_cap_and_no_higher_tip(sender: Sender) -> None:
    """By one wei; geth and Besu ask for ten per cent more of both."""
    underpriced = (-32003, "replacement transaction underpriced")
    sender.send(sender.signed(0))
    assert sender.refusal(sender.signed(0, value=2)) == underpriced
    assert sender.refusal(sender.signed(0, tip=2 * GWEI)) == underpriced
    replacement = sender.send(sender.signed(0, fee=10 * GWEI + 1))
    assert sender.node.waiting() == [replacement]


def test_a_fee_cap_below_the_base_fee_is_refused_and_forgotten(sender: Sender) -> None:
    """Other nodes would keep what was waiting when the base fee rose."""
    sender.send(sender.signed(0, fee=10 * GWEI))
    sender.node.set_base_fee(50 * GWEI)
    sender.node.mine()
    assert sender.node.waiting() == []
    assert sender.node.block(1)["baseFeePerGas"] == 50 * GWEI
    assert sender.refusal(sender.signed(0)) == (-32003, "max fee per gas less than block base fee")


def test_who_cannot_pay_is_refused(sender: Sender) -> None:
    sender.node.set_balance(sender.wallet.address, 1)
    assert sender.refusal(sender.signed(0)) == (-32003, "Insufficient funds for gas * price + value")


def test_a_refused_call_gives_the_contracts_reason(shared_anvil: Anvil) -> None:
    registry = deployed(shared_anvil)
    with pytest.raises(ContractLogicError) as caught:
        registry.functions.grant_own(bytes(32), 1).call()
    assert caught.value.message == "execution reverted: registry: grant has expired"
    with pytest.raises(ContractLogicError) as caught:
        registry.w3.eth.call({"to": registry.address, "data": "0x12345678"})  # type: ignore[typeddict-item]  # hex
    assert (caught.value.message, caught.value.data) == ("execution reverted", "0x")


def test_a_call_without_enough_gas_is_no_refusal_by_the_contract(shared_anvil: Anvil) -> None:
    registry = deployed(shared_anvil)
    with pytest.raises(Web3RPCError, match="'code': -32603, 'message': 'EVM error OutOfGas'"):
        registry.functions.history().call({"gas": 22_000})


def test_what_the_node_refuses_a_test_is_said_with_its_code(anvil: Anvil) -> None:
    with pytest.raises(AnvilError) as caught:
        anvil.reorg(1)
    assert caught.value.code == -32602


# ------------------------------------------------------------------------------------------------------------ process


def test_a_frozen_node_lets_requests_time_out_and_comes_back(anvil: Anvil) -> None:
    web3 = anvil.web3(timeout=0.2)
    anvil.freeze()
    with pytest.raises(requests.exceptions.ReadTimeout):
        web3.eth.get_block("latest")
    anvil.thaw()
    assert web3.eth.block_number == 0


def test_a_stopped_node_keeps_its_chain_and_loses_what_waited(sender: Sender) -> None:
    node = sender.node
    node.mine(5)
    sender.send(sender.signed(0))
    before = hashes(node)
    node.stop()
    with pytest.raises(requests.exceptions.ConnectionError):
        sender.web3.eth.get_block("latest")
    node.restart()
    assert (hashes(node), node.waiting()) == (before, [])
    assert sender.web3.eth.get_balance(sender.web3.to_checksum_address(sender.wallet.address), 1) == 10**20
    node.reorg(2)
    assert hashes(node)[:4] == before[:4]


def test_a_killed_node_comes_back_as_it_last_stopped(anvil: Anvil) -> None:
    anvil.mine(2)
    anvil.stop()
    anvil.restart()
    anvil.mine(3)
    anvil.kill()
    anvil.restart()
    assert anvil.head() == 2


TEST_THAT_DIES: Final = """
import pathlib, sys, time
from tests.anvil import Anvil
node = Anvil(pathlib.Path(sys.argv[1]))
print(node._pid, flush=True)
time.sleep(60)
"""


def lives(pid: int) -> bool:
    """Say whether there is a process with this number."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_no_node_outlives_a_test_that_is_killed(tmp_path: Path) -> None:
    require_anvil()
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", TEST_THAT_DIES, str(tmp_path)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        pid = int(child.stdout.readline())
        child.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 5
    while lives(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not lives(pid)

"""A real Ethereum node for tests: anvil, from npm, as a child process on a loopback port.

    with Anvil(tmp_path) as node:
        node.web3().eth.block_number
        node.reorg(5)

With automine a transaction is in a block soon after anvil has taken it, not before it answers: wait for its receipt, or
`set_automine(False)` and `mine`. The state of blocks more than 500 behind is gone, as on a node that is no archive.
"""

import os
import re
import secrets
import signal
import subprocess
import time
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Self

import pytest
from web3 import HTTPProvider, Web3
from web3.exceptions import TransactionNotFound
from web3.types import BlockData, TxReceipt

PACKAGE: Final = "@foundry-rs/anvil"
_PROGRAM: Final = Path(__file__).parent.parent / "node_modules" / ".bin" / "anvil"
_HOST: Final = "127.0.0.1"
_STARTS_WITHIN: Final = 10.0
_PATIENCE: Final = 30.0
# The shell ends anvil when told how, and when our end of its standard input closes: also when this process is killed.
_WATCHED: Final = (
    'log=$1; shift; "$@" >"$log" 2>&1 & echo $!; read -r how || how=KILL; kill -s "$how" $! 2>/dev/null; wait $!'
)
_OPTIONS: Final = (
    # As on the main network: EIP-7825 caps a transaction's gas, and anvil leaves that out unless it is told.
    *("--enable-tx-gas-limit", "--accounts", "1", "--color", "never"),
    # With states on disk, anvil 1.7.1 loses the whole state when a chain of some 1,000 blocks is reorganised.
    *("--max-persisted-states", "0", "--preserve-historical-states"),
)


class AnvilError(Exception):
    """The node refused: `code` and `message` are its own."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(code, message)
        self.code, self.message = code, message


def require_anvil() -> None:
    """Skip the test that asks, with the package's name, where npm has not given it."""
    if not _PROGRAM.exists():
        pytest.skip(f"npm has not given {PACKAGE} for this machine: make test asks for it")


class Anvil:
    """One node with a chain of its own, in `folder`; `options` are more of anvil's.

    Attributes:
        chain_id: random where none is given, so that no signature is good on two nodes.
        url: the same after `restart`.
    """

    def __init__(self, folder: Path, *options: str, hardfork: str = "osaka", chain_id: int | None = None) -> None:
        require_anvil()
        self.chain_id: Final = chain_id or secrets.randbelow(2**40) + 2**20
        folder.mkdir(parents=True, exist_ok=True)
        self._folder: Final = folder
        folder.mkdir(exist_ok=True)
        chain = ("--chain-id", str(self.chain_id), "--hardfork", hardfork)
        files = ("--state", str(folder / "state.json"), "--cache-path", str(folder))
        self._command: Final = (str(_PROGRAM), "--host", _HOST, *chain, *files, *_OPTIONS, *options)
        self._start(port=0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    # ------------------------------------------------------------------------------------------------------- asking

    def web3(self, timeout: float = _PATIENCE) -> Web3:
        """Return a new way to the node, which waits `timeout` seconds for an answer and asks once."""
        provider = HTTPProvider(self.url, request_kwargs={"timeout": timeout}, exception_retry_configuration=None)
        return Web3(provider)

    def rpc(self, method: str, *params: object) -> Any:
        """Return what a JSON-RPC method answers; `AnvilError` when the node refuses."""
        answer = self._own.provider.make_request(method, params)  # type: ignore[arg-type]  # any method
        if "error" in answer:
            raise AnvilError(answer["error"]["code"], answer["error"]["message"])
        return answer["result"]

    def block(self, number: int) -> BlockData:
        """Return the block with this number."""
        return self._own.eth.get_block(number)

    def head(self) -> int:
        """Return the newest block's number."""
        return int(self._own.eth.block_number)

    def receipt(self, transaction: bytes) -> TxReceipt | None:
        """Return the receipt of a transaction by its hash, `None` while no block of this chain holds it."""
        with suppress(TransactionNotFound):
            return self._own.eth.get_transaction_receipt(_hex(transaction))
        return None

    def raw_transaction(self, transaction: bytes) -> bytes:
        """Return the signed bytes of a transaction in chain or pool, by its hash."""
        return bytes.fromhex(self.rpc("eth_getRawTransactionByHash", _hex(transaction))[2:])

    def waiting(self) -> list[bytes]:
        """Return the hashes of all transactions in the pool, those of each sender by nonce."""
        pool = self.rpc("txpool_content")
        senders = [by_nonce for kind in ("pending", "queued") for by_nonce in pool[kind].values()]
        return [bytes.fromhex(by_nonce[n]["hash"][2:]) for by_nonce in senders for n in sorted(by_nonce, key=int)]

    # ------------------------------------------------------------------------------------------------------- blocks

    def set_automine(self, on: bool) -> None:  # noqa: FBT001  # a switch
        """Mine each transaction as it comes, or only when told."""
        self.rpc("evm_setAutomine", on)

    def mine(self, blocks: int = 1) -> None:
        """Mine blocks; the first takes what waits in the pool."""
        self.rpc("anvil_mine", hex(blocks))

    def mine_without(self, *transactions: bytes) -> None:
        """Mine one block that leaves `transactions` waiting, as a busy chain does; not with automine."""
        left = [self.raw_transaction(transaction) for transaction in transactions]
        for transaction in transactions:
            self.drop(transaction)
        self.mine()
        for raw in left:
            self.rpc("eth_sendRawTransaction", _hex(raw))

    def reorg(self, depth: int, keep: Collection[bytes] = ()) -> None:
        """Replace the newest `depth` blocks by others at the same heights.

        Transactions whose hash is in `keep` are in the new block of the same height. The others are in no block and not
        in the pool either, where other nodes would put them back: send `raw_transaction` again for that.
        """
        lowest = self.head() - depth + 1
        heights = [
            (transaction, self._own.eth.get_transaction(_hex(transaction))["blockNumber"]) for transaction in keep
        ]
        kept = [(_hex(self.raw_transaction(transaction)), height - lowest) for transaction, height in heights]
        # A block of the same transactions in the same second would be the same block.
        self.rpc("anvil_setCoinbase", _hex(secrets.token_bytes(20)))
        self.rpc("anvil_reorg", depth, kept)

    def drop(self, transaction: bytes) -> None:
        """Forget a transaction that waits in the pool."""
        self.rpc("anvil_dropTransaction", _hex(transaction))

    def set_time(self, second: int) -> None:
        """Give the next block this Unix time; later ones go on from there."""
        self.rpc("evm_setNextBlockTimestamp", second)

    def pass_time(self, seconds: int) -> None:
        """Move the node's clock on."""
        self.rpc("evm_increaseTime", seconds)

    def set_balance(self, address: bytes, wei: int) -> None:
        """Give an address this much."""
        self.rpc("anvil_setBalance", _hex(address), hex(wei))

    def set_base_fee(self, wei: int) -> None:
        """Set the base fee of the next block; later ones go on from there (EIP-1559).

        Anvil forgets a waiting transaction that cannot pay when that block is made; other nodes keep it.
        """
        self.rpc("anvil_setNextBlockBaseFeePerGas", hex(wei))

    # ------------------------------------------------------------------------------------------------------ process

    def freeze(self) -> None:
        """Stop answering: requests hang until they time out."""
        os.kill(self._pid, signal.SIGSTOP)
        while Path(f"/proc/{self._pid}/stat").read_text().rpartition(")")[2].split()[0] != "T":
            time.sleep(0.01)  # a signal is not there yet as it is sent

    def thaw(self) -> None:
        """Answer again, also what was asked meanwhile."""
        os.kill(self._pid, signal.SIGCONT)

    def stop(self) -> None:
        """End the node, which keeps chain and states for `restart`, not what waits in its pool."""
        self._end("TERM")

    def kill(self) -> None:
        """End the node at once; what it was since it last stopped is lost."""
        self._end("KILL")

    def restart(self) -> None:
        """Start again after `stop` or `kill`, at the same address."""
        self._start(self._port)

    def _start(self, port: int) -> None:
        log = self._folder / "anvil.log"
        log.unlink(missing_ok=True)
        self._watch = subprocess.Popen(
            ["/bin/sh", "-c", _WATCHED, "anvil", str(log), *self._command, "--port", str(port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl-C is for the tests, which then end it
        )
        assert self._watch.stdout is not None
        self._pid = int(self._watch.stdout.readline())
        self._port = self._listening(log)
        self.url = f"http://{_HOST}:{self._port}"
        self._own = self.web3()

    def _listening(self, log: Path) -> int:
        """Return the port once the node says that it listens."""
        deadline, said = time.monotonic() + _STARTS_WITHIN, ""
        while time.monotonic() < deadline and not said.lower().startswith("error"):
            time.sleep(0.002)
            said = log.read_text() if log.exists() else ""
            if listening := re.search(rf"Listening on {_HOST}:(\d+)\n", said):
                return int(listening[1])
        self.kill()
        raise RuntimeError(f"anvil did not start:\n{said}")

    def _end(self, how: str) -> None:
        if self._watch.poll() is None:
            self.thaw()
            self._watch.communicate(f"{how}\n", timeout=_STARTS_WITHIN)


def _hex(value: bytes) -> Any:
    return "0x" + value.hex()

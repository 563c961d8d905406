"""`consentry ledger` and `consentry deploy`: the process that runs the chain, and the contracts on a node's chain."""

import json
import signal
import threading
from pathlib import Path

from rich.console import Console

from consent import wiring
from consent.adapters.chain_keys import ChainKeys
from consent.adapters.contract_calls import TRANSACTION_GAS
from consent.adapters.deployments import CONTRACTS, deployment_to_json
from consent.adapters.json_rpc import Node
from consent.adapters.logging_json import configure, logger
from consent.adapters.node_chain import connected, deploy
from consent.domain.errors import (
    LedgerError,
    LedgerRejectedError,
    LedgerUnavailableError,
    LogForkError,
    RecordsUnavailableError,
)
from consent.domain.stop_list import StopListError
from consent.ports import Role
from consent.settings import Settings
from consent.wiring import LedgerRoom
from vault import VaultError

HOUSE_SECONDS = 30
IDLE_SECONDS = 1.0
LONGEST_PAUSE = 30.0
WEI = 10**18


def run(home: Path, *, rebuild: bool = False) -> None:
    """Relay, follow and anchor until SIGTERM or SIGINT."""
    configure("ledger")
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    settings = Settings.read(home)
    with wiring.opened_ledger(settings) as room:
        if rebuild:
            room.rebuild(wiring.utc_now())
        LedgerLoop(room, stopping, anchor_seconds=settings.anchor_seconds).run()


class LedgerLoop:
    """Steps until told to stop; a chain that is away is waited for, longer each time, and never given up."""

    def __init__(
        self,
        room: LedgerRoom,
        stopping: threading.Event,
        clock: wiring.Clock = wiring.utc_now,
        anchor_seconds: int = 3600,
    ) -> None:
        self._room = room
        self._clock = clock
        self._stopping = stopping
        self._pause = IDLE_SECONDS
        self._anchor_seconds = anchor_seconds
        self._anchor_at = 0.0
        self._anchor_not_before = 0.0
        self._anchor_awaited = True
        self._house_at = 0.0
        self._log = logger()

    def run(self) -> None:
        """Run in the foreground."""
        self._log.info("ledger runs")
        while not self._stopping.is_set():
            self._stopping.wait(self._step())
        self._log.info("ledger stops")

    def _step(self) -> float:
        """Take one step; return how many seconds to wait for the next."""
        try:
            try:
                published = self._room.relayer.step(self._clock())
            finally:  # one role that is held up does not hold up the anchor's, nor erasures
                self._anchor()
                self._keep_house()
        except (LedgerUnavailableError, RecordsUnavailableError) as error:
            self._log.warning("ledger unavailable", error=error)
            self._pause = min(LONGEST_PAUSE, self._pause * 2)
            return self._pause
        except LedgerError as error:
            self._log.error("ledger refuses", error=error)
            return LONGEST_PAUSE
        for batch in published or ():
            self._log.info("batch final", errand=batch.errand.value, items=batch.items, gas=batch.mined.gas_used)
        self._pause = IDLE_SECONDS
        return self._pause_after(acted=published is not None)

    def _pause_after(self, *, acted: bool) -> float:
        head = self._room.follower.head
        if head is not None and not head.matches:
            self._log.error("ledger differs", block=head.block.number)
            return LONGEST_PAUSE
        return 0.0 if acted else IDLE_SECONDS

    def _keep_house(self) -> None:
        """Take erasures further and turn the epoch when it is due; what is in the way is said, and tried again."""
        now = self._clock().timestamp()
        if now < self._house_at:
            return
        self._house_at = now + HOUSE_SECONDS
        try:
            steps = self._room.keep_house()
        except (VaultError, StopListError) as error:
            self._log.error("erasures wait", error=error)
            return
        if steps:
            self._log.info("erasures went on", count=steps)

    def _anchor(self) -> None:
        """Anchor when that is due or somebody wants it; what was refused is tried again, but not at once."""
        now, head = self._clock().timestamp(), self._room.follower.head
        if head is None or not head.matches or now < self._anchor_not_before:
            return
        try:
            self._anchor_on(now)
        except (LedgerRejectedError, LogForkError) as error:
            self._log.error("anchor refused", error=error)
            self._anchor_not_before = now + LONGEST_PAUSE

    def _anchor_on(self, now: float) -> None:
        anchoring = self._room.anchoring
        if self._anchor_awaited and anchoring.settle():
            self._anchor_awaited = False
        due = now >= self._anchor_at
        if not due and not anchoring.is_wished():
            return
        if anchoring.step(int(now)):
            self._anchor_awaited = True
            self._log.info("anchor sent")
        if due:
            self._anchor_at = now + self._anchor_seconds


def deploy_contracts(home: Path, url: str) -> None:
    """Put the three contracts on a node's chain, once; keys are drawn and kept before anything is sent."""
    console, places = Console(), wiring.Places(home)
    if places.public.exists() or places.deployment.exists():
        raise wiring.InstallationError("this folder has a chain already: name another, or open this one")
    web3 = connected(url)
    keys = _keys(places, Node(web3, 1).chain_on())
    node = Node(web3, keys.chain_id)
    short = [role for role in Role if node.balance(keys.address(role)) < TRANSACTION_GAS * node.fee()]
    if short:
        _ask_for_gas(console, keys, short, TRANSACTION_GAS * node.fee())
    deployment = deploy(node, keys)
    wiring.write_private(places.deployment, json.dumps(deployment_to_json(deployment), indent=1).encode())
    for name in CONTRACTS:
        console.print(f"{name:<17} 0x{deployment.of(name).address.hex()}", highlight=False)
    console.print(f"Written to {places.deployment}. Next: CONSENTRY_RPC=… consentry init {home}", highlight=False)


def _keys(places: wiring.Places, chain_id: int) -> ChainKeys:
    """Return the keys that an earlier try left here, or draw and keep new ones."""
    if places.chain_keys.exists():
        return wiring.read_chain_keys(places)
    wiring.make_folders(places)
    keys = ChainKeys.draw(chain_id)
    wiring.write_private(places.chain_keys, json.dumps(keys.to_json()).encode())
    return keys


def _ask_for_gas(console: Console, keys: ChainKeys, short: list[Role], wei: int) -> None:
    console.print(f"Each of these needs about {wei / WEI:.4f} of the chain's coin for gas:", highlight=False)
    for role in short:
        console.print(f"  {role.value:<9} 0x{keys.address(role).hex()}", highlight=False)
    raise LedgerUnavailableError("the roles' addresses hold too little for gas: fund them, then deploy again")

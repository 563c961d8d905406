"""What every ledger does, said of each; and, below, what a node alone can do wrong."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
from eth_tester import EthereumTester
from web3 import EthereumTesterProvider, HTTPProvider, Web3
from web3.types import RPCEndpoint, RPCResponse

from consent.adapters.chain_keys import ChainKeys, address_of
from consent.adapters.contract_calls import ContractCalls
from consent.adapters.node_chain import NodeChain
from consent.domain.errors import LedgerMismatchError, LedgerRejectedError, LedgerUnavailableError
from consent.domain.grant import BATCH_LIMIT, PublishedGrant
from consent.domain.history import EMPTY_HISTORY, Event, Granted, Revoked, fold
from consent.domain.typed_data import Address
from consent.ports import Fate, Grants, Head, Ledger, ModelStatus, Registration, Revocations, Role, StatusChange, Stops
from tests.ledgers import DAY, LEDGERS, Installed, attached, deployed, keys_with_gas
from tests.wallets import Wallet

MODEL, MANIFEST = bytes([1]) * 32, bytes([2]) * 32


@pytest.fixture(params=LEDGERS)
def installed(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Installed]:
    """One new ledger of each kind in turn."""
    with LEDGERS[request.param](tmp_path, ChainKeys.draw()) as made:
        yield made


@pytest.fixture
def ledger(installed: Installed) -> Ledger:
    return installed.ledger


def signed(ledger: Ledger, wallet: Wallet | None = None, commitment: bytes = b"") -> PublishedGrant:
    now = ledger.head().time
    return (wallet or Wallet.draw()).grant(ledger.domain, now + 30 * DAY, now + DAY, commitment)


def everything(ledger: Ledger) -> list[Event]:
    return list(ledger.events(0, ledger.head().number))


# ------------------------------------------------------------------------------------------------------- every ledger


def test_what_is_published_can_be_read_back(installed: Installed) -> None:
    ledger = installed.ledger
    first, second, third = Wallet.draw(), Wallet.draw(), Wallet.draw()
    grants = [signed(ledger, wallet) for wallet in (first, second, third)]
    mined = ledger.send(Grants(grants))
    revoked = ledger.send(Revocations([second.revocation(ledger.domain, grants[1].commitment)]))
    stopped = ledger.send(Stops([(third.address, grants[2].commitment)]))
    times = [ledger.block(block.block).time for block in (mined, revoked, stopped)]
    assert everything(ledger) == [
        *(Granted(g.patient, g.commitment, g.expires, mined.block, times[0]) for g in grants),
        Revoked(second.address, grants[1].commitment, second.address, revoked.block, times[1]),
        Revoked(third.address, grants[2].commitment, address_of(installed.keys.custodian), stopped.block, times[2]),
    ]
    assert ledger.head() == ledger.block(stopped.block)


def test_the_history_of_every_block_is_the_fold_of_its_events(ledger: Ledger) -> None:
    start = ledger.head().number
    for size in (1, 3, 2):
        ledger.send(Grants([signed(ledger) for _ in range(size)]))
    assert ledger.history(start) == EMPTY_HISTORY
    for block in range(start, ledger.head().number + 1):
        assert ledger.history(block) == fold(EMPTY_HISTORY, ledger.events(0, block))


def test_events_of_a_range_are_those_of_its_blocks(ledger: Ledger) -> None:
    blocks = [ledger.send(Grants([signed(ledger)])).block for _ in range(4)]
    assert [event.block for event in ledger.events(blocks[1], blocks[2])] == blocks[1:3]
    assert ledger.events(blocks[2], blocks[1]) == []
    assert ledger.events(ledger.head().number + 1, ledger.head().number) == []


def test_a_full_batch_fits_a_transaction(ledger: Ledger) -> None:
    grants = [signed(ledger) for _ in range(BATCH_LIMIT)]
    mined = ledger.send(Grants(grants))
    assert [event.commitment for event in ledger.events(mined.block, mined.block)] == [g.commitment for g in grants]
    assert 0 < mined.gas_used <= BATCH_LIMIT * 8_800
    assert len(mined.transaction) == 32


def test_what_is_revoked_already_is_skipped(ledger: Ledger) -> None:
    wallet = Wallet.draw()
    grant = signed(ledger, wallet)
    revocation = wallet.revocation(ledger.domain, grant.commitment)
    ledger.send(Revocations([revocation]))
    ledger.send(Revocations([revocation]))
    ledger.send(Stops([(wallet.address, grant.commitment)]))
    assert [type(event) for event in everything(ledger)] == [Revoked]


def test_models_are_registered_and_retired(ledger: Ledger) -> None:
    assert (ledger.model_status(MODEL), ledger.registered_manifest(MODEL)) == (ModelStatus.UNKNOWN, bytes(32))
    ledger.send(Registration(MODEL, MANIFEST))
    assert (ledger.model_status(MODEL), ledger.registered_manifest(MODEL)) == (ModelStatus.ACTIVE, MANIFEST)
    ledger.send(StatusChange(MODEL, ModelStatus.RETIRED))
    assert ledger.model_status(MODEL) is ModelStatus.RETIRED
    with pytest.raises(LedgerRejectedError, match="models: model is retired"):
        ledger.send(StatusChange(MODEL, ModelStatus.ACTIVE))


def test_a_beat_returns_the_head_and_adds_no_event(ledger: Ledger) -> None:
    ledger.send(Grants([signed(ledger)]))
    before = everything(ledger)
    assert ledger.beat() == ledger.head()
    assert everything(ledger) == before


def test_a_block_that_is_not_there_yet_is_unavailable(ledger: Ledger) -> None:
    for ask in (ledger.block, ledger.history, lambda number: ledger.events(number, number)):
        with pytest.raises(LedgerUnavailableError):
            ask(ledger.head().number + 1)


REFUSED: Final[dict[str, tuple[Callable[[Ledger], object], str]]] = {
    "a forged grant": (lambda c: c.send(Grants([replace(signed(c), commitment=bytes(32))])), "registry: bad signature"),
    "one forged grant of two": (
        lambda c: c.send(Grants([signed(c), replace(signed(c), commitment=bytes(32))])),
        "registry: bad signature",
    ),
    "no grants": (lambda c: c.send(Grants([])), "1 to 256"),
    "too many grants": (lambda c: c.send(Grants([signed(c)] * (BATCH_LIMIT + 1))), "1 to 256"),
    "no revocations": (lambda c: c.send(Revocations([])), "1 to 256"),
    "no stops": (lambda c: c.send(Stops([])), "1 to 256"),
    "a short signature": (lambda c: c.send(Grants([replace(signed(c), signature=bytes(63))])), "64 bytes"),
    "a short address": (lambda c: c.send(Stops([(Address(bytes(19)), bytes(32))])), "wrong size"),
    "a long commitment": (lambda c: c.send(Stops([(Address(bytes(20)), bytes(33))])), "wrong size"),
    "a time beyond its type": (lambda c: c.send(Grants([replace(signed(c), expires=2**64)])), "wrong size"),
    "an unknown model": (lambda c: c.send(StatusChange(MODEL, ModelStatus.RETIRED)), "models: "),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_says_why_and_leaves_no_block(ledger: Ledger, name: str) -> None:
    before = ledger.head()
    call, reason = REFUSED[name]
    with pytest.raises(LedgerRejectedError, match=reason):
        call(ledger)
    assert ledger.head() == before
    assert ledger.send(Grants([signed(ledger)])).block == before.number + 1


def test_every_ledger_tells_the_same_story(tmp_path: Path) -> None:
    """The same acts give the same events, wherever they were mined, and so the same fold but for block and time."""
    keys, wallets = ChainKeys.draw(), [Wallet.draw() for _ in range(4)]
    with ExitStack() as stack:
        made = [stack.enter_context(LEDGERS[name](tmp_path, keys)).ledger for name in LEDGERS]
        expires = max(ledger.head().time for ledger in made) + 30 * DAY
        stories = [_story(ledger, wallets, expires) for ledger in made]
    assert len(stories[0]) == 6
    assert all(story == stories[0] for story in stories)
    assert len({fold(EMPTY_HISTORY, story) for story in stories}) == 1


def _story(ledger: Ledger, wallets: list[Wallet], expires: int) -> list[Event]:
    commitments = [bytes([index]) * 32 for index, _ in enumerate(wallets)]
    publish_by = ledger.head().time + DAY
    grants = [w.grant(ledger.domain, expires, publish_by, c) for w, c in zip(wallets, commitments, strict=True)]
    ledger.send(Grants(grants[:3]))
    ledger.send(Grants(grants[3:]))
    ledger.send(Revocations([wallets[1].revocation(ledger.domain, commitments[1])]))
    ledger.send(Stops([(wallets[2].address, commitments[2]), (wallets[2].address, commitments[2])]))
    events = everything(ledger)
    assert fold(EMPTY_HISTORY, events) == ledger.history(ledger.head().number)
    return [replace(event, block=0, time=0) for event in events]


# ------------------------------------------------------------------------------------------------------------- a node


class Interposed(EthereumTesterProvider):
    """Somebody between us and a node, who answers some methods with words of their own."""

    def __init__(self, node: EthereumTester) -> None:
        super().__init__(node)
        self.node = node
        self.answers: dict[str, dict[str, Any]] = {}
        self.asked: list[str] = []

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        """Answer for the node, or let it answer."""
        self.asked.append(method)
        if method in self.answers:
            return {"jsonrpc": "2.0", "id": 1, **self.answers[method]}  # type: ignore[typeddict-item]  # as wire has it
        return super().make_request(method, params)


@pytest.fixture
def provider() -> Interposed:
    return Interposed(EthereumTester())


@pytest.fixture
def web3(provider: Interposed) -> Web3:
    return Web3(provider)


@pytest.fixture
def keys(web3: Web3) -> ChainKeys:
    return keys_with_gas(web3)


@pytest.fixture
def chain(web3: Web3, keys: ChainKeys) -> NodeChain:
    return deployed(web3, keys, patience=0.3)


def mine(web3: Web3, blocks: int) -> None:
    web3.provider.make_request(RPCEndpoint("evm_mine"), [blocks])


def test_an_attached_chain_goes_on_where_it_was(chain: NodeChain, web3: Web3, keys: ChainKeys) -> None:
    chain.send(Grants([signed(chain)]))
    again = attached(web3, keys, chain.deployment)
    assert (again.deployment, again.domain, again.head()) == (chain.deployment, chain.domain, chain.head())
    again.send(Grants([signed(again)]))
    assert everything(again) == everything(chain)
    assert len(everything(chain)) == 2


def test_a_node_is_asked_for_no_account_and_no_estimate(chain: NodeChain, provider: Interposed) -> None:
    provider.asked.clear()
    chain.send(Stops([(signed(chain).patient, bytes(32))]))
    assert "eth_sendRawTransaction" in provider.asked
    assert not {"eth_sendTransaction", "eth_signTransaction", "eth_estimateGas"} & set(provider.asked)


def test_a_registrys_events_are_its_own(chain: NodeChain, web3: Web3, keys: ChainKeys) -> None:
    other = deployed(web3, keys)
    other.send(Grants([signed(other)]))
    assert everything(chain) == []
    with pytest.raises(LedgerRejectedError, match="registry: bad signature"):
        chain.send(Grants([signed(other)]))


def test_another_chain_other_code_and_other_keys_are_refused(chain: NodeChain, web3: Web3, keys: ChainKeys) -> None:
    there, drawn = chain.deployment, ChainKeys.draw()
    wrong: dict[str, tuple[ChainKeys, Any]] = {
        "another chain": (drawn, replace(there, chain_id=drawn.chain_id)),
        "other keys": (keys, replace(there, chain_id=drawn.chain_id)),
        "code is not": (keys, replace(there, registry=replace(there.registry, code_hash=there.models.code_hash))),
        "code is not what": (keys, replace(there, registry=replace(there.registry, address=Address(bytes(20))))),
        "code is not what was": (keys, replace(there, models=there.registry)),
        "belong to other keys": (replace(keys, operator=drawn.operator), there),
        "roles belong to other keys": (replace(keys, custodian=drawn.custodian), there),
        "to other keys": (replace(keys, anchor=drawn.anchor), there),
    }
    for reason, (whose, deployment) in wrong.items():
        with pytest.raises(LedgerMismatchError, match=reason):
            attached(web3, whose, deployment)
    with pytest.raises(LedgerMismatchError, match="another chain"):
        deployed(web3, drawn)


def test_final_lies_behind_the_newest_block(web3: Web3, chain: NodeChain, keys: ChainKeys) -> None:
    mine(web3, 2)
    cautious = attached(web3, keys, chain.deployment, confirmations=2)
    block = chain.send(Grants([signed(chain)])).block
    assert (cautious.head().number, cautious.final().number) == (block, block - 2)
    mine(web3, 2)
    assert cautious.final() == chain.block(block)
    assert cautious.history(block) == fold(EMPTY_HISTORY, cautious.events(0, block))


def test_a_transaction_that_no_block_takes_waits_and_is_sent_once(provider: Interposed, chain: NodeChain) -> None:
    provider.node.disable_auto_mine_transactions()
    grant = signed(chain)
    kept = chain.prepare(Grants([grant]), chain.next_nonce(Role.RELAYER))
    chain.submit(kept)
    assert chain.outcome(kept).fate is Fate.WAITING
    chain.submit(kept)
    provider.node.enable_auto_mine_transactions()
    outcome = chain.outcome(kept)
    assert outcome.fate is Fate.MINED
    chain.submit(kept)
    assert [event.commitment for event in everything(chain)] == [grant.commitment]
    chain.send(Grants([signed(chain)]))


def test_what_fails_only_once_mined_is_a_failure_and_no_event(chain: NodeChain) -> None:
    """The grant can be published in the newest block's second, and in no later one."""
    now = chain.head().time
    late = Wallet.draw().grant(chain.domain, now + DAY, now + 1)
    kept = chain.prepare(Grants([late]), chain.next_nonce(Role.RELAYER))
    chain.submit(kept)
    assert chain.outcome(kept).fate is Fate.FAILED
    assert everything(chain) == []


def test_a_sender_without_gas_is_unavailable(web3: Web3) -> None:
    keys = replace(ChainKeys.draw(), chain_id=web3.eth.chain_id)
    with pytest.raises(LedgerUnavailableError):
        deployed(web3, keys)


def test_a_node_that_is_not_there_is_unavailable() -> None:
    nowhere = Web3(HTTPProvider("http://127.0.0.1:9", exception_retry_configuration=None))
    with pytest.raises(LedgerUnavailableError):
        deployed(nowhere, ChainKeys.draw())


def test_a_transaction_is_for_the_chain_of_the_keys_whatever_a_node_says(
    chain: NodeChain, provider: Interposed
) -> None:
    provider.answers["eth_chainId"] = {"result": hex(1)}
    chain.send(Grants([signed(chain)]))
    assert len(everything(chain)) == 1


ERRORS: Final[dict[str, tuple[dict[str, Any], type[Exception], str]]] = {
    "geth's": ({"code": 3, "message": "execution reverted: no", "data": "0x08c379a0"}, LedgerRejectedError, "^no$"),
    "Besu's": (
        {"code": -32000, "message": "Execution reverted (no)", "data": "0x08c379a0"},
        LedgerRejectedError,
        "^no$",
    ),
    "no reason": ({"code": 3, "message": "execution reverted", "data": "0x"}, LedgerRejectedError, "without a reason"),
    "too many requests": ({"code": -32005, "message": "slow down"}, LedgerUnavailableError, "see the cause"),
    "the same with null": ({"code": -32005, "message": "slow down", "data": None}, LedgerUnavailableError, "see the"),
    "the same with more": ({"code": -32005, "message": "slow", "data": {"in": 9}}, LedgerUnavailableError, "see the"),
    "the same with text": ({"code": -32005, "message": "slow", "data": "a plan"}, LedgerUnavailableError, "see the"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_only_a_contracts_refusal_is_a_rejection(chain: NodeChain, provider: Interposed, name: str) -> None:
    """What is rejected is dropped, so a node that is merely busy must not look like a contract that says no."""
    answer, error, message = ERRORS[name]
    grant = signed(chain)
    provider.answers["eth_call"] = {"error": answer}
    with pytest.raises(error, match=message):
        chain.send(Grants([grant]))
    provider.answers.clear()
    assert everything(chain) == []


@pytest.mark.parametrize(
    ("method", "result"),
    [
        ("eth_getBlockByNumber", {"number": 1}),
        ("eth_getBlockByNumber", []),
        ("eth_blockNumber", "many"),
        ("eth_getLogs", [{"topics": []}]),
        ("eth_call", "0x00"),
        ("eth_call", None),
    ],
)
def test_a_node_that_talks_nonsense_is_refused(
    chain: NodeChain, provider: Interposed, method: str, result: object
) -> None:
    provider.answers[method] = {"result": result}
    with pytest.raises((LedgerMismatchError, LedgerUnavailableError)):
        _ = everything(chain), chain.history(chain.deployment.block), chain.final()


def test_an_event_of_another_shape_is_refused() -> None:
    calls = ContractCalls("consent_registry")
    granted = next(topic for topic, name in calls._events.items() if name == "Granted")
    for topics, words in (((granted,), bytes(32)), ((granted, bytes(32), bytes(32)), b"")):
        with pytest.raises(LedgerMismatchError):
            calls.event(Head(1, bytes(32), 1), topics, words)


def test_a_thousand_blocks_are_read_in_more_than_one_question(
    chain: NodeChain, web3: Web3, provider: Interposed
) -> None:
    first = chain.send(Grants([signed(chain)])).block
    mine(web3, 1000)
    last = chain.send(Grants([signed(chain)])).block
    assert [event.block for event in everything(chain)] == [first, last]
    assert provider.asked.count("eth_getLogs") == 2

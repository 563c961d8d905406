"""The embedded chain: what it acknowledged survives, and it trusts neither a stranger's file nor wrong keys."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from consent.adapters.chain_keys import ChainKeys, InvalidChainKeysError
from consent.adapters.chain_store import ReadOnlyLedgerError
from consent.adapters.embedded_chain import EmbeddedChain
from consent.domain.errors import (
    LedgerLockedError,
    LedgerMismatchError,
    LedgerRejectedError,
    LedgerUnavailableError,
)
from consent.domain.grant import BATCH_LIMIT, PublishedGrant
from consent.domain.history import EMPTY_HISTORY, fold
from consent.ports import Grants, Ledger, ModelStatus, Registration, Revocations, StatusChange, Stops
from tests.wallets import Wallet

DAY: Final = 86_400
NOW: Final = 1_800_000_000
MODEL, MANIFEST = bytes([1]) * 32, bytes([2]) * 32


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> int:
        """Return the time."""
        return self.now


@pytest.fixture
def keys() -> ChainKeys:
    return ChainKeys.draw()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "chain.sqlite"


@pytest.fixture
def chain(path: Path, keys: ChainKeys, clock: Clock) -> Iterator[EmbeddedChain]:
    with EmbeddedChain.create(path, keys, NOW - DAY, clock) as made:
        yield made


def signed(chain: Ledger, wallet: Wallet | None = None) -> PublishedGrant:
    now = chain.head().time
    return (wallet or Wallet.draw()).grant(chain.domain, now + 30 * DAY, now + DAY)


# ------------------------------------------------------------------------------------------------------------ ledger


def test_a_full_batch_of_each_kind_fits_a_block(chain: EmbeddedChain) -> None:
    wallets = [Wallet.draw() for _ in range(BATCH_LIMIT)]
    grants = [signed(chain, wallet) for wallet in wallets]
    chain.send(Grants(grants))
    pairs = list(zip(wallets, grants, strict=True))
    chain.send(Revocations([w.revocation(chain.domain, g.commitment) for w, g in pairs]))
    chain.send(Stops([(g.patient, bytes(32)) for g in grants]))
    assert len(chain.events(0, chain.head().number)) == 3 * BATCH_LIMIT


def test_a_blocks_time_is_the_clocks(chain: EmbeddedChain, clock: Clock) -> None:
    clock.now += 1000
    assert chain.block(chain.send(Grants([signed(chain)])).block).time == clock.now


def test_a_burst_runs_ahead_by_a_second_a_block_and_then_waits(chain: EmbeddedChain, clock: Clock) -> None:
    clock.now += 100
    assert [chain.beat().time - clock.now for _ in range(3)] == [0, 1, 2]
    clock.now += 10
    assert chain.beat().time == clock.now


def test_a_clock_that_is_set_back_never_turns_the_chain_back(chain: EmbeddedChain, clock: Clock) -> None:
    before = chain.head().time
    clock.now -= DAY
    assert chain.beat().time == before + 1


def test_a_beat_is_an_empty_block(chain: EmbeddedChain) -> None:
    head = chain.beat()
    assert chain.head() == head
    assert chain.events(head.number, head.number) == []


# ---------------------------------------------------------------------------------------------------------- the file


def test_a_reopened_chain_goes_on_where_it_was(path: Path, keys: ChainKeys) -> None:
    with EmbeddedChain.create(path, keys, NOW) as chain:
        chain.send(Grants([signed(chain)]))
        head, events = chain.head(), chain.events(0, chain.head().number)
    with EmbeddedChain.open(path, keys) as chain:
        assert (chain.head(), chain.events(0, head.number)) == (head, events)
        assert chain.send(Grants([signed(chain)])).block == head.number + 1


def test_a_closed_chain_is_one_file_and_its_lock(path: Path, keys: ChainKeys) -> None:
    with EmbeddedChain.create(path, keys, NOW) as chain:
        chain.send(Grants([signed(chain)]))
    assert sorted(file.name for file in path.parent.iterdir()) == [path.name, f"{path.name}.lock"]


def test_two_installations_never_share_a_signature(tmp_path: Path, keys: ChainKeys) -> None:
    with (
        EmbeddedChain.create(tmp_path / "one", keys, NOW) as one,
        EmbeddedChain.create(tmp_path / "two", ChainKeys.draw(), NOW) as two,
        pytest.raises(LedgerRejectedError, match="registry: bad signature"),
    ):
        two.send(Grants([signed(one)]))


def test_an_existing_file_is_never_overwritten(path: Path, keys: ChainKeys) -> None:
    path.write_bytes(b"the only copy")
    with pytest.raises(LedgerMismatchError):
        EmbeddedChain.create(path, keys, NOW)
    assert path.read_bytes() == b"the only copy"
    assert list(path.parent.iterdir()) == [path]


def test_a_missing_folder_is_unavailable(tmp_path: Path, keys: ChainKeys) -> None:
    with pytest.raises(LedgerUnavailableError):
        EmbeddedChain.create(tmp_path / "missing" / "chain.sqlite", keys, NOW)


def test_keys_of_another_chain_are_refused(chain: EmbeddedChain, path: Path, keys: ChainKeys) -> None:
    chain.close()
    other = ChainKeys.draw()
    for field in ("chain_id", "operator", "custodian"):
        with pytest.raises(LedgerMismatchError, match="other keys"):
            EmbeddedChain.open(path, replace(keys, **{field: getattr(other, field)}))
    EmbeddedChain.open(path, keys).close()


def _foreign_database(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE node (key BLOB, value BLOB)")
    connection.close()


FAKES: Final[dict[str, Callable[[Path], object]]] = {
    "missing": lambda _: None,
    "a folder": lambda path: path.mkdir(),
    "empty": lambda path: path.touch(),
    "text": lambda path: path.write_text("not a chain " * 1000),
    "another database": _foreign_database,
}


@pytest.mark.parametrize("name", FAKES)
def test_a_file_that_is_no_chain_is_refused_and_left_alone(path: Path, keys: ChainKeys, name: str) -> None:
    FAKES[name](path)
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(LedgerMismatchError):
        EmbeddedChain.open(path, keys)
    with pytest.raises(LedgerMismatchError):
        EmbeddedChain.read_only(path)
    assert (path.read_bytes() if path.is_file() else None) == before
    assert [file for file in path.parent.iterdir() if file != path] == []


def _altered(path: Path, statement: str) -> None:
    connection = sqlite3.connect(path)
    with connection:
        assert connection.execute(statement).rowcount > 0
    connection.close()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE deployment SET registry_code = models_code",
        "UPDATE deployment SET registry = models",
        "UPDATE deployment SET chain_id = chain_id + 1",
        "DELETE FROM deployment",
        "DELETE FROM node WHERE key = 'v1:canonical_head_hash' OR key = CAST('v1:canonical_head_hash' AS BLOB)",
        "UPDATE node SET value = zeroblob(length(value)) WHERE length(key) = 32",
        "DELETE FROM node WHERE length(key) = 32",
    ],
)
def test_an_altered_file_is_refused(path: Path, keys: ChainKeys, statement: str) -> None:
    EmbeddedChain.create(path, keys, NOW).close()
    _altered(path, statement)
    with pytest.raises(LedgerMismatchError):
        EmbeddedChain.open(path, keys)


def test_one_altered_receipt_is_found_when_it_is_read(path: Path, keys: ChainKeys) -> None:
    with EmbeddedChain.create(path, keys, NOW) as chain:
        grant = signed(chain)
        block = chain.send(Grants([grant, signed(chain)])).block
    topic = grant.commitment.hex().upper()
    _altered(path, f"UPDATE node SET value = zeroblob(500) WHERE instr(hex(value), '{topic}')")  # noqa: S608  # hex
    with EmbeddedChain.read_only(path) as chain, pytest.raises(LedgerMismatchError):
        chain.events(block, block)


def test_a_full_disk_loses_nothing_and_passes(chain: EmbeddedChain) -> None:
    limit = "PRAGMA max_page_count = {}"
    head, connection = chain.head(), chain._store._connection
    connection.execute(limit.format(connection.execute("PRAGMA page_count").fetchone()[0]))
    with pytest.raises(LedgerUnavailableError):
        chain.send(Grants([signed(chain) for _ in range(BATCH_LIMIT)]))
    assert chain.head() == head
    connection.execute(limit.format(10**6))
    assert chain.send(Grants([signed(chain)])).block == head.number + 1
    assert chain.history(head.number + 1) == fold(EMPTY_HISTORY, chain.events(0, head.number + 1))


# ----------------------------------------------------------------------------------------------------------- readers


def test_a_reader_sees_each_new_block_and_writes_nothing(chain: EmbeddedChain, path: Path) -> None:
    with EmbeddedChain.read_only(path) as reader:
        grant = signed(chain)
        block = chain.send(Grants([grant])).block
        assert reader.head() == chain.head()
        assert reader.events(block, block) == chain.events(block, block)
        assert reader.history(block) == chain.history(block)
        assert reader.domain == chain.domain
        revocation = Wallet.draw().revocation(reader.domain, bytes(32))
        for write in (
            lambda: reader.send(Grants([grant])),
            lambda: reader.send(Revocations([revocation])),
            lambda: reader.send(Stops([(grant.patient, grant.commitment)])),
            lambda: reader.send(Registration(MODEL, MANIFEST)),
            lambda: reader.send(StatusChange(MODEL, ModelStatus.RETIRED)),
            reader.beat,
        ):
            with pytest.raises(ReadOnlyLedgerError):
                write()
        assert reader.head().number == block


def test_a_reader_leaves_a_closed_chain_as_it_was(chain: EmbeddedChain, path: Path) -> None:
    chain.send(Grants([signed(chain)]))
    head = chain.head()
    chain.close()
    before = path.read_bytes()
    with EmbeddedChain.read_only(path) as reader:
        assert reader.head() == head
    assert path.read_bytes() == before


# --------------------------------------------------------------------------------------------------- other processes

OPENER: Final = """
import json, pathlib, sys
from consent.adapters.embedded_chain import ChainKeys, EmbeddedChain
try:
    EmbeddedChain.open(pathlib.Path(sys.argv[1]), ChainKeys.from_json(json.loads(sys.stdin.read())))
except Exception as error:
    print(type(error).__name__, error)
"""

WRITER: Final = """
import json, pathlib, sys
from consent.adapters.embedded_chain import ChainKeys, EmbeddedChain
from consent.ports import Grants
from tests.wallets import Wallet
keys = ChainKeys.from_json(json.loads(sys.stdin.read()))
with EmbeddedChain.open(pathlib.Path(sys.argv[1]), keys) as chain:
    while True:
        now = chain.head().time
        grants = [Wallet.draw().grant(chain.domain, now + 10**6, now + 1000) for _ in range(8)]
        mined = chain.send(Grants(grants))
        print(mined.block, chain.block(mined.block).hash.hex(), *(g.commitment.hex() for g in grants), flush=True)
"""


def _child(program: str, path: Path, keys: ChainKeys) -> "subprocess.Popen[str]":
    child = subprocess.Popen(  # this interpreter, our own program
        [sys.executable, "-c", program, str(path)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdin is not None
    child.stdin.write(json.dumps(keys.to_json()))
    child.stdin.close()
    child.stdin = None
    return child


def test_a_second_process_is_refused(chain: EmbeddedChain, path: Path, keys: ChainKeys) -> None:
    said, _ = _child(OPENER, path, keys).communicate()
    assert said.startswith("LedgerLockedError another process has this chain open")
    with pytest.raises(LedgerLockedError):
        EmbeddedChain.open(path, keys)
    chain.close()
    assert _child(OPENER, path, keys).communicate()[0] == ""


def _killed_while_writing(path: Path, keys: ChainKeys, seconds: float) -> list[str]:
    """Return the lines that a writer printed, one a block, until it was killed `seconds` after the first."""
    child = _child(WRITER, path, keys)
    assert child.stdout is not None
    first = child.stdout.readline()
    time.sleep(seconds)
    child.send_signal(signal.SIGKILL)
    rest, _ = child.communicate()
    return [first, *rest.splitlines()]


def _loses_nothing(path: Path, keys: ChainKeys, seconds: float) -> None:
    """Kill a writer, then find every block that it acknowledged, at most one more, and a chain that goes on."""
    acknowledged = [line.split() for line in _killed_while_writing(path, keys, seconds) if line.count(" ") == 9]
    with EmbeddedChain.read_only(path) as left:
        head = left.head().number
        for number, block_hash, *commitments in acknowledged:
            assert left.block(int(number)).hash.hex() == block_hash
            found = [event.commitment.hex() for event in left.events(int(number), int(number))]
            assert found == commitments
        assert head <= int(acknowledged[-1][0]) + 1
    with EmbeddedChain.open(path, keys) as chain:
        assert chain.head().number == head
        assert chain.send(Grants([signed(chain)])).block == head + 1
        assert chain.history(head + 1) == fold(EMPTY_HISTORY, chain.events(0, head + 1))


def test_a_killed_writer_loses_no_acknowledged_block(path: Path, keys: ChainKeys) -> None:
    EmbeddedChain.create(path, keys, int(time.time()) - DAY).close()
    for turn in range(5):
        _loses_nothing(path, keys, seconds=0.037 * turn)


@pytest.mark.soak
def test_fifty_killed_writers_lose_no_acknowledged_block(path: Path, keys: ChainKeys) -> None:
    EmbeddedChain.create(path, keys, int(time.time()) - DAY).close()
    for turn in range(50):
        _loses_nothing(path, keys, seconds=0.0071 * turn)


# -------------------------------------------------------------------------------------------------------------- keys


def test_keys_go_to_a_file_and_back(keys: ChainKeys) -> None:
    assert ChainKeys.from_json(json.loads(json.dumps(keys.to_json()))) == keys
    assert ChainKeys.draw() != keys
    assert keys.operator.hex() not in repr(keys)


@pytest.mark.parametrize(
    "change",
    [
        {"chain_id": 0},
        {"chain_id": 2**53},
        {"chain_id": True},
        {"chain_id": "7"},
        {"operator": "00" * 32},
        {"operator": "ff" * 32},
        {"operator": "ab" * 31},
        {"operator": "no hex"},
        {"custodian": None},
        {"more": 1},
    ],
)
def test_damaged_keys_are_refused(keys: ChainKeys, change: dict[str, object]) -> None:
    with pytest.raises(InvalidChainKeysError) as caught:
        ChainKeys.from_json({**keys.to_json(), **change})  # type: ignore[dict-item]  # damaged on purpose
    assert keys.operator.hex() not in str(caught.value)


def test_one_key_cannot_play_two_parts(keys: ChainKeys) -> None:
    with pytest.raises(InvalidChainKeysError):
        replace(keys, anchor=keys.custodian)

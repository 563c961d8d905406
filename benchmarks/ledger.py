"""How fast acknowledged grants get on an embedded chain, and how fast a copy of 100,000 is rebuilt from it."""

import secrets
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import migrations
from benchmarks.figure import Figure
from consent.adapters.embedded_chain import ChainKeys, EmbeddedChain
from consent.adapters.signing import recover
from consent.adapters.sql import SqlStore, open_records
from consent.domain.grant import PublishedGrant
from consent.ports import Errand, Key, OutboxItem
from consent.services.book import ConsentBook
from consent.services.following import LedgerFollower
from consent.services.log import Log
from consent.services.projection import ProjectionSeal
from consent.services.relayer import Relayer
from consent.services.sending import Sending
from tests.wallets import Wallet

GRANTS: Final = 100_000
TIMED: Final = 10_240
_DAY: Final = 86_400


def measure() -> Iterator[Figure]:
    """Yield the rate of publishing, and the seconds of a rebuild."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        chain = stack.enter_context(EmbeddedChain.create(Path(folder) / "chain", ChainKeys.draw(), int(time.time())))
        store = _store(Path(folder) / "records.sqlite", stack)
        published = _published(chain, store, TIMED)
        yield Figure(
            "ledger.grants_per_second",
            round(TIMED / published),
            "grants a second",
            "87 transactions a second in a prototype",
            f"{TIMED:,} acknowledged grants from outbox to settled: batches of 256, each mined, on disk and followed",
        )
        _published(chain, store, GRANTS - TIMED)
        keys = [(event.patient, event.commitment) for event in chain.events(0, chain.head().number)]
        yield Figure(
            "ledger.rebuild_seconds_100k",
            round(_rebuilt(chain, _store(Path(folder) / "again.sqlite", stack), keys), 2),
            "s",
            "-",
            f"a new copy of {len(keys):,} grants: read from the chain, folded, checked against its history, stored",
        )


def _store(path: Path, stack: ExitStack) -> SqlStore:
    engine = open_records(path)
    stack.callback(engine.dispose)
    migrations.upgrade(engine, "records")
    return SqlStore(engine)


def _published(chain: EmbeddedChain, store: SqlStore, grants: int) -> float:
    """Return the seconds that so many grants took from the outbox to where the ledger has them for good."""
    _queue(store, _signed(chain, grants))
    follower = LedgerFollower(store, chain, ProjectionSeal(secrets.token_bytes(32)))
    book = ConsentBook(chain.domain, recover, None)  # type: ignore[arg-type]  # nothing is unsealed
    log = Log("bench", None)  # type: ignore[arg-type]  # nothing is signed
    relayer = Relayer(store, follower, Sending(store, chain), book, log)
    follower.follow(datetime.now(UTC))
    start = time.perf_counter()
    relayer.publish(lambda: datetime.now(UTC))
    seconds = time.perf_counter() - start
    with store.reading() as unit:
        assert unit.outbox.size() == 0
    return seconds


def _signed(chain: EmbeddedChain, grants: int) -> list[PublishedGrant]:
    now = chain.head().time
    return [Wallet.draw().grant(chain.domain, now + 30 * _DAY, now + 6 * _DAY) for _ in range(grants)]


def _queue(store: SqlStore, grants: Sequence[PublishedGrant]) -> None:
    items = [OutboxItem(Errand.GRANT, g.patient, g.commitment, g.expires, g.publish_by, g.signature) for g in grants]
    with store.begin() as unit:
        unit.projection.expect([(item.patient, item.commitment) for item in items])
        unit.outbox.add(items)


def _rebuilt(chain: EmbeddedChain, store: SqlStore, keys: Sequence[Key]) -> float:
    with store.begin() as unit:
        unit.projection.expect(keys)
    follower = LedgerFollower(store, chain, ProjectionSeal(secrets.token_bytes(32)))
    start = time.perf_counter()
    assert follower.follow(datetime.now(UTC)).matches
    return time.perf_counter() - start

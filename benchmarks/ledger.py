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
from consent.adapters.sql import SqlStore, open_records
from consent.domain.grant import PublishedGrant
from consent.domain.registry_replay import Key
from consent.domain.terms import SubjectId
from consent.ports import Errand, OutboxItem
from consent.services.book import BookEntry, ConsentBook
from consent.services.following import LedgerFollower
from consent.services.log import Log
from consent.services.outbox import Outbox
from consent.services.projection import ProjectionSeal
from consent.services.relayer import Relayer
from consent.services.renewal import Renewal
from consent.services.sending import Sending
from consent.signatures import recover
from tests.wallets import Wallet
from vault.epoch import EpochKey

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
    outbox, items = Outbox(EpochKey.draw("bench", 1).for_content), _items(_signed(chain, grants))
    book = _book(chain, [(item.patient, item.commitment) for item in items])
    _queue(store, outbox, items)
    follower = LedgerFollower(store, chain, ProjectionSeal(secrets.token_bytes(32)), book, outbox)
    log = Log("bench", None, None)  # type: ignore[arg-type]  # nothing is signed
    relayer = Relayer(store, follower, Sending(store, chain), book, log, outbox, Renewal(outbox, book))
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


def _items(grants: Sequence[PublishedGrant]) -> list[OutboxItem]:
    return [OutboxItem(Errand.GRANT, g.patient, g.commitment, g.expires, g.publish_by, g.signature) for g in grants]


def _book(chain: EmbeddedChain, keys: Sequence[Key]) -> ConsentBook:
    """Return a book that knows these consents by address and commitment."""
    book = ConsentBook(chain.domain, recover, None)  # type: ignore[arg-type]  # nothing is unsealed
    for number, (patient, commitment) in enumerate(keys):
        name = f"{number:032x}"
        entry = BookEntry(name, None, commitment, patient, certified=True, entry_key=b"")  # type: ignore[arg-type]  # nothing is decided
        book.place(SubjectId(name), entry)
    return book


def _queue(store: SqlStore, outbox: Outbox, items: Sequence[OutboxItem]) -> None:
    with store.begin() as unit:
        waiting = outbox.on(unit)
        for number, item in enumerate(items):
            waiting.add(SubjectId(f"{number:032x}"), [item])


def _rebuilt(chain: EmbeddedChain, store: SqlStore, keys: Sequence[Key]) -> float:
    book, outbox = _book(chain, keys), Outbox(EpochKey.draw("bench", 1).for_content)
    follower = LedgerFollower(store, chain, ProjectionSeal(secrets.token_bytes(32)), book, outbox)
    start = time.perf_counter()
    assert follower.follow(datetime.now(UTC)).matches
    return time.perf_counter() - start

"""What counting looks at: one reading of everybody who allows being counted, in the memory of one process.

    snapshot = snapshots.of(study)         read now, or held since a reading that began less than a day ago
    cells = snapshot.asked(query)          looks at everybody who was read
    inside, outside = cells(counted)       of those who allow being counted now; nothing of the others is kept

A reading opens all kinds of records that the study asks for, with a line in the log for each person before that. It
goes on behind the back of whoever asks, on an opening of the installation of its own. Nothing of it is ever written; it
is let go of when the study is changed or closed, after a day, and at the end of the process. Who allows being counted
since then, and records that came since, are in the next reading.
"""

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from concurrent.futures import Future, wait
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock, Thread, Timer
from time import monotonic
from typing import Final, Protocol

import numpy as np

from analytics import CohortQuery
from analytics.cohort_table import CohortTable
from consent.domain.errors import ConsentError
from consent.domain.study import Study
from consent.domain.terms import SubjectId

HELD_SECONDS: Final = 86400
WAIT_SECONDS: Final = 3.0
"""So long somebody waits for a reading of few people, from its beginning on; one of many takes minutes."""
AGAIN_SECONDS: Final = 60
"""So long after a reading began that failed there is no other: each makes an entry for everybody."""
Cells = Callable[[AbstractSet[SubjectId]], tuple[int, int]]
"""Says how many of those who allow being counted are inside a cohort, and how many outside."""


class SnapshotNotReadyError(ConsentError):
    """Records are being read for counting; ask again after `retry_after` seconds."""

    retry_after: Final = 5


class Reading(Protocol):
    """Reads everybody who allows being counted (`consent.services.studies.counting.Counting`)."""

    def table(self, study: Study) -> CohortTable:
        """Open them, an entry each, and return what the study may count of them."""


@dataclass(slots=True, eq=False)
class Snapshot:
    """What was read."""

    table: CohortTable = field(repr=False)

    def asked(self, query: CohortQuery) -> Cells:
        """Look at everybody; raise `RowsError` for a resource that is not FHIR R4.

        Call what this returns in the transaction that knows who allows being counted, and that writes: two at once
        could bring back somebody whom one of them let go of.
        """
        table, members = self.table, self.table.members(query)

        def cells(counted: AbstractSet[SubjectId]) -> tuple[int, int]:
            self._keep(counted)
            allowed = _allowed(table, counted)
            inside = int((members & allowed).sum())
            return inside, int(allowed.sum()) - inside

        return cells

    def _keep(self, counted: AbstractSet[SubjectId]) -> None:
        """Let go of everybody else, for good."""
        allowed = _allowed(self.table, counted)
        if not allowed.all():
            self.table = self.table.kept(allowed)


@dataclass(slots=True, eq=False)
class _Promise:
    """A snapshot of a study as it was defined (SHA-256, hex), when its reading began, and until when one waits."""

    definition: str
    began: datetime
    patience: float
    snapshot: "Future[Snapshot]" = field(default_factory=Future)

    def failed(self) -> bool:
        return self.snapshot.done() and self.snapshot.exception() is not None

    def is_of(self, now: datetime) -> bool:
        """Say whether it still counts; one from a clock that was ahead does not."""
        lasts = AGAIN_SECONDS if self.failed() else HELD_SECONDS
        return not self.snapshot.done() or 0 <= (now - self.began).total_seconds() < lasts


@dataclass(frozen=True, slots=True)
class Snapshots:
    """The snapshots of this process, one for each study.

    Attributes:
        opened: opens an installation for one reading.
        clock: says when a snapshot is a day old.
        wait: for how many seconds from a reading's beginning on somebody waits for it.
        tell: is told why a reading failed, for the log.
    """

    opened: Callable[[], AbstractContextManager[Reading]]
    clock: Callable[[], datetime]
    wait: float = WAIT_SECONDS
    tell: Callable[[BaseException], object] = lambda _: None
    _held: dict[str, _Promise] = field(default_factory=dict, init=False, repr=False)
    _lock: Lock = field(default_factory=Lock, init=False, repr=False)

    def of(self, study: Study) -> Snapshot:
        """Return the snapshot of a study that is as it was approved.

        Raises `SnapshotNotReadyError` while it is read. Raises what the reading raised if that failed, to everybody who
        asks within a minute of its beginning; after that it is read again.
        """
        promised = self._promised(study)
        wait([promised.snapshot], max(0.0, promised.patience - monotonic()))
        if not promised.snapshot.done():
            raise SnapshotNotReadyError("records are being read for counting: ask again soon")
        return promised.snapshot.result()

    def forget(self, studies: AbstractSet[str]) -> None:
        """Let go of what was read for these studies: they were closed."""
        with self._lock:
            for name in studies:
                self._held.pop(name, None)

    def held(self) -> frozenset[str]:
        """Return the studies of which something is in memory, or being read."""
        with self._lock:
            return frozenset(self._held)

    def _promised(self, study: Study) -> _Promise:
        name, now = study.reference.id, self.clock()
        self.forget({other for other, promised in list(self._held.items()) if not promised.is_of(now)})
        with self._lock:
            found = self._held.get(name)
            if found is None or found.definition != study.hash():
                found = self._held[name] = _Promise(study.hash(), now, monotonic() + self.wait)
                Thread(target=self._read, args=(study, found), name="snapshot", daemon=True).start()
            return found

    def _read(self, study: Study, promised: _Promise) -> None:
        """Read in a thread of its own; who never asks again has it in memory no longer than a day."""
        try:
            with self.opened() as reading:
                table = reading.table(study)
        except BaseException as error:  # noqa: BLE001  # whoever waits must be told
            try:
                self.tell(error)
            finally:
                promised.snapshot.set_exception(_bare(error))
            return
        self._drop_later(study.reference.id, promised.definition, promised.began)
        promised.snapshot.set_result(Snapshot(table))

    def _drop_later(self, name: str, definition: str, began: datetime) -> None:
        """Drop a snapshot after a day; until then the timer knows which one it was, and holds nothing of it."""

        def forget() -> None:
            with self._lock:
                held = self._held.get(name)
                if held is not None and (held.definition, held.began) == (definition, began):
                    del self._held[name]

        timer = Timer(HELD_SECONDS, forget)
        timer.daemon = True
        timer.start()


def _allowed(table: CohortTable, counted: AbstractSet[SubjectId]) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
    return np.fromiter((name in counted for name in table.names), np.bool_, len(table.names))


def _bare(error: BaseException) -> BaseException:
    """Return an error without the frames that it passed through: they hold what was read."""
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)

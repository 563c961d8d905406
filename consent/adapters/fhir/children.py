"""Validating on several processors: it is most of an import's time."""

import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import chain, islice
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait
from threading import Thread
from typing import Final

from consent.adapters.fhir.examining import Examined, examine
from consent.adapters.fhir.outcomes import Literal, Problem
from consent.adapters.fhir.strict_json import FhirError

BATCH: Final = 200
BATCH_BYTES: Final = 4 * 1024 * 1024
ALONE: Final = 8
"""With fewer batches than this, starting children takes longer than validating here."""

_Batch = list[Literal | Problem]
Judged = tuple[Literal, Examined] | Problem


def examined(found: Iterable[Literal | Problem], processes: int) -> Iterator[Judged]:
    """Yield each literal with what `examine` says of it, and problems as they are, in order.

    A few batches are examined here, and so is everything when `processes` is 1. Children are spawned, not forked: the
    parent may hold threads and locks. A few batches are in memory at a time. Raises `FhirError` when a child is killed.
    """
    batches = _batches(found)
    first = list(islice(batches, ALONE if processes > 1 else 0))
    if len(first) < ALONE:
        for each in chain.from_iterable(chain(first, batches)):
            yield (each, examine(each.content)) if isinstance(each, Literal) else each
        return
    try:
        yield from _in_children(chain(first, batches), processes)
    except BrokenProcessPool:
        raise FhirError("a process that validates was ended from outside: give it memory and import again") from None


def _in_children(batches: Iterable[_Batch], processes: int) -> Iterator[Judged]:
    pool = ProcessPoolExecutor(processes, get_context("spawn"), initializer=end_with_parent)
    waiting: deque[tuple[_Batch, Future[list[Examined]]]] = deque()
    try:
        for batch in batches:
            contents = [each.content for each in batch if isinstance(each, Literal)]
            waiting.append((batch, pool.submit(examine_all, contents)))
            if len(waiting) > 2 * processes:
                yield from _joined(*waiting.popleft())
        while waiting:
            yield from _joined(*waiting.popleft())
    finally:
        pool.shutdown(cancel_futures=True)


def _joined(batch: _Batch, future: Future[list[Examined]]) -> Iterator[Judged]:
    answers = iter(future.result())
    for each in batch:
        yield (each, next(answers)) if isinstance(each, Literal) else each


def examine_all(contents: list[bytes]) -> list[Examined]:
    """Examine one batch, in a child."""
    return [examine(content) for content in contents]


def _batches(found: Iterable[Literal | Problem]) -> Iterator[_Batch]:
    batch: _Batch = []
    size = 0
    for each in found:
        batch.append(each)
        size += len(each.content) if isinstance(each, Literal) else 0
        if len(batch) == BATCH or size > BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def end_with_parent() -> None:
    """Let a child end when its parent is killed; by itself it would wait for work forever."""
    parent = parent_process()

    def watch() -> None:
        if parent is not None:
            wait([parent.sentinel])
            os._exit(1)

    Thread(target=watch, daemon=True).start()

"""One reading of training rows: what the gate answered, at which block, and the rows that came of it."""

import gc
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from consent.ports import Head
from consent.services.gate import ConsentGate
from consent.services.studies.rows import TrainingRow
from vault import Access, Admission, Refused


@contextmanager
def uncollected() -> Iterator[None]:
    """Let Python look for no cycles while it makes a million objects that have none: that took a fifth of the time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


class CountingGate:
    """Counts why subjects were refused, for the report's participant flow; keeps the block that they were judged at."""

    def __init__(self, gate: ConsentGate) -> None:
        self.gate = gate
        self.admitted = 0
        self.refused: Counter[str] = Counter()
        self.pinned = Head(0, bytes(32), 0)

    def admit(self, subjects: Sequence[str], access: Access) -> Admission:
        """Ask the gate and count its refusals."""
        admission = self.gate.admit(subjects, access)
        if self.gate.projection.head is not None:
            self.pinned = self.gate.projection.head.final
        refused = [answer.reason for answer in admission.values() if isinstance(answer, Refused)]
        self.refused.update(refused)
        self.admitted += len(admission) - len(refused)
        return admission


@dataclass(frozen=True, slots=True)
class RowsRead:
    """What one reading gave: the gate that was asked for which access, the rows, at which block, and who was refused.

    Attributes:
        gate: decides again without reading.
        access: what it was asked for.
        rows: of everybody who was admitted and has one.
        pinned: the final block at which consents were judged.
        admitted: how many people were admitted, with a row or without.
        refused: how many people were refused for which reason.
    """

    gate: ConsentGate
    access: Access
    rows: Sequence[TrainingRow]
    pinned: Head
    admitted: int
    refused: Counter[str]

"""One measured number, as `benchmarks/results.json` lists them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """A measurement beside what it is compared to.

    Attributes:
        name: dotted, stable: others look figures up by it.
        value: the measurement, in `unit`.
        unit: what is counted.
        compared_to: the goal, and what others take on the same work.
        note: how it was measured.
    """

    name: str
    value: float
    unit: str
    compared_to: str
    note: str

"""How good a study's model has to be before anybody is served it, as it was approved. Pure.

A release outside these bounds is suspended until an operator has looked at it.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from consent.domain.errors import ConsentError
from consent.domain.hashing import Json


class InvalidBoundsError(ConsentError):
    """These are no bounds that a model could keep or break; correct the number that the message names."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """The least AUROC, and the least and the largest slope of calibration (1 is perfect), all out of fold."""

    least_auroc: float
    slope_low: float
    slope_high: float

    def __post_init__(self) -> None:
        if not all(isinstance(value, int | float) for value in self.to_json().values()):
            raise InvalidBoundsError("bounds are three numbers")
        if not 0 <= self.least_auroc <= 1:
            raise InvalidBoundsError("the least AUROC is a number from 0 to 1")
        if not 0 <= self.slope_low <= 1 <= self.slope_high < math.inf:
            raise InvalidBoundsError("the slopes enclose 1, the lower one from 0 on")

    def failures(self, auroc: float, slope: float | None) -> tuple[str, ...]:
        """Return a sentence for each bound that a model breaks; what is not defined (None, NaN) breaks it."""
        broken = []
        if not auroc >= self.least_auroc:
            broken.append(f"the AUROC is {auroc:.3f}, and the study asks for at least {self.least_auroc:g}")
        if slope is None or not self.slope_low <= slope <= self.slope_high:
            is_ = "not defined" if slope is None else f"{slope:.3f}"
            asked = f"from {self.slope_low:g} to {self.slope_high:g}"
            broken.append(f"the slope of calibration is {is_}, and the study asks for one {asked}")
        return tuple(broken)

    def to_json(self) -> dict[str, Json]:
        """Return the bounds as JSON values."""
        return {"least_auroc": self.least_auroc, "slope_low": self.slope_low, "slope_high": self.slope_high}

    @classmethod
    def from_json(cls, value: Mapping[str, Json]) -> "Bounds":
        """Read bounds back; raise `InvalidBoundsError`, or TypeError and KeyError for what is no such object."""
        numbers = {name: value[name] for name in ("least_auroc", "slope_low", "slope_high")}
        if any(isinstance(number, bool) for number in numbers.values()):
            raise InvalidBoundsError("bounds are three numbers")
        return cls(**numbers)  # type: ignore[arg-type]  # numbers, or `__post_init__` refuses them

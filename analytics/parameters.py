"""How a model is fitted, as plain numbers: importable without the library that fits."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from analytics.errors import ParametersError
from analytics.rows import are_names


@dataclass(frozen=True, slots=True)
class Parameters:
    """How to fit; the defaults are regularised for clinical sets of a few thousand people.

    Attributes:
        features: names of the columns in order; empty: unnamed.
        depth: of each tree, 1 to 10.
        eta: how far each tree steps, above 0 and up to 1.
        min_child_weight: least sum of p(1-p) in a leaf, at least 0; 20 means 80 people or more.
        reg_lambda: L2 penalty on leaf values, at least 0.
        rounds: number of trees, 1 to 10,000.
        seed: of the library's random numbers, which no parameter here draws on.
        nthread: threads that add up; another number than 1 may change the bytes.
    """

    features: tuple[str, ...] = ()
    depth: int = 3
    eta: float = 0.05
    min_child_weight: float = 20
    reg_lambda: float = 5
    rounds: int = 150
    seed: int = 0
    nthread: int = 1

    def __post_init__(self) -> None:
        sound = {
            "features": are_names(self.features),
            "depth": 1 <= self.depth <= 10,  # noqa: PLR2004  # the range stands in the docstring
            "eta": 0 < self.eta <= 1,
            "min_child_weight": 0 <= self.min_child_weight < float("inf"),
            "reg_lambda": 0 <= self.reg_lambda < float("inf"),
            "rounds": 1 <= self.rounds <= 10_000,  # noqa: PLR2004  # likewise
            "seed": self.seed >= 0,
            "nthread": self.nthread >= 1,
        }
        for name, holds in sound.items():
            if not holds:
                raise ParametersError(f"{name} is out of its range: see the docstring of Parameters")

    def to_json(self) -> dict[str, Any]:
        """Return the parameters as JSON values."""
        return asdict(self) | {"features": list(self.features)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Parameters":
        """Read what `to_json` gave; raise `ParametersError` for a name that is no parameter or a value out of range."""
        try:
            return cls(**{**value, "features": tuple(value["features"])})
        except (KeyError, TypeError) as error:
            raise ParametersError(
                "these are no parameters: each has a name and a number, and features a list"
            ) from error

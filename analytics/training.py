"""Fitting a gradient-boosted model (XGBoost) that is a function of the set of rows and of nothing else.

Rows are sorted by hash, one thread adds them up, the base score is the mean label of the whole set, no row is held out,
and the matrix is in memory: external-memory matrices would write records in the clear to a disk. The same rows and
parameters under the same software (`analytics.software`) give the same bytes.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import xgboost
from numpy.typing import NDArray

from analytics.errors import ModelError, ParametersError, RowsError
from analytics.model_format import require_sound
from analytics.rows import Row, are_names, labels, matrix, ordered, require_both

OBJECTIVE = "binary:logistic"


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


@dataclass(frozen=True, slots=True)
class Model:
    """A fitted model. `content` is XGBoost's UBJSON (https://xgboost.readthedocs.io, "Introduction to Model IO")."""

    content: bytes
    booster: xgboost.Booster

    @classmethod
    def from_bytes(cls, content: bytes) -> "Model":
        """Read a model back; raise `ModelError` unless it is one of ours. Give it only bytes whose hash you trust."""
        require_sound(content, OBJECTIVE)
        booster = xgboost.Booster({"nthread": 1})
        try:
            booster.load_model(bytearray(content))
        except xgboost.core.XGBoostError as error:
            raise ModelError("XGBoost cannot load these bytes: get the released file again") from error
        return cls(bytes(content), booster)

    def to_bytes(self) -> bytes:
        """Return the model's bytes, which its hash is taken over."""
        return self.content

    def predict(self, rows: Sequence[Row]) -> NDArray[np.float64]:
        """Return the probability of the outcome for each row, shape (rows,)."""
        probabilities: NDArray[np.float32] = self.booster.predict(self._matrix(rows))
        return probabilities.astype(np.float64)

    def explain(self, rows: Sequence[Row]) -> NDArray[np.float64]:
        """Return exact TreeSHAP contributions in log-odds, shape (rows, features + 1); the last column is the bias.

        Each line adds up to the row's log-odds (Lundberg et al. 2020, Nature Machine Intelligence 2:56-67).
        """
        contributions: NDArray[np.float32] = self.booster.predict(self._matrix(rows), pred_contribs=True)
        return contributions.astype(np.float64)

    def _matrix(self, rows: Sequence[Row]) -> xgboost.DMatrix:
        features = matrix(rows)
        if features.shape[1] != self.booster.num_features():
            raise RowsError("these rows have another number of features than the model was fitted on")
        return xgboost.DMatrix(features, feature_names=self.booster.feature_names, nthread=1)


def fit(rows: Sequence[Row], parameters: Parameters) -> Model:
    """Fit a model; the same set of rows in any order gives the same bytes.

    Raises `RowsError` when rows differ in width from each other or from `parameters.features`, or lack a label.
    """
    rows = ordered(rows)
    features, outcome = matrix(rows), labels(rows)
    require_both(outcome)
    if parameters.features and len(parameters.features) != features.shape[1]:
        raise RowsError("the parameters name another number of features than the rows hold")
    names = list(parameters.features) or None
    data = xgboost.DMatrix(features, outcome, feature_names=names, nthread=parameters.nthread)
    booster = xgboost.train(_settings(parameters, float(outcome.mean())), data, parameters.rounds)
    return Model.from_bytes(bytes(booster.save_raw("ubj")))


def _settings(parameters: Parameters, base_score: float) -> dict[str, Any]:
    return {
        "objective": OBJECTIVE,
        "tree_method": "hist",
        "base_score": base_score,
        "max_depth": parameters.depth,
        "eta": parameters.eta,
        "min_child_weight": parameters.min_child_weight,
        "reg_lambda": parameters.reg_lambda,
        "seed": parameters.seed,
        "nthread": parameters.nthread,
        "verbosity": 0,
    }

"""Fitting a gradient-boosted model (XGBoost) that is a function of the set of rows and of nothing else.

Rows are sorted by hash, one thread adds them up, the base score is the mean label of the whole set, no row is held out,
and the matrix is in memory: external-memory matrices would write records in the clear to a disk. The same rows and
parameters under the same software (`analytics.software`) give the same bytes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analytics.errors import ModelError, RowsError
from analytics.model_format import OBJECTIVE, require_sound
from analytics.parameters import Parameters
from analytics.rows import Row, labels, matrix, ordered, require_both
from analytics.unseen import unseen

with unseen("sklearn"):  # XGBoost loads it for estimators that nobody here uses: 0.8 of 1.1 s
    import xgboost


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

    def margins(self, rows: Sequence[Row]) -> NDArray[np.float64]:
        """Return the log-odds of the outcome for each row, shape (rows,)."""
        margins: NDArray[np.float32] = self.booster.predict(self._matrix(rows), output_margin=True)
        return margins.astype(np.float64)

    def explain(self, rows: Sequence[Row]) -> NDArray[np.float64]:
        """Return exact TreeSHAP contributions in log-odds, shape (rows, features + 1); the last column is the bias.

        Each line adds up to the row's log-odds (Lundberg et al. 2020, Nature Machine Intelligence 2:56-67).
        Raises `ModelError` for a file that `analytics.release_gate.strip` has stripped.
        """
        contributions: NDArray[np.float32] = self.booster.predict(self._matrix(rows), pred_contribs=True)
        if not np.isfinite(contributions).all():
            raise ModelError("this file was stripped of what explanations need: ask where the model was released")
        return contributions.astype(np.float64)

    def leaves(self, rows: Sequence[Row]) -> NDArray[np.int64]:
        """Return the leaf that each row ends in, shape (rows, trees)."""
        leaves: NDArray[np.float32] = self.booster.predict(self._matrix(rows), pred_leaf=True)
        return leaves.reshape(len(rows), -1).astype(np.int64)

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

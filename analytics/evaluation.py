"""How good a model is, as plain figures (TRIPOD+AI; BMJ 2024;385:e078378). `analytics.evaluating` computes them."""

from dataclasses import dataclass, replace
from typing import Any

from analytics.calibration import Calibration
from analytics.decision_curve import NetBenefit
from analytics.describing import Characteristic
from analytics.disclosure import shown
from analytics.discrimination import Interval, RocPoint
from analytics.plain import figures, plain
from analytics.subgroups import Subgroup


@dataclass(frozen=True, slots=True)
class Comparison:
    """Another forecast beside the model, on exactly the people for whom it was made.

    Attributes:
        name: of the other forecast.
        people: for whom it was made.
        auroc: of the other forecast.
        model: AUROC of the model on the same people.
        difference: the model's minus the other's, paired.
        roc: curve of the other forecast.
        model_roc: curve of the model on the same people.
    """

    name: str
    people: int
    auroc: Interval
    model: Interval
    difference: Interval
    roc: tuple[RocPoint, ...]
    model_roc: tuple[RocPoint, ...]


@dataclass(frozen=True, slots=True)
class FeatureUse:
    """One feature: mean absolute TreeSHAP contribution (log-odds), and the shown share of people without a value.

    The share is None when too few people lack it, or too few have it, to be shown.
    """

    name: str
    contribution: float
    missing: float | None


@dataclass(frozen=True, slots=True)
class Evaluation:
    """How good a model is, from forecasts for people that the forecasting fit had not seen.

    Attributes:
        people: rows.
        events: rows with the outcome.
        folds: number of folds.
        auroc: area under the ROC curve.
        auprc: average precision; a forecast without skill has events / people.
        calibration: whether the probabilities come true.
        roc: the ROC curve at fixed thresholds.
        baseline: logistic regression on the same features and folds.
        comparisons: other forecasts; one made for fewer than ten people of either outcome is left out.
        features: by contribution, largest first.
        decision: net benefit at the thresholds of the ROC curve.
        subgroups: declared groups of people that are large enough to be shown.
        characteristics: who the people are, in the order of the features.
    """

    people: int
    events: int
    folds: int
    auroc: Interval
    auprc: Interval
    calibration: Calibration
    roc: tuple[RocPoint, ...]
    baseline: Comparison
    comparisons: tuple[Comparison, ...]
    features: tuple[FeatureUse, ...]
    # Evaluations of an earlier version have none of these.
    decision: tuple[NetBenefit, ...] = ()
    subgroups: tuple[Subgroup, ...] = ()
    characteristics: tuple[Characteristic, ...] = ()

    def as_shown(self) -> "Evaluation":
        """Return the evaluation with numbers of people as they may be shown; figures stay as they are."""
        return replace(
            self,
            people=shown(self.people) or 0,
            events=shown(self.events) or 0,
            baseline=replace(self.baseline, people=shown(self.baseline.people) or 0),
            comparisons=tuple(replace(one, people=shown(one.people) or 0) for one in self.comparisons),
        )

    def to_json(self) -> dict[str, Any]:
        """Return the evaluation as JSON values, numbers rounded to four decimals."""
        return plain(self)

    @classmethod
    def from_json(cls, value: object) -> "Evaluation":
        """Read what `to_json` gave, of this version or an earlier one; raise `FiguresError` for anything else."""
        return figures(cls, value)

"""Whether acting on forecasts does more good than acting on everybody or nobody (Vickers and Elkin 2006).

    net benefit = found / people - falsely alarmed / people * threshold / (1 - threshold)

(Medical Decision Making 26:565-574.) It is worked out from the points of a ROC curve, which are shown already: nothing
more of anyone leaves by it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from analytics.discrimination import RocPoint


@dataclass(frozen=True, slots=True)
class NetBenefit:
    """Net benefit, in people found per person, of acting from this forecast risk on: by the model, or on everybody."""

    threshold: float
    model: float
    everybody: float


def decision_curve(roc: Sequence[RocPoint], people: int, events: int) -> tuple[NetBenefit, ...]:
    """Return the net benefit at each point of a ROC curve of `people`, `events` of whom had the outcome."""
    share = events / people
    return tuple(_benefit(point, share) for point in roc)


def _benefit(point: RocPoint, share: float) -> NetBenefit:
    odds = point.threshold / (1 - point.threshold)
    return NetBenefit(
        threshold=point.threshold,
        model=point.sensitivity * share - point.false_positive_rate * (1 - share) * odds,
        everybody=share - (1 - share) * odds,
    )

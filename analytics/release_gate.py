"""Whether a model may serve and leave: what it gives away about being in it, and how few people a leaf of it holds.

The bounds are ours. Membership is judged from 4,000 rows on; below that its intervals are wide, so that they are
reported, and a model fails only if the whole interval of the AUROC lies beyond its bound. Below 500 rows both are
reported only. `analytics.examining` measures.

A model's file also tells for every node how many people (as a sum of p(1-p)) came by and what a split gained by them.
`strip` takes that out of a file that leaves. Its forecasts stay the same bit for bit, but it can explain none of them
any more: TreeSHAP weighs branches by those sums. Explanations are given where the released model is.
"""

from dataclasses import dataclass
from typing import Any, Final

from analytics import ubjson
from analytics.disclosure import SMALLEST
from analytics.discrimination import Interval
from analytics.model_format import OBJECTIVE, require_sound
from analytics.plain import DECIMALS, figures, plain

MOST_AUROC: Final = 0.55
"""Membership inference: 0.5 tells nothing about who is in."""
MOST_TRUE_POSITIVES: Final = 0.02
"""Members found where one non-member in a hundred is taken for one; 0.01 tells nothing."""
JUDGED_FROM: Final = 4_000
_INTERVALS_FROM: Final = 500
_STATISTICS: Final = ("base_weights", "loss_changes", "sum_hessian")
"""Of nodes; what a leaf adds to a forecast stands in split_conditions."""


@dataclass(frozen=True, slots=True)
class GateFigures:
    """What was measured of a model.

    Attributes:
        rows: people it was fitted on.
        membership_auroc: of telling people in a fit from people outside it, by the loss of each.
        true_positives: share of people in the fit that are found when 1 % of the others are taken for such, 0 to 1.
        smallest_leaf: fewest people in any leaf of any tree.
    """

    rows: int
    membership_auroc: Interval
    true_positives: Interval
    smallest_leaf: int

    @property
    def judged(self) -> bool:
        """Whether there are rows enough to judge membership by."""
        return self.rows >= JUDGED_FROM

    def failures(self) -> tuple[str, ...]:
        """Return one sentence for each figure beyond its bound, with both; none: the model may be released."""
        found = []
        if self._area() > MOST_AUROC:
            found.append(
                f"Whether someone is in the model can be told with an AUROC of {_told(self.membership_auroc, 3)}; "
                f"at most {MOST_AUROC} is allowed."
            )
        if self.judged and _rounded(self.true_positives.estimate) > MOST_TRUE_POSITIVES:
            found.append(
                f"At 1 % false alarms a share of {_told(self.true_positives, 4)} of the people in the model is found; "
                f"at most {MOST_TRUE_POSITIVES} is allowed."
            )
        if self.smallest_leaf < SMALLEST:
            found.append(
                f"A leaf of the model holds fewer than {SMALLEST} people ({self.smallest_leaf}): raise "
                "min_child_weight or lower depth."
            )
        return tuple(found)

    def _area(self) -> float:
        """Return what is held against the AUROC's bound: the estimate, of few rows its least, of very few nothing."""
        if self.judged:
            return _rounded(self.membership_auroc.estimate)
        return _rounded(self.membership_auroc.low) if self.rows >= _INTERVALS_FROM else 0.0

    def to_json(self) -> dict[str, Any]:
        """Return the figures as JSON values, numbers rounded to four decimals."""
        return plain(self)

    @classmethod
    def from_json(cls, value: object) -> "GateFigures":
        """Read what `to_json` gave; raise `FiguresError` for anything else."""
        return figures(cls, value)


def strip(content: bytes) -> bytes:
    """Return a model's file with nothing of its nodes but what a forecast needs; `ModelError` unless it is a model."""
    require_sound(content, OBJECTIVE)
    stripped = bytearray(content)
    for tree in ubjson.parse(stripped)["learner"]["gradient_booster"]["model"]["trees"]:
        for name in _STATISTICS:
            tree[name][:] = 0
    return bytes(stripped)


def _rounded(figure: float) -> float:
    """Return the figure as it is stored, so that it is judged alike before and after."""
    return round(figure, DECIMALS)


def _told(interval: Interval, decimals: int) -> str:
    low, high = (f"{edge:.{decimals}f}" for edge in (interval.low, interval.high))
    return f"{interval.estimate:.{decimals}f} ({low} to {high})"

"""`consentry predict`: one person's risk for whoever treats them, or how many people stand where for a researcher."""

import math
from typing import Final

from rich.table import Column

from consent.cli.research import showing
from consent.cli.research.signing_in import bound
from consent.client import Aggregate, Contribution, Prediction

_CAUTION: Final = "For people to weigh: no diagnosis, and no decision by itself."
_UNSURE: Final = 0.01
"""Nobody is told a certainty."""
_STEEPEST: Final = 100


def one(study: str, identifier: str, *, as_json: bool) -> None:
    """Show one person's risk and what it rests on, the weightiest first; it is kept nowhere."""
    with bound(study) as api, showing.busy("asking for the prediction"):
        found = api.predictions.of(identifier=identifier)
    if as_json:
        showing.as_json(found)
        return
    _tell(found)


def aggregate(study: str, cohort: str, *, as_json: bool) -> None:
    """Show people by fifths of the estimated risk."""
    with bound(study) as api:
        with showing.busy("queueing the aggregate"):
            work = api.aggregates.start(cohort=cohort or None)
        found = work.wait()
    if as_json:
        showing.as_json(found)
        return
    _tell_fifths(found)


def _tell(found: Prediction) -> None:
    showing.facts(
        ("risk", f"{_percent(found.probability)}: {found.outcome}"),
        ("counted from", f"{found.index}, over {found.horizon_days} days"),
        ("to begin with", f"{_percent(_risk(found.base))}, before anything was known of this person"),
        ("release", f"{found.release} of {found.study}, model {found.model[:16]}"),
    )
    showing.line()
    columns = ("what it rests on", "value", Column("effect (log odds)", justify="right", no_wrap=True))
    heaviest = sorted(found.contributions, key=lambda one: -abs(one.log_odds))
    showing.table(columns, map(_row, heaviest), "It rests on nothing of this person.")
    showing.line(f"\n{_CAUTION}")


def _row(one: Contribution) -> tuple[str, str, str]:
    return one.title, one.shown or "not recorded", f"{one.log_odds:+.3f}"


def _tell_fifths(found: Aggregate) -> None:
    width = 100 // len(found.people) if found.people else 100
    columns = (Column("estimated risk", justify="right"), Column("people", justify="right"))
    rows = ((f"{at * width} to {(at + 1) * width} %", showing.people(count)) for at, count in enumerate(found.people))
    showing.table(columns, rows, "There is nobody to tell about.")
    showing.line()
    showing.facts(
        ("release", found.release),
        ("epsilon", f"{found.epsilon:g} spent; {found.left:g} left in this period"),
    )


def _risk(log_odds: float) -> float:
    """Return the probability of log odds, also of such as no model has."""
    return 1 / (1 + math.exp(-max(-_STEEPEST, min(_STEEPEST, log_odds))))


def _percent(probability: float) -> str:
    if probability < _UNSURE:
        return "under 1 %"
    return "over 99 %" if probability > 1 - _UNSURE else f"{probability:.0%}".replace("%", " %")

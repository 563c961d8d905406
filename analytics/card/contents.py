"""What a model card is made of: plain values, gathered by whoever asks for the card."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from analytics.card.margins import Margins
from analytics.dictionary import Dictionary
from analytics.evaluation import Evaluation
from analytics.release_gate import GateFigures


@dataclass(frozen=True, slots=True)
class Card:
    """One release of one study's model.

    Attributes:
        title: of the study.
        study: its id.
        purpose: what it is for, in the study's own words.
        ethics: the approval that it rests on.
        release: its number.
        status: what the registry says of it: ACTIVE, SUSPENDED, RETIRED.
        manifest: as JSON values.
        evaluation: how good it is.
        gate: what it gives away.
        dictionary: what it looks at.
        cohort: whom it is about, in English; empty: everybody, on the dictionary's day.
        flow: about how many people were asked for, by verdict; None: too few to be shown.
        margins: what the operator tells of all patients, or None.
        supplied: an author's text for an item of TRIPOD+AI, by its number ("3a").
    """

    title: str
    study: str
    purpose: str
    ethics: str
    release: int
    status: str
    manifest: Mapping[str, Any]
    evaluation: Evaluation
    gate: GateFigures
    dictionary: Dictionary
    cohort: str = ""
    flow: Mapping[str, int | None] = field(default_factory=dict)
    margins: Margins | None = None
    supplied: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # Who compares two cards must not find the one person between them.
        object.__setattr__(self, "evaluation", self.evaluation.as_shown())

"""Model cards of releases, from what is kept of them; drawing the figures takes a second and loads what draws."""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from consent.services.studies.flow import IN_WORDS
from consent.services.studies.release_facts import ReleaseFacts, ReleaseRoom

if TYPE_CHECKING:
    from analytics.card import Card, Margins

_KEPT: Final = 8
"""So many cards stay drawn."""


@dataclass(frozen=True, slots=True)
class DrawnCard:
    """A card as a page, as Markdown, and its figures by file name, as SVG and PNG."""

    page: str
    text: str
    figures: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Cards:
    """Draws cards; each stays drawn for a while."""

    room: ReleaseRoom
    _drawn: "OrderedDict[tuple[str, int, str], DrawnCard]" = field(default_factory=OrderedDict, init=False)

    def card(self, study: str, release: int) -> DrawnCard:
        """Return a release's card as it stands now; raise `StudyNotApprovedError` or `NoCardError`."""
        facts = self.room.facts(study, release)
        key = (facts.manifest["model"], facts.release, facts.status.name)
        if key not in self._drawn:
            self._drawn[key] = drawn(card_of(facts))
        self._drawn.move_to_end(key)
        while len(self._drawn) > _KEPT:
            self._drawn.popitem(last=False)
        return self._drawn[key]


def card_of(facts: ReleaseFacts, margins: "Margins | None" = None) -> "Card":
    """Return what a card says of a release, and how its people differ from a hospital's where `margins` tell that."""
    from analytics.card import Card  # noqa: PLC0415  # loads what draws, and few processes draw

    return Card(
        title=facts.study.reference.title,
        study=facts.study.reference.id,
        purpose=facts.study.text,
        ethics=facts.study.ethics,
        release=facts.release,
        status=facts.status.name,
        manifest=facts.manifest,
        evaluation=facts.evaluation,
        gate=facts.gate,
        dictionary=facts.dictionary,
        cohort=facts.cohort,
        flow={IN_WORDS.get(verdict, verdict): facts.flow[verdict] for verdict in sorted(facts.flow, key=_telling)},
        margins=margins,
    )


def drawn(card: "Card") -> DrawnCard:
    """Draw a card."""
    from analytics.card import card_html, card_markdown, figures  # noqa: PLC0415  # as above

    return DrawnCard(card_html(card), card_markdown(card), figures(card))


def _telling(verdict: str) -> tuple[int, str]:
    known = list(IN_WORDS)
    return known.index(verdict) if verdict in known else len(known), verdict

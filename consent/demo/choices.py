"""What the simulated patients choose.

It depends on who they are in the data and on nothing drawn at random, so that a second demo trains on the same rows.
"""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime

from consent.domain.data_use import DataUse
from consent.domain.study import Study
from consent.domain.terms import Category, SubjectId, Terms, Window, month_end_after

GRANTING = 0.60
WITHHOLDS_SURVIVAL = 0.03
CANCER_ONLY = 0.02
ALLOWS_EACH = 0.88
CANCER = "MONDO:0004992"


@dataclass(frozen=True, slots=True)
class Dice:
    """Fixed numbers between 0 and 1 for one person, by name of the question."""

    identifier: str

    def roll(self, question: str) -> float:
        """Return the person's number for a question."""
        digest = hashlib.sha256(f"{self.identifier}|{question}".encode()).digest()
        return int.from_bytes(digest[:8], "big") / 2**64


def agrees(identifier: str) -> bool:
    """Say whether this person allows anything at all: about 60 in 100 do."""
    return Dice(identifier).roll("agrees") < GRANTING


def chosen_terms(identifier: str, subject: SubjectId, study: Study, now: datetime) -> Terms:
    """Return what this person agrees to.

    Most allow most kinds of record; a few withhold one that the study cannot do without, or allow cancer research only,
    and so will not be in the model. Consents end between 6 and 24 months from now.
    """
    dice = Dice(identifier)
    required = study.required - {Category.OUTCOMES} if dice.roll("survival") < WITHHOLDS_SURVIVAL else study.required
    optional = {category for category in study.optional if dice.roll(category) < ALLOWS_EACH}
    cancer_only = dice.roll("cancer only") < CANCER_ONLY
    months = 6 + int(dice.roll("months") * 19)
    return Terms(
        subject=subject,
        study=study.reference,
        data_use=DataUse(diseases=frozenset({CANCER})) if cancer_only else DataUse(health_research=True),
        operations=study.operations,
        categories=frozenset(required | optional),
        window=Window(),
        expires=month_end_after(now.astimezone(UTC), months),
        language="en",
        text_hash=study.text_hash,
    )

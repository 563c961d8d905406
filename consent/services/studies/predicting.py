"""Predictions for one person: to who treats them or to themselves, explained, and each an entry that dies with the key.

    {"action": "read", "actor": "treating:ward-3", "operation": "predict", "verdict": "PERMIT", …}     from the gate
    {"action": "predict", "actor": "treating:ward-3", "verdict": "PREDICTED", "subject": …,
     "facts": {"release": 2, "model": "…", "sealed": "<base64>"}, …}

`sealed` is the canonical JSON of `Explained` under the person's key, bound to the entry's index. A refusal is an entry
too: the gate's own, or one of action `predict` whose verdict is the reason.
"""

import base64
import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Final

from consent.domain.decision import Deny
from consent.domain.entry import Action, Entry, PlacedEntry
from consent.domain.hashing import canonical_json
from consent.domain.telling import said
from consent.domain.terms import SubjectId
from consent.ports import ModelStatus, Store
from consent.services.book import ConsentBook
from consent.services.gate import ConsentGate
from consent.services.granting import UnknownPatientError
from consent.services.log import Log
from consent.services.projection import LedgerProjection
from consent.services.studies.explaining import Estimate, Explained, estimate
from consent.services.studies.rates import asked_since
from consent.services.studies.requesters import Requester, Researcher, Themselves
from consent.services.studies.rows import permitted_resources
from consent.services.studies.serving import ModelRefusedError, PredictionRefusedError, Served, is_blank, served
from consent.services.studies.standing import model_status
from vault import Access, Admission, Opening, Refused, Vault

PREDICTED: Final = "PREDICTED"
UNTOLD: Final = "NOT_PREDICTED"
"""The verdict where what is recorded of the person, or is not, made a prediction impossible."""
LABEL: Final = "prediction"
_HOUR: Final = 3600
_NOBODY: Final = SubjectId("")
_SENTENCES: Final = {
    "RESEARCHER": "a researcher is told about groups of ten and more, never about one person: ask for the aggregate",
    "RATE": "as many predictions as an hour allows were asked for already: wait",
    "COHORT": "this person is not one of those whom the model is about",
    "NO_RECORDS": "nothing that the model looks at is recorded of this person before the day it counts from",
    "STUDY_CLOSED": "the study was closed",
    "TEXT": "the study's text has changed, and this person has not agreed to the new one",
    "OPERATION": "this person's consent does not allow predictions",
    "NO_GRANT": "this person did not consent to the study",
    "CATEGORY": "this person withholds a kind of record that the model cannot do without",
    "LEDGER_STALE": "nothing is decided until the ledger is read again",
}
_OTHERWISE: Final = "this person's consent does not cover it now"


@dataclass(frozen=True, slots=True)
class Predicting:
    """Predictions for the studies of this installation.

    Attributes:
        max_staleness: seconds without a reading of the ledger after which nothing is decided.
        an_hour: how many predictions one requester may ask for in any hour.
    """

    store: Store
    vault: Vault
    book: ConsentBook
    projection: LedgerProjection
    log: Log
    max_staleness: int
    an_hour: int

    def predict(self, study_id: str, subject: SubjectId, requester: Requester, now: datetime) -> Explained:
        """Return what a study's current release says of a person, with its reasons; the log has it before it returns.

        Raises `PredictionRefusedError`, `ModelRefusedError` or `UnknownPatientError`. Then nothing was given out.
        """
        asked = _Asked(study_id, subject, requester, now)
        self._require_enrolled(subject)
        if isinstance(requester, Researcher):
            raise self._refused(asked, "RESEARCHER")
        serving = self._served(asked)
        gate = self._gate(asked, serving)
        index, values = self._features(asked, serving, gate)
        said_of_row = estimate(serving.model, serving.dictionary, values)
        return self._logged(asked, serving, gate, index, said_of_row)

    def nobody(self, study_id: str, requester: Requester, now: datetime) -> PredictionRefusedError:
        """Return what is told of somebody who is not known here: the same as of somebody who said nothing.

        It costs as much of the requester's hour, and the log has it, without a subject. Raises as `predict` does.
        """
        asked = _Asked(study_id, _NOBODY, requester, now)
        serving = self._served(asked)
        gate = self._gate(asked, serving)
        gate.admit([], serving.access(requester.actor))
        return self._refusal(gate.refused)

    def _require_enrolled(self, subject: SubjectId) -> None:
        with self.store.reading() as unit:
            if unit.patients.get(subject) is None:
                raise UnknownPatientError("no such person is enrolled here: check the SubjectId")

    def _served(self, asked: "_Asked") -> Served:
        try:
            return served(self.store, self.projection, asked.study, asked.now, self.max_staleness)
        except PredictionRefusedError as refusal:
            self._write(asked, refusal.reason)
            raise
        except ModelRefusedError:
            self._write(asked, "MODEL")
            raise

    def _gate(self, asked: "_Asked", serving: Served) -> "_LimitedGate":
        parts = self.store, self.log, self.book, self.projection
        gate = ConsentGate(*parts, serving.study, lambda: asked.now, self.max_staleness)
        return _LimitedGate(gate, asked, self.an_hour)

    def _features(
        self, asked: "_Asked", serving: Served, gate: "_LimitedGate"
    ) -> tuple[date, tuple[float, ...]]:  # fmt: skip
        opened = self._opened(asked, serving, gate)
        if opened is None:
            raise self._refusal(gate.refused)  # the log has it already
        found = serving.features(permitted_resources(opened), opened.admitted.categories)
        if found is None:
            raise self._untold(asked, "COHORT")
        if is_blank(found[1]):
            raise self._untold(asked, "NO_RECORDS")
        return found

    def _opened(self, asked: "_Asked", serving: Served, gate: "_LimitedGate") -> Opening | None:
        access = serving.access(asked.requester.actor)
        with self.store.reading() as unit:
            return next(self.vault.read(unit.connection, gate, access, [asked.subject]), None)

    def _logged(
        self, asked: "_Asked", serving: Served, gate: "_LimitedGate", index: date, found: Estimate
    ) -> Explained:  # fmt: skip
        """Decide again, for a stop may have come meanwhile, and write the entry in the same transaction."""
        access = serving.access(asked.requester.actor)
        with self.store.begin() as unit:
            decision = gate.gate.decide_all(unit, [asked.subject], access, asked.now)[asked.subject]
            if model_status(unit, self.projection, serving.release.model_hash) is not ModelStatus.ACTIVE:
                self.log.append(unit, [asked.entry("MODEL")])
                refusal: Exception = ModelRefusedError("this release was withdrawn just now: ask the current one")
            elif isinstance(decision, Deny):
                self.log.append(unit, [asked.entry(decision.reason.name)])
                refusal = self._refusal(decision.reason.name)
            else:
                explained = asked.explained(serving, decision.consent, index, found)
                content = canonical_json(explained.to_json())
                place = _place(unit.log.size())
                sealed = self.vault.seal(asked.subject, LABEL, content, place)
                self.log.append(unit, [_entry(asked, explained, decision.categories, sealed)])
                return explained
        raise refusal

    def _refused(self, asked: "_Asked", reason: str) -> PredictionRefusedError:
        self._write(asked, reason)
        return self._refusal(reason)

    def _untold(self, asked: "_Asked", reason: str) -> PredictionRefusedError:
        """Refuse with the reason, which the log does not keep: it tells of records, and outlives the person's key."""
        self._write(asked, UNTOLD)
        return self._refusal(reason)

    def _refusal(self, reason: str) -> PredictionRefusedError:
        return PredictionRefusedError(reason, _SENTENCES.get(reason, _OTHERWISE))

    def _write(self, asked: "_Asked", reason: str) -> None:
        with self.store.begin() as unit:
            self.log.append(unit, [asked.entry(reason)])


def unsealed(vault: Vault, entry: PlacedEntry) -> Explained | None:
    """Return the prediction that an entry holds, None where it holds none.

    Raises `KeyNotFoundError` once the person is erased, and `DecryptionError` for an entry that was altered or moved.
    """
    body = said(entry)
    if body is None or (body.get("action"), body.get("verdict")) != (Action.PREDICT, PREDICTED):
        return None
    sealed = base64.b64decode(body["facts"]["sealed"])
    return Explained.from_json(json.loads(vault.unseal(body["subject"], LABEL, sealed, _place(entry.index))))


@dataclass(frozen=True, slots=True)
class _Asked:
    """Who asks what about whom, and when; `subject` is `_NOBODY` where nobody is known by what was named."""

    study: str
    subject: SubjectId
    requester: Requester
    now: datetime

    @property
    def second(self) -> int:
        return int(self.now.timestamp())

    def entry(self, verdict: str) -> Entry:
        """Return the entry of a refusal."""
        return Entry(
            self.second, self.requester.actor, Action.PREDICT, verdict, self.subject, self.study, "predict"
        )  # fmt: skip

    def explained(self, serving: Served, consent: str, index: date, found: Estimate) -> Explained:
        """Give an estimate its person."""
        release, outcome = serving.release, serving.dictionary.outcome
        return Explained(
            subject=self.subject,
            study=self.study,
            release=release.release,
            model=release.model_hash.hex(),
            dictionary=serving.dictionary.hash,
            consent=consent,
            actor=self.requester.actor,
            time=self.second,
            outcome=outcome.title,
            horizon_days=outcome.horizon_days,
            index=index,
            probability=found.probability,
            log_odds=found.log_odds,
            base=found.base,
            contributions=found.contributions,
        )


@dataclass(slots=True)
class _LimitedGate:
    """Counts what was asked in the last hour where the gate decides, so that two at once cannot both be the last."""

    gate: ConsentGate
    asked: _Asked
    an_hour: int
    refused: str = field(default="", init=False)

    def admit(self, subjects: Sequence[str], access: Access) -> Admission:
        """Ask the gate, unless an hour's predictions were asked for already."""
        own = self.asked.subject if isinstance(self.asked.requester, Themselves) else None
        hour = self.asked.second - _HOUR, access.actor, own
        with self.gate.store.reading() as unit:  # most of the counting, while others may write
            seen, count = unit.log.size(), asked_since(unit.log, *hour)
        with self.gate.store.begin() as unit:
            if count + asked_since(unit.log, *hour, first=seen) >= self.an_hour:
                self.gate.log.append(unit, [self.asked.entry("RATE")])
                self.refused = "RATE"
                return {}
            if not subjects:
                self.gate.log.append(unit, [replace(self.asked.entry("NO_GRANT"), action=Action.READ)])
                self.refused = "NO_GRANT"
                return {}
            admission = self.gate.admit_within(unit, subjects, access)
        with suppress(StopIteration):
            self.refused = next(answer.reason for answer in admission.values() if isinstance(answer, Refused))
        return admission


def _entry(asked: _Asked, explained: Explained, categories: frozenset[str], sealed: bytes) -> Entry:
    return Entry(
        asked.second,
        asked.requester.actor,
        Action.PREDICT,
        PREDICTED,
        asked.subject,
        asked.study,
        "predict",
        tuple(sorted(categories)),
        explained.consent,
        {"release": explained.release, "model": explained.model, "sealed": base64.b64encode(sealed).decode()},
    )


def _place(index: int) -> bytes:
    """Return what binds a sealed prediction to its entry."""
    return str(index).encode()

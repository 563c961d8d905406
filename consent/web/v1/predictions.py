"""Predictions for one person, to whoever treats them; the log has each before it is given."""

from contextlib import suppress
from typing import Final

from apiflask import APIBlueprint

from consent.domain.terms import SubjectId
from consent.services.desk.callers import Caller
from consent.services.granting import UnknownPatientError
from consent.services.studies.explaining import Explained
from consent.services.studies.requesters import Treating
from consent.web.v1 import schemas
from consent.web.v1.door import PREDICT, Door, caller
from consent.web.v1.problems import Problem
from consent.web.v1.room import ApiRoom

_REFUSES: Final = ("prediction-refused", "model-refused", "ledger-stale")


def predictions(room: ApiRoom) -> APIBlueprint:
    """Return the route about predictions."""
    blueprint = APIBlueprint("predictions", __name__, tag="Predictions", url_prefix="/v1/studies/<name:study>")
    door = Door(room, blueprint)

    @door("POST", "/predictions", who=PREDICT, body=schemas.NewPrediction, gives=schemas.Prediction,
          refuses=_REFUSES, asked_anew=True)  # fmt: skip
    def predict(study: str, body: schemas.NewPrediction) -> schemas.Prediction:
        """Predict for one person.

        What the study's current model says of somebody who allows it, and why. For people to weigh: no
        diagnosis, and no decision by itself. Whoever is not known here and whoever did not
        consent look alike.
        """
        return _told(_predicted(room, study, body))

    return blueprint


def _predicted(room: ApiRoom, study: str, body: schemas.NewPrediction) -> Explained:
    """Predict; of whom nobody is known by that name, answer as of somebody who said nothing."""
    subject, requester, now = _subject(room, body), _treating(caller()), room.clock()
    if subject is not None:
        with suppress(UnknownPatientError):
            return room.predicting.predict(study, subject, requester, now)
    raise room.predicting.nobody(study, requester, now)


def _treating(here: Caller) -> Treating:
    return Treating(here.holder)


def _subject(room: ApiRoom, body: schemas.NewPrediction) -> SubjectId | None:
    """Return who is meant, None where nobody is known by that; raise `Problem` where nobody is named, or two are."""
    if (body.identifier is None) == (body.subject is None):
        rule = "name either identifier or subject"
        raise Problem("malformed-request", errors=[{"pointer": "", "detail": rule}])
    return room.records.subject_of(body.identifier) if body.identifier else SubjectId(body.subject or "")


def _told(one: Explained) -> schemas.Prediction:
    return schemas.Prediction(
        subject=one.subject,
        study=one.study,
        release=one.release,
        model=one.model,
        outcome=one.outcome,
        horizon_days=one.horizon_days,
        index=one.index.isoformat(),
        probability=one.probability,
        log_odds=one.log_odds,
        base=one.base,
        contributions=[dict(each.to_json()) for each in one.contributions],
    )

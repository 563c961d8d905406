"""Models: a study's releases, their figures, cards, plots and manifests. Nobody's records are opened for any of it."""

import json
from typing import Final, cast

from apiflask import APIBlueprint
from flask import Response, request

from consent.services.studies.approved import StudyNotApprovedError
from consent.services.studies.release_facts import NoCardError
from consent.services.studies.release_history import PastRelease, what_changed
from consent.services.studies.releasing import ReleaseUnknownError
from consent.web.headers import POLICY
from consent.web.v1 import schemas
from consent.web.v1.door import MODELS, Door, walked
from consent.web.v1.paging import Listed
from consent.web.v1.problems import Problem
from consent.web.v1.room import ApiRoom

_STUDY: Final = ("study-not-approved",)
_HTML, _MARKDOWN, _SVG = "text/html", "text/markdown", "image/svg+xml"
_ALONE: Final = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'; base-uri 'none'"
"""A card holds its figures and styles, and runs nothing."""


def models(room: ApiRoom) -> APIBlueprint:
    """Return the routes about models."""
    blueprint = APIBlueprint("models", __name__, tag="Models", url_prefix="/v1/studies/<name:study>")
    door = Door(room, blueprint)

    @door("GET", "/models", who=MODELS, query=schemas.Walk, gives=schemas.Models, refuses=_STUDY)
    def listed(study: str, query: schemas.Walk) -> schemas.Models:
        """List models.

        One for each release, newest first.
        """
        found = [Listed(one.release, f"{one.release:06}", _told(study, one)) for one in _history(room, study)]
        page = walked(room, f"models {study}", found, query, _FOR_EVER)
        return schemas.Models(items=page.items, next=page.next)

    @door("GET", "/releases", who=MODELS, query=schemas.Walk, gives=schemas.Releases, refuses=_STUDY)
    def releases(study: str, query: schemas.Walk) -> schemas.Releases:
        """List releases.

        What changed from one to the next, and whether a training is due.
        """
        history = _history(room, study)
        sentences = [None, *what_changed(history)]
        told = [_changed(one, sentence) for one, sentence in zip(history, sentences, strict=False)]
        found = [Listed(one.release, f"{one.release:06}", one) for one in told]
        page = walked(room, f"releases {study}", found, query, _FOR_EVER)
        due, why = _due(room, study)
        return schemas.Releases(items=page.items, next=page.next, due=due, why=why)

    @door("GET", "/models/<number:release>", who=MODELS, gives=schemas.ModelFacts, refuses=_STUDY)
    def one(study: str, release: int) -> schemas.ModelFacts:
        """Read a model.

        All that is known of it, as JSON.
        """
        facts = room.release_room.facts(study, release)
        past = next(each for each in _history(room, study) if each.release == release)
        dictionary, outcome = facts.dictionary, facts.dictionary.outcome
        return schemas.ModelFacts(
            **_told(study, past).model_dump(),
            cohort=facts.cohort,
            dictionary=dictionary.hash,
            features=list(dictionary.names),
            outcome=outcome.title,
            horizon_days=outcome.horizon_days,
            flow=dict(facts.flow),
            evaluation=facts.evaluation.as_shown().to_json(),
            gate=facts.gate.to_json(),
        )

    @door("GET", "/models/<number:release>/card", who=MODELS, refuses=(*_STUDY, "not-acceptable"),
          media=(_HTML, _MARKDOWN))  # fmt: skip
    def card(study: str, release: int) -> Response:
        """Read a model card.

        As a page or as Markdown: what it stands on, how good it is, TRIPOD+AI item by item.
        """
        accepted = request.accept_mimetypes
        wanted = accepted.best_match([_HTML, _MARKDOWN]) if accepted else _HTML
        if wanted is None:
            raise Problem("not-acceptable")
        found = room.cards.card(study, release)
        response = Response(found.page if wanted == _HTML else found.text, mimetype=wanted)
        response.headers[POLICY] = _ALONE
        return response

    @door("GET", "/models/<number:release>/plots", who=MODELS, gives=schemas.Plots, refuses=_STUDY)
    def plots(study: str, release: int) -> schemas.Plots:
        """List plots.

        The names of a card's figures.
        """
        names = sorted(name.removesuffix(".svg") for name in room.cards.card(study, release).figures if ".svg" in name)
        return schemas.Plots(items=names)

    @door("GET", "/models/<number:release>/plots/<name:plot>", who=MODELS, refuses=_STUDY, media=(_SVG,))
    def plot(study: str, release: int, plot: str) -> Response:
        """Read a plot.

        As SVG.
        """
        found = room.cards.card(study, release).figures.get(f"{plot}.svg")
        if found is None:
            raise Problem("not-found")
        return Response(found, mimetype=_SVG)

    @door("GET", "/models/<number:release>/manifest", who=MODELS, gives=schemas.Manifest, refuses=_STUDY)
    def manifest(study: str, release: int) -> schemas.Manifest:
        """Read a manifest.

        The one that is registered for a model, with the log's signature over it.
        """
        stored = room.release_room.manifest(study, release)
        return schemas.Manifest(
            manifest=json.loads(stored.content), hash=stored.hash, envelope=stored.envelope, log_key=room.log_key.hex()
        )

    return blueprint


_FOR_EVER: Final = 2**40
"""Releases are in the order of their numbers, which stand for the times of other lists."""


def _history(room: ApiRoom, study: str) -> list[PastRelease]:
    """Return a study's releases, oldest first; raise `StudyNotApprovedError`, also for one that was never here."""
    room.release_room.require(study)
    return room.release_history.of(study)


def _told(study: str, one: PastRelease) -> schemas.Model:
    return schemas.Model(
        study=study,
        release=one.release,
        status=_status(one),
        model=one.model.hex(),
        manifest=one.manifest.hex(),
        rows=one.rows,
        auroc=one.auroc,
        calibration_slope=one.slope,
    )


def _status(one: PastRelease) -> schemas.Status:
    return cast("schemas.Status", one.status.name)


def _changed(one: PastRelease, sentence: str | None) -> schemas.Release:
    change = one.change
    return schemas.Release(
        release=one.release,
        status=_status(one),
        model=one.model.hex(),
        left=change.left if change else None,
        came=change.came if change else None,
        changed=sentence,
    )


def _due(room: ApiRoom, study: str) -> tuple[bool | None, list[str]]:
    """Say whether the current release is due, and why; None where there is none, or it cannot be said."""
    try:
        state = room.releasing.state(study)
    except (ReleaseUnknownError, StudyNotApprovedError, NoCardError):
        return None, []
    return (None, []) if state is None else (state.due, list(state.why))

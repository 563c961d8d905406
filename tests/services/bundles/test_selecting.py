"""Each kind of bundle has exactly the entries that belong to it, reckoned here anew from the whole log."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from consent.services.bundles.scopes import BundleError, NoEvidenceError, Scope
from tests.services.bundles.lives import (
    ERASED,
    LEAVING,
    PREDICTED,
    STOPPED,
    made,
    model_of,
    person,
    trainings,
)
from tests.services.house import DICTIONARY, PARAMETERS, House
from tests.services.served import BEDSIDE

Log = list[dict[str, Any]]
HOUSE = {"approve", "operator", "release", "retire", "review", "keys", "ledger", "train"}
KEYS = {"KEY", "KEY_INVITED", "KEY_ASKED", "KEY_CANCELLED", "KEY_REPLACED"}


def closed(log: Log, base: set[int]) -> set[int]:
    """Return a base with what the house decided, and what is told of the consents and the people that it names."""
    named = [log[index] for index in base]
    people, consents = {one.get("subject") for one in named} - {None}, {one.get("consent") for one in named} - {None}

    def belongs(entry: dict[str, Any]) -> bool:
        action, verdict = entry["action"], entry.get("verdict")
        of_person = entry.get("subject") in people and (
            (action == "enrol" and verdict in KEYS)
            or action in {"erase", "hold"}
            or (action == "prefer" and verdict in {"COUNTED", "NOT_COUNTED"})
        )
        return (
            action in HOUSE or of_person or (action in {"grant", "stop", "expire"} and entry.get("consent") in consents)
        )

    return base | {entry["index"] for entry in log if belongs(entry)}


def of_patient(log: Log, subject: str) -> set[int]:
    return {entry["index"] for entry in log if entry.get("subject") == subject}


def of_study(log: Log, study: str) -> set[int]:
    return {entry["index"] for entry in log if entry.get("study") == study}


def reads(log: Log, study: str, operation: str, first: int, last: int) -> set[int]:
    """Return the permitted readings of a study within a part of the log."""
    told = ("read", "PERMIT", study, operation)
    some = log[max(0, first) : last]
    return {e["index"] for e in some if (e["action"], e["verdict"], e.get("study"), e.get("operation")) == told}


def before(log: Log, predicted: int) -> int:
    """Return the reading that a prediction rests on."""
    entry = log[predicted]
    asked = {e["index"] for e in log[:predicted] if all(e.get(n) == entry[n] for n in ("actor", "subject", "study"))}
    found: int = max(asked & reads(log, entry["study"], "predict", 0, predicted))
    return found


def of_model(log: Log, study: str, model: str) -> set[int]:
    trained = trainings(log, study)
    [place] = [n for n, index in enumerate(trained) if log[index]["facts"]["model"] == model]
    since = trained[place - 1] if place else -1
    told = {e["index"] for e in log if e["action"] == "predict" and e.get("facts", {}).get("model") == model}
    return {*reads(log, study, "train", since + 1, trained[place]), *told, *(before(log, p) for p in told)}


@pytest.mark.parametrize("place", [STOPPED, ERASED, LEAVING, PREDICTED, 59])
def test_a_patients_bundle(reading_house: House, place: int) -> None:
    subject = person(reading_house, place)
    bundle, log = made(reading_house, Scope.patient(subject)), reading_house.log()
    assert bundle.indices == closed(log[: bundle.size], of_patient(log[: bundle.size], subject))


@pytest.mark.parametrize("study", ["kidneys", BEDSIDE])
def test_a_studys_bundle(reading_house: House, study: str) -> None:
    bundle, log = made(reading_house, Scope.study(study)), reading_house.log()
    assert bundle.indices == closed(log[: bundle.size], of_study(log[: bundle.size], study))


@pytest.mark.parametrize(("study", "release"), [("kidneys", 1), (BEDSIDE, 1), (BEDSIDE, 2)])
def test_a_models_bundle(reading_house: House, study: str, release: int) -> None:
    model = model_of(reading_house, study, release)
    bundle, log = made(reading_house, Scope.model(model)), reading_house.log()
    assert bundle.indices == closed(log[: bundle.size], of_model(log[: bundle.size], study, model))


def test_everything_is_every_entry(reading_house: House) -> None:
    bundle = made(reading_house, Scope.everything())
    assert bundle.json("bundle")["scope"] == {"first": 0, "last": bundle.size}
    assert bundle.indices == set(range(bundle.size))


def _around_training(log: Log, trained: int, back: int = 0) -> tuple[int, int, set[int]]:
    earlier = [index for index in trainings(log, log[trained]["study"]) if index < trained]
    since = earlier[-1] if earlier else -1
    return trained - back, trained + 1, reads(log, log[trained]["study"], "train", since + 1, trained)


def _around_prediction(log: Log) -> tuple[int, int, set[int]]:
    predicted = [entry["index"] for entry in log if entry.get("verdict") == "PREDICTED"][1]
    return predicted, predicted + 1, {before(log, predicted)}


PERIODS: dict[str, Callable[[Log], tuple[int, int, set[int]]]] = {
    "some imports": lambda _: (10, 40, set()),
    "only a training": lambda log: _around_training(log, trainings(log, BEDSIDE)[1]),
    "the end of a training's readings": lambda log: _around_training(log, trainings(log, "kidneys")[0], back=9),
    "only a prediction": _around_prediction,
}


@pytest.mark.parametrize("name", PERIODS)
def test_a_periods_bundle(reading_house: House, name: str) -> None:
    log = reading_house.log()
    first, last, brought = PERIODS[name](log)
    bundle = made(reading_house, Scope.period(first, last))
    assert bundle.indices == closed(log[: bundle.size], {*range(first, last), *brought})
    assert brought <= bundle.indices


def test_what_came_after_the_checkpoint_is_not_in_it(house: House) -> None:
    with house.open.store.begin() as unit:
        house.open.log.checkpoint(unit)
        size = unit.log.size()
    house.stop(person(house, LEAVING + 5))
    subject = Scope.patient(person(house, LEAVING + 5))
    older, newest = made(house, subject, at=size), made(house, subject, newest=True)
    assert max(older.indices) < size <= max(newest.indices)


def test_the_end_of_a_consent_that_is_named_comes_with_it(house: House) -> None:
    house.clock.ahead = timedelta(days=500)
    assert house.open.expiring.step() > 0
    log = house.log()
    subject = person(house, PREDICTED)
    ends = {e["index"] for e in log if (e["action"], e.get("subject")) == ("expire", subject)}
    granted = min(e["index"] for e in log if (e["action"], e.get("subject")) == ("grant", subject))
    bundle = made(house, Scope.period(granted, granted + 1))
    assert bundle.indices == closed(log[: bundle.size], {granted})
    assert len(ends & bundle.indices) == 1 < len(ends)


RELEASES: dict[str, tuple[Callable[[House], Scope], list[tuple[str, int]]]] = {
    "a patient": (lambda house: Scope.patient(person(house, PREDICTED)), []),
    "a study": (lambda _: Scope.study(BEDSIDE), [(BEDSIDE, 1), (BEDSIDE, 2)]),
    "a model": (lambda house: Scope.model(model_of(house, BEDSIDE, 1)), [(BEDSIDE, 1)]),
    "everything": (lambda _: Scope.everything(), [(BEDSIDE, 1), (BEDSIDE, 2), ("kidneys", 1)]),
    "before all": (lambda _: Scope.period(0, 20), []),
}


@pytest.mark.parametrize("name", RELEASES)
def test_releases_of_the_scope_and_no_others(reading_house: House, name: str) -> None:
    scope, releases = RELEASES[name]
    bundle = made(reading_house, scope(reading_house))
    assert [(line["study"], line["release"]) for line in bundle.lines("manifests")] == releases
    rows = [file for file in bundle.files if file.startswith("rows/")]
    assert rows == [f"rows/{place}.ndjson" for place in range(len(releases))]


def test_a_release_that_is_not_registered_yet_has_no_manifest_in_it(house: House) -> None:
    house.open.training.train("kidneys", DICTIONARY, replace(PARAMETERS, rounds=6))
    assert [line["release"] for line in made(house, Scope.study("kidneys")).lines("manifests")] == [1]


NOTHING: dict[str, Scope] = {
    "person": Scope.patient("00" * 16),  # type: ignore[arg-type]  # a SubjectId
    "study": Scope.study("another"),
    "no study's id": Scope.study('"} \udcff'),
    "model": Scope.model("00" * 32),
    "time": Scope.period(20, 20),
}


@pytest.mark.parametrize("name", NOTHING)
def test_of_what_the_log_does_not_know_there_is_no_evidence(reading_house: House, name: str) -> None:
    entries = len(reading_house.log())
    with pytest.raises(NoEvidenceError):
        made(reading_house, NOTHING[name])
    assert len(reading_house.log()) == entries


def test_a_period_ends_at_the_checkpoint(reading_house: House) -> None:
    with pytest.raises(BundleError, match="--newest"):
        made(reading_house, Scope.period(0, 10_000))

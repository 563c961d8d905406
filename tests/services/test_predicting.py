"""Predictions: explained to who treats the person or to themselves, refused to all others, each an entry of the log."""

import base64
import json
import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from analytics import Dictionary
from analytics.cohort import CohortQuery
from consent.adapters.sql.tables import releases
from consent.domain.terms import Category, Operation, SubjectId, Window
from consent.ports import ModelStatus, StatusChange
from consent.services.granting import UnknownPatientError
from consent.services.studies.explaining import Explained
from consent.services.studies.predicting import UNTOLD, unsealed
from consent.services.studies.rates import asked_since
from consent.services.studies.requesters import (
    Requester,
    RequesterError,
    Researcher,
    Themselves,
    Treating,
    requester_of,
)
from consent.services.studies.serving import ModelRefusedError, PredictionRefusedError, load_active
from tests.services.house import DICTIONARY, DICTIONARY_TEXT, INDEX, PARAMETERS, STUDY, House, Template, received
from tests.services.served import (
    BEDSIDE,
    SERVED,
    WARD,
    allow,
    built,
    feature,
    lately,
    limited,
    predict,
    predictions,
    size,
)
from vault import DecryptionError, KeyNotFoundError, Opening, Vault


@pytest.fixture(scope="module")
def served(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Template:
    """Fifty people allow training and predictions, and the first release is ACTIVE."""
    return built(template, tmp_path_factory.mktemp("served") / "home")


@pytest.fixture
def house(served: Template, tmp_path: Path) -> Iterator[House]:
    with House.copied(served, tmp_path / "home") as opened:
        yield opened


def refused(house: House, subject: SubjectId, reason: str, requester: Requester = WARD, study: str = BEDSIDE) -> None:
    """See a prediction refused for this reason, which is the log's last word unless it tells of records."""
    before = len(predictions(house))
    with pytest.raises(PredictionRefusedError, match=f"^{reason}: ") as refusal:
        predict(house, subject, requester, study)
    assert refusal.value.reason == reason
    last = house.log()[-1]
    logged = UNTOLD if reason in {"COHORT", "NO_RECORDS"} else reason
    assert (last["verdict"], last["actor"], last["subject"]) == (logged, requester.actor, subject)
    assert len(predictions(house)) == before


def model_refused(house: House, told: str) -> None:
    """See the model refused: nobody's records are opened for it."""
    before = size(house)
    with pytest.raises(ModelRefusedError, match=told):
        predict(house, house.people[0])
    assert lately(house, before) == [("predict", "treating:ward-3", "MODEL")]


def test_whoever_treats_is_told_and_the_parts_add_up_in_every_logged_row(house: House) -> None:
    told = [predict(house, subject) for subject in house.people[:50]]
    logged = [unsealed(house.open.vault, entry) for entry in predictions(house)]
    assert logged == told
    for explained in told:
        parts = math.fsum([explained.base, *(one.log_odds for one in explained.contributions)])
        assert abs(parts - explained.log_odds) <= 1e-5
        assert abs(1 / (1 + math.exp(-explained.log_odds)) - explained.probability) <= 1e-5
        assert [one.name for one in explained.contributions] == list(DICTIONARY.names)
    assert len({explained.probability for explained in told}) > 1


def test_it_is_what_the_active_model_says_of_the_row_that_training_would_use(house: House) -> None:
    with house.open.store.reading() as unit:
        [release] = unit.studies.releases(BEDSIDE)
    model = load_active(house.open.store, house.open.projection, release.model, house.clock(), 120)
    resources = [(one.category.value, json.loads(one.content)) for one in received(7)]
    records = {category: [found for c, found in resources if c == category] for category, _ in resources}
    row = DICTIONARY.row(records, frozenset(records))
    assert row is not None
    explained = predict(house, house.people[7])
    assert explained.probability == model.predict([row])[0]
    assert tuple(one.value for one in explained.contributions) == row.features
    assert (explained.release, explained.model) == (1, release.model_hash.hex())


def test_each_is_two_entries_that_name_release_and_consent_and_no_outcome_is_opened(house: House) -> None:
    before, person = size(house), house.people[0]
    explained = predict(house, person)
    read, given = house.log(before)
    assert (read["action"], read["operation"], read["verdict"]) == ("read", "predict", "PERMIT")
    assert read["categories"] == given["categories"] == ["demographics", "laboratory"]
    assert (given["action"], given["actor"], given["verdict"]) == ("predict", "treating:ward-3", "PREDICTED")
    assert given["consent"] == read["consent"] == explained.consent == house.open.book.entries(person)[0].id
    assert given["facts"].keys() == {"release", "model", "sealed"}


def test_a_person_is_told_of_themselves(house: House) -> None:
    explained = predict(house, house.people[0], Themselves())
    assert explained.actor == "patient"


def test_somebody_who_allows_predictions_only_gets_one_and_is_in_no_model(house: House) -> None:
    newcomer = house.people[-1]
    allow(house, newcomer, operations=frozenset({Operation.PREDICT}))
    assert predict(house, newcomer).release == 1


def test_a_researcher_is_told_about_nobody_and_nothing_is_opened(house: House) -> None:
    before = size(house)
    refused(house, house.people[0], "RESEARCHER", Researcher(BEDSIDE))
    assert lately(house, before) == [("predict", f"study:{BEDSIDE}", "RESEARCHER")]


def test_without_predict_in_their_terms_nothing_is_opened(house: House) -> None:
    person, before = house.people[-1], size(house)
    allow(house, person, operations=frozenset({Operation.TRAIN}))
    before = size(house)
    refused(house, person, "OPERATION")
    assert lately(house, before) == [("read", "treating:ward-3", "OPERATION")]


def test_who_said_nothing_stopped_or_ran_out_is_refused_with_the_reason(house: House) -> None:
    refused(house, house.people[-1], "NO_GRANT")
    house.stop(house.people[0])
    refused(house, house.people[0], "STOPPED")
    house.open.erasures.request(house.ask(house.people[1]))
    refused(house, house.people[1], "BLOCKED")


def test_a_required_category_withheld_refuses_and_an_optional_one_is_not_recorded(house: House) -> None:
    modest, refusing = house.people[-1], house.people[-2]
    allow(house, modest, categories=frozenset({Category.DEMOGRAPHICS}))
    allow(house, refusing, categories=frozenset({Category.LABORATORY}))
    refused(house, refusing, "CATEGORY")
    explained = predict(house, modest)
    assert (feature(explained, "creatinine")["value"], feature(explained, "creatinine")["shown"]) == (None, "")
    assert "Creatinine: not recorded" in explained.text()


def test_days_outside_the_window_are_not_looked_at(house: House) -> None:
    limited_to = house.people[-1]
    allow(house, limited_to, window=Window(start=date(2020, 6, 16)))
    assert feature(predict(house, limited_to), "creatinine")["value"] is None


class Interrupted(Vault):
    """A vault in which something happens between reading and the entry."""

    def read(self, *arguments: Any, **named: Any) -> Iterator[Opening]:
        """Read, and then let it happen."""
        opened = list(super().read(*arguments, **named))
        MEANWHILE.pop()()
        return iter(opened)


MEANWHILE: list[Any] = []


def test_a_stop_that_comes_while_it_is_made_counts(house: House) -> None:
    person, vault = house.people[0], house.open.vault
    MEANWHILE.append(lambda: house.stop(person))
    slow = replace(house.open.predicting, vault=Interrupted(vault.tenant, vault.keys))
    with pytest.raises(PredictionRefusedError, match="STOPPED"):
        slow.predict(BEDSIDE, person, WARD, house.clock())
    assert [entry["verdict"] for entry in house.log()[-4:]][-1] == "STOPPED"
    assert house.log()[-1]["action"] == "predict"
    assert predictions(house) == []


def test_a_flipped_bit_in_the_stored_model_is_refused(house: House) -> None:
    with house.open.store.begin() as unit:
        [release] = unit.studies.releases(BEDSIDE)
        for place in (0, len(release.model) // 2, len(release.model) - 1):
            flipped = bytearray(release.model)
            flipped[place] ^= 1
            unit.connection.execute(update(releases).values(model=bytes(flipped)))
    model_refused(house, "UNKNOWN")


@pytest.mark.parametrize("column", ["dictionary", "cohort", "manifest"])
def test_what_lies_beside_a_model_and_is_not_what_its_manifest_names_is_refused(house: House, column: str) -> None:
    """Another unit in the dictionary would change what everybody is told, and the bytes would still be ACTIVE."""
    with house.open.store.begin() as unit:
        [release] = unit.studies.releases(BEDSIDE)
        altered = {
            "dictionary": release.dictionary.replace("mg/dL", "umol/L"),
            "cohort": CohortQuery.everyone(INDEX + timedelta(days=1)).to_bytes().decode(),
            "manifest": release.manifest.replace(b'"rows":50', b'"rows":51'),
        }
        unit.connection.execute(update(releases).values({column: altered[column]}))
    model_refused(house, "not what its manifest names")


@pytest.mark.parametrize("status", [ModelStatus.SUSPENDED, ModelStatus.RETIRED])
def test_a_model_that_is_not_active_is_refused(house: House, status: ModelStatus) -> None:
    with house.open.store.reading() as unit:
        [release] = unit.studies.releases(BEDSIDE)
    house.open.ledger.send(StatusChange(release.model_hash, status))
    house.follow()
    model_refused(house, status.name)


def test_a_release_that_the_ledger_does_not_know_yet_is_refused_and_so_is_the_one_before(house: House) -> None:
    house.stop(house.people[0])
    house.open.training.train(BEDSIDE, DICTIONARY, PARAMETERS)
    model_refused(house, "UNKNOWN")
    house.publish()
    assert predict(house, house.people[1]).release == 2


def test_a_stale_ledger_predicts_nothing(house: House) -> None:
    house.clock.ahead += timedelta(minutes=5)
    model_refused(house, "LEDGER_STALE")


def test_a_study_that_is_not_for_predictions_is_unknown_or_was_altered_predicts_nothing(house: House) -> None:
    refused(house, house.people[0], "OPERATION", study=STUDY.reference.id)
    refused(house, house.people[0], "STUDY", study="livers")
    with house.open.store.begin() as unit:
        unit.studies.add(replace(SERVED, reference=replace(SERVED.reference, id="new")))
    refused(house, house.people[0], "STUDY", study="new")
    house.open.registration.approve(replace(SERVED, reference=replace(SERVED.reference, id="newer")), house.clock())
    refused(house, house.people[0], "MODEL", study="newer")


def test_somebody_who_is_not_here_is_told_so_and_leaves_no_entry(house: House) -> None:
    before = size(house)
    with pytest.raises(UnknownPatientError):
        predict(house, SubjectId("0" * 32))
    assert size(house) == before


def test_an_hour_has_so_many_predictions_for_each_requester(house: House) -> None:
    service, people = limited(house, 2), house.people

    def ask(subject: SubjectId, who: Requester = WARD) -> Explained:
        return service.predict(BEDSIDE, subject, who, house.clock())

    ask(people[0])
    with pytest.raises(PredictionRefusedError, match="NO_GRANT"):
        ask(people[-1])
    before = size(house)
    with pytest.raises(PredictionRefusedError, match="RATE: as many"):
        ask(people[1])
    assert lately(house, before) == [("predict", "treating:ward-3", "RATE")], "and nobody was read"
    ask(people[1], Treating("ward-4"))
    for person in people[:3]:
        ask(person, Themselves())
    ask(people[0], Themselves())
    with pytest.raises(PredictionRefusedError, match="RATE"):
        ask(people[0], Themselves())
    house.clock.ahead += timedelta(hours=1, seconds=1)
    house.follow()
    ask(people[0])


class Overtaken:
    """A store in which something happens just before the first transaction that writes."""

    def __init__(self, house: House, meanwhile: Callable[[], object]) -> None:
        self.reading = house.open.store.reading
        self._begin, self._meanwhile = house.open.store.begin, [meanwhile]

    def begin(self) -> Any:
        """Begin, after it happened."""
        if self._meanwhile:
            self._meanwhile.pop()()
        return self._begin()


def test_of_two_that_ask_at_once_only_one_is_the_hours_last(house: House) -> None:
    service, now = limited(house, 1), house.clock()
    store: Any = Overtaken(house, lambda: service.predict(BEDSIDE, house.people[0], WARD, now))
    with pytest.raises(PredictionRefusedError, match="RATE"):
        replace(service, store=store).predict(BEDSIDE, house.people[1], WARD, now)
    assert len(predictions(house)) == 1


def test_what_was_asked_is_counted_however_much_lies_between(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("consent.services.studies.rates._AT_ONCE", 3)
    for person in house.people[:3]:
        predict(house, person)
        house.stop(person)
    now = int(house.clock().timestamp())
    with house.open.store.reading() as unit:
        assert asked_since(unit.log, now - 3600, WARD.actor) == 3
        assert asked_since(unit.log, now - 3600, WARD.actor, house.people[0]) == 1
        assert asked_since(unit.log, now + 60, WARD.actor) == 0
        assert asked_since(unit.log, now - 3600, WARD.actor, first=unit.log.size() - 4) == 1
        assert asked_since(unit.log, now - 3600, "treating:ward-30") == 0


def test_what_was_said_dies_with_the_key(house: House) -> None:
    person = house.people[0]
    predict(house, person)
    predict(house, house.people[1])
    house.erase(person)
    first, second = predictions(house)
    with pytest.raises(KeyNotFoundError):
        unsealed(house.open.vault, first)
    assert isinstance(unsealed(house.open.vault, second), Explained)


def test_a_prediction_opens_at_its_own_entry_only_and_stands_nowhere_in_clear(house: House) -> None:
    explained = predict(house, house.people[0])
    [entry] = predictions(house)
    with pytest.raises(DecryptionError):
        unsealed(house.open.vault, replace(entry, index=entry.index + 1))
    body = entry.body + base64.b64decode(json.loads(entry.body)["facts"]["sealed"])
    assert not [word for word in ("creatinine", "Creatinine", str(explained.probability)) if word.encode() in body]
    assert unsealed(house.open.vault, replace(entry, body=b"[]")) is None


def test_who_is_not_in_the_models_cohort_is_refused(house: House) -> None:
    """The model is about people over fifty; their age at the index decides, and nothing later."""
    over_fifty = {"version": 1, "index": {"day": "2020-06-15"}, "where": {"demographics": {"age": [50, None]}}}
    query = CohortQuery.parse(json.dumps(over_fifty))
    allow(house, *house.people[50:])
    house.open.training.train(BEDSIDE, DICTIONARY, PARAMETERS, cohort=query)
    house.publish()
    ages = {person: feature(predict(house, person), "age")["value"] for person in house.people[10:20]}
    assert all(age >= 50 for age in ages.values())
    refused(house, house.people[0], "COHORT")


def test_who_has_nothing_recorded_before_the_index_is_told_so(house: House) -> None:
    """Nobody's gender is recorded here, and this person withholds their laboratory values."""
    text = DICTIONARY_TEXT.replace('value = "age"', 'value = "coded"\nvalues = { male = 1 }')
    withholding = house.people[50]
    allow(house, withholding, categories=STUDY.required)
    house.open.training.train(BEDSIDE, Dictionary.parse(text), PARAMETERS)
    house.publish()
    refused(house, withholding, "NO_RECORDS")


def test_requesters_are_read_as_they_are_written() -> None:
    for requester in (Treating("ward-3"), Themselves(), Researcher("kidneys")):
        assert requester_of(requester.actor) == requester
    for wrong in ("", "ward-3", "treating:", "treating:Dr Who", "operator", "patient:1", "study:", "treating:a\n"):
        with pytest.raises(RequesterError):
            requester_of(wrong)


def test_what_is_sealed_reads_back(house: House) -> None:
    explained = predict(house, house.people[0])
    assert Explained.from_json(json.loads(json.dumps(explained.to_json()))) == explained
    text = explained.text()
    assert text.startswith(f"Death within 90 days: {explained.percent}\nCounted from 15 June 2020")
    assert "no diagnosis" in text
    shown = [replace(explained, probability=p).percent for p in (0.0, 0.004, 0.5, 0.996, 1.0)]
    assert shown == ["under 1 %", "under 1 %", "50 %", "over 99 %", "over 99 %"]


# ------------------------------------------------------------------------------------------------------- a study closes


def test_a_closed_study_predicts_for_nobody_and_its_releases_are_retired(house: House) -> None:
    assert house.open.registration.close(BEDSIDE, house.clock()) == 1
    refused(house, house.people[0], "STUDY_CLOSED")
    house.publish()
    [release] = _releases(house)
    assert house.open.ledger.model_status(release) is ModelStatus.RETIRED
    assert house.open.release_room.facts(BEDSIDE).status is ModelStatus.RETIRED, "its card stays citable"


def _releases(house: House) -> list[bytes]:
    with house.open.store.reading() as unit:
        return [release.model_hash for release in unit.studies.releases(BEDSIDE)]

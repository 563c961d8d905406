"""Training: exactly those who consent, to the end of the training, and nobody else, ever."""

import json
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import select

from analytics import CohortQuery, Dictionary, Model, ModelError, Parameters, fit
from consent import wiring
from consent.adapters.sql.tables import openings
from consent.domain.data_use import DataUse
from consent.domain.errors import JobCancelledError, LedgerRejectedError
from consent.domain.hashing import Json, sha256
from consent.domain.manifest import Manifest
from consent.domain.study import Study, StudyRefusedError, protocol
from consent.domain.terms import Category, SubjectId, Window
from consent.ports import ModelStatus, Registration, Revocations, StatusChange, StoredRelease, Unit
from consent.services.auditing import audit_chain, audit_release, rows_without_consent
from consent.services.studies.serving import ModelRefusedError, load_active
from consent.services.studies.training import TooFewRowsError, Trained, TrainingError
from consent.services.studies.training_job import outcome_of
from tests.services.house import DICTIONARY, DICTIONARY_TEXT, INDEX, PARAMETERS, STUDY, House, Template, received

OLDER = '{"version": 1, "index": {"day": "2020-06-15"}, "where": {"demographics": {"age": [45, null]}}}'
COMPARISON = """
[[comparison]]
name = "older"
title = "Age alone"
category = "demographics"
resource = "Patient"
value = "age"
reducer = "last"
"""
READ = 2
"""Which reading of the clock the gate decides at."""


@pytest.fixture
def house(consenting: Template, tmp_path: Path) -> Iterator[House]:
    """An open copy in which fifty people consent."""
    with House.copied(consenting, tmp_path / "home") as opened:
        yield opened


def train(
    house: House,
    parameters: Parameters = PARAMETERS,
    dictionary: Dictionary = DICTIONARY,
    meanwhile: Sequence[Callable[[], object]] = (),
) -> Trained:
    """Train, and let the ledger's side register what came of it.

    Of `meanwhile` one happens in each attempt, when the model is fitted and before its rows are checked again.
    """
    left = iter(meanwhile)

    def report(stage: str) -> None:
        if stage == "checking":
            next(left, str)()

    trained = house.open.training.train(STUDY.reference.id, dictionary, parameters, report=report)
    house.publish()
    return trained


def load(house: House, content: bytes) -> Model:
    return load_active(house.open.store, house.open.projection, content, house.clock(), 120)


def subjects(trained: Trained) -> set[SubjectId]:
    return {row.subject for row in trained.rows}


def releases(house: House) -> int:
    with house.open.store.reading() as unit:
        return len(unit.studies.releases(STUDY.reference.id))


def test_no_row_joins_a_leaf_of_the_release_to_a_person(house: House) -> None:
    """Evidence has an address beside each leaf: whoever holds it and an old backup must not learn whose that is."""
    trained = train(house)
    with house.open.store.reading() as unit:
        kept = unit.studies.openings("kidneys", 1)
        assert unit.studies.openings_in_clear() == []
        stored = b"|".join(bytes(cell) for row in unit.connection.execute(select(openings)) for cell in row[2:])
    assert len({opening.owner for opening in kept}) == trained.manifest.rows
    assert not [s for s in house.people if s.encode() in stored or bytes.fromhex(s) in stored]


def test_openings_of_a_version_before_are_blinded_by_an_upgrade_and_open_before_and_after(
    consenting: Template, tmp_path: Path
) -> None:
    with House.copied(consenting, tmp_path / "home") as house:
        trained = train(house)
        whole = house.open.evidence.of_release(trained.stored)
        with house.open.store.begin() as unit:
            own = {row.subject: house.open.book.entries(row.subject)[0].commitment for row in trained.rows}
            leaves = {o.commitment: leaf for leaf, o in whole.openings.items() if o}
            for subject, commitment in own.items():
                unit.studies.give_owner("kidneys", 1, leaves[commitment], subject.encode())
        assert house.open.evidence.of_release(trained.stored) == whole
        house.erase(house.people[0])
        closed = house.open.evidence.of_release(trained.stored)
        settings = house.settings
    wiring.upgrade(settings)
    with House.opened(tmp_path / "home", consenting.wallets) as house:
        with house.open.store.reading() as unit:
            assert unit.studies.openings_in_clear() == []
        assert house.open.evidence.of_release(trained.stored) == closed
        assert list(closed.openings.values()).count(None) == 1


def test_only_people_who_consent_are_in_the_model_and_the_release_answers_for_each(house: House) -> None:
    trained = train(house)
    assert subjects(trained) == set(house.people[:-10])
    assert trained.refused == {"NO_GRANT": 10}
    assert trained.manifest.rows == 50
    assert Manifest.from_json(json.loads(trained.stored.manifest)) == trained.manifest
    assert house.open.ledger.model_status(trained.stored.model_hash) is ModelStatus.ACTIVE
    assert house.open.ledger.registered_manifest(trained.stored.model_hash) == trained.manifest.hash()
    chain, history = audit_chain(house.open.ledger)
    evidence = house.open.evidence.of_release(trained.stored)
    findings = [history, *audit_release(evidence, chain, house.open.ledger)]
    assert [finding.name for finding in findings if not finding.holds] == []
    assert (len(evidence.openings), rows_without_consent(evidence, chain)) == (50, 0)


def test_a_consent_that_ends_during_training_leads_to_another_and_is_not_in_the_model(house: House) -> None:
    leaving, before = house.people[0], house.state()
    trained = train(house, meanwhile=[lambda: house.stop(leaving)])
    assert subjects(trained) == set(house.people[1:-10])
    verdicts = [entry["verdict"] for entry in house.log(before.entries) if entry.get("subject") == leaving]
    assert verdicts == ["PERMIT", "STOPPED", "STOPPED"], "read, then stopped, then refused"
    assert releases(house) == 1


def test_a_revocation_that_reaches_the_chain_during_training_counts_too(house: House) -> None:
    leaving = house.people[0]
    [entry] = house.open.book.entries(leaving)
    own = house.wallets[leaving].revoke(entry.commitment, house.open.ledger.domain)
    trained = train(house, meanwhile=[lambda: house.open.ledger.send(Revocations([own]))])
    assert leaving not in subjects(trained)


def test_a_consent_that_runs_out_during_training_is_not_in_the_model(house: House) -> None:
    leaving = house.people[-1]
    house.grant(leaving)
    house.publish()
    [entry] = house.open.book.entries(leaving)

    def run_out() -> None:
        key = (entry.patient, entry.commitment)
        row = house.open.projection.rows[key]
        house.open.projection.rows[key] = replace(row, expires=int(house.clock().timestamp()))

    assert leaving not in subjects(train(house, meanwhile=[run_out]))


def test_three_changes_give_up_and_nothing_is_stored_or_registered(house: House) -> None:
    changes = [partial(house.stop, house.people[n]) for n in (1, 2, 3)]
    before = house.state()
    with pytest.raises(TrainingError, match="try again"):
        train(house, meanwhile=changes)
    assert releases(house) == 0
    with house.open.store.reading() as unit:
        assert unit.model_acts.everything() == []
    assert {entry["action"] for entry in house.log(before.entries)} == {"read", "stop"}
    assert len(train(house).rows) == 47, "a quieter hour came"


def test_removal_is_byte_for_byte_the_model_that_never_knew_them(house: House) -> None:
    first, leaving = train(house), house.people[3]
    house.stop(leaving)
    house.publish()
    second = train(house)
    never_known = fit([row.row for row in first.rows if row.subject != leaving], PARAMETERS)
    assert second.stored.model == never_known.to_bytes() != first.stored.model
    assert house.open.ledger.model_status(first.stored.model_hash) is ModelStatus.RETIRED
    assert house.open.ledger.model_status(second.stored.model_hash) is ModelStatus.ACTIVE


def test_the_set_of_rows_decides_the_model_and_not_the_keys(house: House, template: Template, tmp_path: Path) -> None:
    other = Template.built(tmp_path / "other")
    with House.opened(other.home, other.wallets) as elsewhere:
        elsewhere.grant(*elsewhere.people[:-10])
        elsewhere.publish()
        assert train(elsewhere).manifest.model == train(house).manifest.model
    assert set(other.wallets).isdisjoint(template.wallets)


def test_a_withheld_category_is_missing_and_a_required_one_refuses_the_person(house: House) -> None:
    modest, refusing = house.people[-1], house.people[-2]
    house.grant(modest, categories=STUDY.required)
    house.grant(refusing, categories=frozenset({Category.LABORATORY, Category.DEMOGRAPHICS}))
    house.publish()
    trained = train(house)
    [row] = [row.row for row in trained.rows if row.subject == modest]
    age, creatinine = row.features
    assert age > 0
    assert creatinine != creatinine  # noqa: PLR0124  # NaN
    assert refusing not in subjects(trained)
    assert trained.refused["CATEGORY"] == 1


def test_only_days_in_the_window_are_used(house: House) -> None:
    """The invented outcome lies after the index day; a window that ends before it leaves no outcome and so no row."""
    early = house.people[-1]
    house.grant(early, window=Window(end=date(2020, 6, 16)))
    house.publish()
    assert early not in subjects(train(house))


def test_who_somebody_is_has_no_day_and_is_used_under_any_window(house: House) -> None:
    limited = house.people[-1]
    house.grant(limited, window=Window(start=date(2020, 6, 16)))
    house.publish()
    [row] = [row.row for row in train(house).rows if row.subject == limited]
    age, creatinine = row.features
    assert age > 0
    assert creatinine != creatinine  # noqa: PLR0124  # NaN: measured the day before


def test_a_purpose_that_was_not_allowed_is_refused(house: House) -> None:
    picky = house.people[-1]
    house.grant(picky, data_use=DataUse(diseases=frozenset({"MONDO:0004992"})))
    house.publish()
    assert train(house).refused["PURPOSE"] == 1


def nothing_came(house: House, told: str, before_releases: int = 0) -> None:
    before = house.state()
    with pytest.raises(TrainingError, match=told):
        train(house)
    assert releases(house) == before_releases
    assert house.state().block == before.block


def test_nobodys_records_give_no_model(house: House) -> None:
    for subject in house.people[:-10]:
        house.stop(subject)
    nothing_came(house, "ask more people for consent")


def test_too_few_records_give_no_model(house: House) -> None:
    for subject in house.people[5:-10]:
        house.stop(subject)
    nothing_came(house, "too few")


def test_an_unknown_study_gives_no_model(house: House) -> None:
    with pytest.raises(TrainingError, match="register it"):
        house.open.training.train("hearts", DICTIONARY, PARAMETERS)


def test_a_dictionary_that_needs_what_the_study_never_asked_for_gives_no_model(house: House) -> None:
    greedy = Dictionary.parse(DICTIONARY_TEXT.replace('category = "laboratory"', 'category = "genomics"').replace(
        "required = false", "required = true"
    ))  # fmt: skip
    before = house.state()
    with pytest.raises(TrainingError, match="never asked for"):
        train(house, dictionary=greedy)
    assert house.state() == before, "nothing was read"


def test_a_study_id_is_taken_once(house: House) -> None:
    before = house.state()
    with pytest.raises(StudyRefusedError, match="registered already"):
        house.open.registration.approve(replace(STUDY, text="Another text."), house.clock())
    assert house.state() == before


@pytest.mark.parametrize(
    "use", [DataUse(), DataUse(health_research=True, other=frozenset({"IRB"}))], ids=["none", "IRB"]
)
def test_a_purpose_that_no_consent_could_cover_is_not_registered(house: House, use: DataUse) -> None:
    asked = replace(STUDY, reference=replace(STUDY.reference, id="hearts"), data_use=use)
    before = house.state()
    with pytest.raises(StudyRefusedError, match="no consent could cover this study"):
        house.open.registration.approve(asked, house.clock())
    assert house.state() == before


def test_an_unchanged_model_is_no_new_release_and_the_last_one_stands(house: House) -> None:
    first = train(house)
    nothing_came(house, "nothing changed", before_releases=1)
    assert house.open.ledger.model_status(first.stored.model_hash) is ModelStatus.ACTIVE
    load(house, first.stored.model)
    evidence = house.open.evidence.of_release(first.stored)
    assert len(evidence.openings) == first.manifest.rows


def test_the_bytes_of_a_retired_release_are_refused_and_another_parameter_helps(house: House) -> None:
    train(house)
    newcomer = house.people[-1]
    house.grant(newcomer)
    house.publish()
    second = train(house)
    house.stop(newcomer)
    with pytest.raises(TrainingError, match="retired"):
        train(house)
    house.publish()
    assert releases(house) == 2
    assert house.open.ledger.model_status(second.stored.model_hash) is ModelStatus.RETIRED
    third = train(house, replace(PARAMETERS, rounds=PARAMETERS.rounds + 1))
    assert newcomer not in subjects(third)
    assert house.open.ledger.model_status(third.stored.model_hash) is ModelStatus.ACTIVE


def test_a_release_is_served_once_the_ledger_has_it_and_waits_until_then(house: House) -> None:
    trained = house.open.training.train(STUDY.reference.id, DICTIONARY, PARAMETERS)
    with pytest.raises(ModelRefusedError, match="UNKNOWN"):
        load(house, trained.stored.model)
    with pytest.raises(TrainingError, match="nothing changed"):
        house.open.training.train(STUDY.reference.id, DICTIONARY, PARAMETERS)
    house.publish()
    load(house, trained.stored.model)
    assert [entry["verdict"] for entry in house.log() if entry["action"] == "release"] == ["ACTIVE"]


def test_a_release_that_its_finish_refuses_is_stored_nowhere(house: House) -> None:
    def refuse(unit: Unit, stored: StoredRelease) -> None:
        assert unit.studies.releases(STUDY.reference.id) == [stored]
        raise JobCancelledError

    with pytest.raises(JobCancelledError):
        house.open.training.train(STUDY.reference.id, DICTIONARY, PARAMETERS, finish=refuse)
    assert releases(house) == 0
    assert not [entry for entry in house.log() if entry["action"] == "train"]
    with house.open.store.reading() as unit:
        assert unit.model_acts.everything() == []


def test_a_release_that_waits_is_registered_once_by_whoever_opens_next(consenting: Template, tmp_path: Path) -> None:
    home = tmp_path / "home"
    with House.copied(consenting, home) as house:
        first = train(house)
        house.stop(house.people[0])
        second = house.open.training.train(STUDY.reference.id, DICTIONARY, PARAMETERS)
    with House.opened(home, consenting.wallets) as house:
        house.publish()
        house.publish()
        statuses = [house.open.ledger.model_status(one.stored.model_hash) for one in (first, second)]
        assert statuses == [ModelStatus.RETIRED, ModelStatus.ACTIVE]
        said = [(e["action"], e["verdict"]) for e in house.log() if e["action"] in {"release", "retire"}]
        assert said == [("release", "ACTIVE"), ("retire", "RETIRED"), ("release", "ACTIVE")]


def test_a_registration_that_the_ledger_refuses_is_dropped_and_logged(house: House) -> None:
    trained = house.open.training.train(STUDY.reference.id, DICTIONARY, PARAMETERS)
    house.open.ledger.send(Registration(trained.stored.model_hash, bytes(32)))
    house.publish()
    [entry] = [entry for entry in house.log() if entry["action"] == "release"]
    assert entry["verdict"] == "REJECTED_BY_LEDGER"
    with house.open.store.reading() as unit:
        assert unit.model_acts.everything() == []


def test_a_model_is_served_once_the_log_says_that_it_was_released(house: House) -> None:
    """Also one of which the ledger knows already, from before a backup that was restored."""
    stored = house.open.training.train(STUDY.reference.id, DICTIONARY, PARAMETERS).stored
    house.open.ledger.send(Registration(stored.model_hash, sha256(stored.manifest)))
    house.follow()
    with pytest.raises(ModelRefusedError, match="the log does not say yet"):
        load(house, stored.model)
    house.publish()
    [entry] = [entry for entry in house.log() if entry["action"] == "release"]
    assert (entry["verdict"], entry["facts"]["model"]) == ("ACTIVE", stored.model_hash.hex())
    load(house, stored.model)


def test_a_stale_ledger_reads_nobody(house: House) -> None:
    house.clock.watch({READ: lambda: setattr(house.clock, "ahead", timedelta(minutes=5))})
    before = house.state()
    with pytest.raises(TrainingError):
        train(house)
    assert {entry["verdict"] for entry in house.log(before.entries)} == {"LEDGER_STALE"}


def test_a_release_that_fails_the_release_gate_is_registered_suspended_and_the_one_before_it_retired(
    house: House,
) -> None:
    first = train(house)
    loose = replace(PARAMETERS, min_child_weight=0, depth=6)
    told: list[dict[str, Json]] = []
    second = house.open.training.train(
        STUDY.reference.id, DICTIONARY, loose, finish=lambda unit, stored: told.append(outcome_of(unit, stored))
    )
    house.publish()
    statuses = [house.open.ledger.model_status(one.stored.model_hash) for one in (first, second)]
    assert statuses == [ModelStatus.RETIRED, ModelStatus.SUSPENDED]
    [leaf] = second.suspended
    assert leaf.startswith("A leaf of the model holds fewer than 10 people")
    assert told[0]["suspended"] == [leaf]
    *_, entry = [entry for entry in house.log() if entry["action"] == "train"]
    assert (entry["facts"]["suspended"], entry["facts"]["reexecuted"]) == ([leaf], True)


def test_only_active_bytes_are_served(house: House) -> None:
    first = train(house)
    rows = [row.row for row in first.rows]
    assert len(load(house, first.stored.model).predict(rows)) == 50
    flipped = first.stored.model[:-1] + bytes([first.stored.model[-1] ^ 1])
    for unknown in (flipped, b"", secrets.token_bytes(64), first.stored.model + b"\x00"):
        with pytest.raises(ModelRefusedError, match="UNKNOWN"):
            load(house, unknown)
    house.open.ledger.send(StatusChange(first.stored.model_hash, ModelStatus.SUSPENDED))
    house.follow()
    with pytest.raises(ModelRefusedError, match="SUSPENDED"):
        load(house, first.stored.model)
    house.open.ledger.send(StatusChange(first.stored.model_hash, ModelStatus.RETIRED))
    house.follow()
    with pytest.raises(ModelRefusedError, match="RETIRED"):
        load(house, first.stored.model)
    with pytest.raises(LedgerRejectedError):
        house.open.ledger.send(StatusChange(first.stored.model_hash, ModelStatus.ACTIVE))


def test_registered_bytes_that_are_no_model_are_told_apart(house: House) -> None:
    from consent.domain.hashing import sha256

    house.open.ledger.send(Registration(sha256(b"no model"), bytes(32)))
    house.follow()
    with pytest.raises(ModelError):
        load(house, b"no model")


def test_a_resource_that_comes_again_corrects_the_one_with_its_id(house: House) -> None:
    """A downward correction counts: the later version of a record wins, whatever its value."""
    person = house.people[3]
    house.open.records.deposit(received(3, creatinine=0.25), house.clock())
    trained = train(house)
    [row] = [row for row in trained.rows if row.subject == person]
    assert row.row.features[DICTIONARY.names.index("creatinine")] == 0.25


def test_a_study_trains_the_dictionary_and_the_cohort_that_it_was_approved_for(house: House) -> None:
    """Whoever may choose cohorts trains with and without one person, and reads the difference."""
    everyone, older = CohortQuery.everyone(INDEX), CohortQuery.parse(OLDER)
    strict = replace(
        STUDY,
        reference=replace(STUDY.reference, id="strict"),
        protocols=frozenset({protocol(DICTIONARY.hash, everyone.id)}),
    )
    assert Study.from_json(json.loads(json.dumps(strict.to_json()))) == strict
    house.open.registration.approve(strict, house.clock())
    for person in house.people:
        house.grant(person, study=strict.reference)
    house.publish()
    before = house.state().entries
    with pytest.raises(TrainingError, match="not approved for this dictionary on this cohort"):
        house.open.training.train("strict", DICTIONARY, PARAMETERS, cohort=older)
    assert house.state().entries == before, "and nobody was read"
    assert house.open.training.train("strict", DICTIONARY, PARAMETERS, cohort=everyone).manifest.rows == 60


def test_another_question_that_meets_an_old_models_bytes_withdraws_nothing(house: House) -> None:
    """Or a researcher could switch a study's model off: train one thing, then another, then the first again."""
    older = CohortQuery.parse(OLDER)
    first = house.open.training.train("kidneys", DICTIONARY, PARAMETERS)
    second = house.open.training.train("kidneys", DICTIONARY, PARAMETERS, cohort=older)
    house.publish()
    assert second.manifest.rows < first.manifest.rows
    with pytest.raises(TrainingError, match="an earlier, retired release is this very model: change"):
        house.open.training.train("kidneys", DICTIONARY, PARAMETERS)
    house.publish()
    assert house.open.ledger.model_status(second.stored.model_hash) is ModelStatus.ACTIVE


def test_the_log_holds_no_access_to_anybody_without_consent(house: House) -> None:
    """For training, for evaluation with its folds, comparisons and subgroups, for the card and for what is due."""
    comparing = Dictionary.parse(DICTIONARY_TEXT + COMPARISON)
    before = house.state().entries
    trained = house.open.training.train("kidneys", comparing, replace(PARAMETERS, features=comparing.names))
    house.publish()
    house.open.release_room.facts("kidneys")
    house.open.releasing.state("kidneys")
    house.open.release_history.of("kidneys")
    asked = [(entry["subject"], entry["verdict"]) for entry in house.log(before) if entry["action"] == "read"]
    consenting, others = house.people[:-10], house.people[-10:]
    assert len(asked) == len(house.people), "everybody is decided on once, and nobody again"
    assert {subject for subject, verdict in asked if verdict == "PERMIT"} == set(consenting) == subjects(trained)
    assert {subject for subject, verdict in asked if verdict == "NO_GRANT"} == set(others)
    assert trained.evaluation.people == len(consenting)


def test_nobody_in_a_cohort_and_one_person_in_it_look_alike(house: House) -> None:
    """Else whoever chooses cohorts learned for nothing, and without noise, whether somebody like this is here."""

    def told(cohort: CohortQuery | None = None) -> tuple[str, list[str]]:
        steps: list[str] = []
        with pytest.raises(TooFewRowsError) as refused:
            house.open.training.train("kidneys", DICTIONARY, PARAMETERS, cohort=cohort, report=steps.append)
        return str(refused.value), steps

    nobody = told(CohortQuery.parse(OLDER.replace("45", "150")))
    *others, last = house.people[:-10]
    for person in others:
        house.stop(person)
    assert told() == nobody
    house.stop(last)
    assert told() == nobody
    assert "ask more people for consent, or check the cohort and the codes" in nobody[0]

"""Purposes: the whole table of who may do what, the sentences that patients read, and their one JSON."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from consent.domain.data_use import DataUse, InvalidDataUseError, Outcome, match, permission_for
from consent.domain.decision import same
from consent.domain.hashing import canonical_json

Junk = Any  # what a stranger may send

VECTORS: Final = json.loads((Path(__file__).parents[1] / "vectors" / "data_use.json").read_text())

names = st.frozensets(st.sampled_from(["MONDO:0005148", "DOID:162", "gout", "IRB", "GS"]), max_size=3)
data_uses = st.builds(
    DataUse,
    general_use=st.booleans(),
    health_research=st.booleans(),
    diseases=names,
    ancestry=st.booleans(),
    methods=st.booleans(),
    non_profit_only=st.sampled_from([True, False, None]),
    other=names,
)
plain_uses = data_uses.map(lambda use: replace(use, other=frozenset()))


def _is_a(disease: str, ancestor: str) -> bool:
    """Answer from the vectors' ontology, which leaves it open whether a disease is a kind of itself: here it is not."""
    return ancestor in VECTORS["is_a"].get(disease, [])


def _data_use(fields: dict[str, Any]) -> DataUse:
    """Fill in what a case leaves out."""
    return DataUse.from_json(DataUse().to_json() | fields)


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: case["name"].replace(" ", "-"))
def test_a_purpose_matches_exactly_where_it_should(case: dict[str, Any]) -> None:
    found = match(_data_use(case["permitted"]), _data_use(case["requested"]), _is_a)
    assert found.outcome.value == case["outcome"]
    assert found.reasons


def test_every_condition_that_does_not_hold_is_a_reason() -> None:
    found = match(
        DataUse(ancestry=True, non_profit_only=True), DataUse(health_research=True, non_profit_only=False), _is_a
    )
    assert found.outcome is Outcome.DENY
    assert found.reasons == (
        "health research needs general use or health research",
        "research for profit needs more than non-profit use",
    )


def test_an_abstention_names_what_a_person_must_look_at() -> None:
    found = match(DataUse(general_use=True), DataUse(health_research=True, other=frozenset({"PUB", "IRB"})), _is_a)
    assert found.reasons == ("a person must look: the study says IRB", "a person must look: the study says PUB")


@given(data_uses)
def test_a_patient_who_permits_nothing_never_approves(requested: DataUse) -> None:
    assert match(DataUse(), requested, _is_a).outcome is not Outcome.APPROVE


@given(data_uses, data_uses)
def test_permitting_general_use_as_well_never_takes_an_approval_away(permitted: DataUse, requested: DataUse) -> None:
    if match(permitted, requested, _is_a).outcome is Outcome.APPROVE:
        wider = DataUse.from_json({**permitted.to_json(), "general_use": True})
        assert match(wider, requested, _is_a).outcome is Outcome.APPROVE


@given(data_uses, data_uses, st.sampled_from(["IRB", "GS"]))
def test_anything_else_that_a_study_says_is_for_a_person(permitted: DataUse, requested: DataUse, name: str) -> None:
    marked = DataUse.from_json({**requested.to_json(), "other": [name]})
    assert match(permitted, marked, _is_a).outcome is Outcome.ABSTAIN


@given(data_uses)
def test_a_data_use_reads_back_as_itself(use: DataUse) -> None:
    assert DataUse.from_json(json.loads(canonical_json(use.to_json()))) == use


@pytest.mark.parametrize(
    ("use", "sentence"),
    [
        (DataUse(), "For no research at all."),
        (DataUse(general_use=True), "For any kind of research."),
        (DataUse(health_research=True), "To learn about health and disease."),
        (DataUse(ancestry=True), "To learn about where people's families come from."),
        (DataUse(diseases=frozenset({"MONDO:0004992"})), "To learn about cancer."),
        (DataUse(diseases=frozenset({"gout", "MONDO:0005148"})), "To learn about gout and type 2 diabetes."),
        (
            DataUse(diseases=frozenset({"gout", "asthma"}), ancestry=True),
            "To learn about asthma, gout and where people's families come from.",
        ),
        (
            DataUse(health_research=True, non_profit_only=True),
            "To learn about health and disease, but never to make money.",
        ),
        (DataUse(general_use=True, methods=True), "For any kind of research, but never to build new research methods."),
        (
            DataUse(general_use=True, methods=True, non_profit_only=True, other=frozenset({"GS", "COL"})),
            (
                "For any kind of research, but never to make money and never to build new research methods, "
                "and only after a person has looked at this: COL, GS."
            ),
        ),
    ],
)
def test_a_permission_says_why_in_one_plain_sentence(use: DataUse, sentence: str) -> None:
    assert use.sentence() == sentence


@given(data_uses)
def test_a_sentence_is_one_line_and_ends_once(use: DataUse) -> None:
    sentence = use.sentence()
    assert sentence.isprintable()
    assert sentence.endswith(".")
    assert sentence.count(".") == 1


@given(plain_uses)
def test_what_a_study_asks_for_is_approved_under_the_permission_for_it(requested: DataUse) -> None:
    assume(requested != DataUse(non_profit_only=requested.non_profit_only) or requested.non_profit_only is False)
    assert match(permission_for(requested), requested, same).outcome is Outcome.APPROVE


@given(plain_uses, plain_uses, plain_uses)
def test_no_narrower_permission_would_do(requested: DataUse, permitted: DataUse, another: DataUse) -> None:
    assume(requested.general_use or requested.health_research or requested.ancestry or requested.diseases)
    assume(match(permitted, requested, same).outcome is Outcome.APPROVE)
    if match(permission_for(requested), another, same).outcome is Outcome.APPROVE:
        assert match(permitted, another, same).outcome is Outcome.APPROVE


@pytest.mark.parametrize(
    ("requested", "permission"),
    [
        (
            DataUse(health_research=True),
            "To learn about health and disease, but never to make money and never to build new research methods.",
        ),
        (
            DataUse(diseases=frozenset({"MONDO:0005148"}), non_profit_only=False, methods=True),
            "To learn about type 2 diabetes.",
        ),
        (DataUse(non_profit_only=False), "For any kind of research, but never to build new research methods."),
        (DataUse(methods=True), "To learn about health and disease, but never to make money."),
        (
            DataUse(general_use=True, ancestry=True, diseases=frozenset({"gout"}), methods=True),
            "For any kind of research, but never to make money.",
        ),
    ],
)
def test_patients_are_asked_for_no_more_than_the_study_asks(requested: DataUse, permission: str) -> None:
    assert permission_for(requested).sentence() == permission


@pytest.mark.parametrize(
    ("requested", "told"),
    [
        (DataUse(), "names no research"),
        (DataUse(non_profit_only=True), "names no research"),
        (DataUse(general_use=True, other=frozenset({"PUB", "IRB"})), "IRB, PUB"),
    ],
)
def test_no_permission_covers_what_a_person_would_have_to_look_at(requested: DataUse, told: str) -> None:
    with pytest.raises(InvalidDataUseError, match=told):
        permission_for(requested)


MALFORMED: Final = [
    {"general_use": 1},
    {"general_use": None},
    {"health_research": "yes"},
    {"ancestry": 0},
    {"methods": "false"},
    {"non_profit_only": 0},
    {"non_profit_only": "no"},
    {"diseases": None},
    {"diseases": "gout"},
    {"diseases": {"gout": True}},
    {"diseases": [1]},
    {"diseases": [["gout"]]},
    {"diseases": ["gout", "gout"]},
    {"diseases": ["gout", "asthma"]},
    {"diseases": [""]},
    {"diseases": [" gout"]},
    {"diseases": ["gout\nand more"]},
    {"diseases": ["gout\u202e"]},
    {"other": ["x" * 201]},
    {"other": ["\ud800"]},
    {"purpose": "anything"},
]


@pytest.mark.parametrize("change", MALFORMED, ids=repr)
def test_a_malformed_or_unknown_field_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(InvalidDataUseError):
        DataUse.from_json({**DataUse(health_research=True).to_json(), **change})


@pytest.mark.parametrize("name", sorted(DataUse().to_json()))
def test_a_missing_field_is_refused(name: str) -> None:
    fields = DataUse().to_json()
    del fields[name]
    with pytest.raises(InvalidDataUseError):
        DataUse.from_json(fields)


@pytest.mark.parametrize("junk", [None, [], "general_use", 7, True], ids=repr)
def test_what_is_no_object_is_no_data_use(junk: Junk) -> None:
    with pytest.raises(InvalidDataUseError):
        DataUse.from_json(junk)


@pytest.mark.parametrize("junk", [{"gout"}, ["gout"], ("gout",), "gout", frozenset({7})], ids=repr)
def test_diseases_are_a_frozen_set_of_names(junk: Junk) -> None:
    with pytest.raises(InvalidDataUseError):
        DataUse(diseases=junk)

"""A study's file becomes a study or an error that names the field, and never what stands in it."""

import tomllib
from datetime import date

import pytest

from consent.adapters.study_toml import TEMPLATE, StudyFileError, read_study
from consent.domain.bounds import Bounds
from consent.domain.data_use import DataUse
from consent.domain.study import InvalidStudyError, StudyRefusedError
from consent.domain.terms import Category, Operation, Window

FILE = """
id = "kidneys"
title = "Kidneys and the months after"
institution = "The Test Hospital"
text = '''
Kidney values may tell who will live.

Your care does not change.
'''
operations = ["train", "predict"]
required = ["demographics", "outcomes"]
optional = ["laboratory"]
protocols = []

[purpose]
health_research = true

[window]
start = 2015-01-01

[bounds]
least_auroc = 0.7
slope_low = 0.8
slope_high = 1.25
"""


def test_a_file_is_read_field_by_field() -> None:
    study = read_study(FILE, "EC 2026/1")
    assert (study.reference.id, study.reference.institution) == ("kidneys", "The Test Hospital")
    assert study.text == "Kidney values may tell who will live.\n\nYour care does not change."
    assert study.data_use == DataUse(health_research=True)
    assert study.operations == {Operation.TRAIN, Operation.PREDICT}
    assert study.required == {Category.DEMOGRAPHICS, Category.OUTCOMES}
    assert study.optional == {Category.LABORATORY}
    assert study.window == Window(date(2015, 1, 1))
    assert study.bounds == Bounds(0.7, 0.8, 1.25)
    assert study.ethics == "EC 2026/1"


def test_what_may_be_left_out_is_left_out() -> None:
    short = FILE.partition("[window]")[0].replace('optional = ["laboratory"]\nprotocols = []\n', "")
    study = read_study(short, "EC 2026/1")
    assert (study.optional, study.window, study.bounds, study.protocols) == (frozenset(), Window(), None, frozenset())


@pytest.mark.parametrize(("line", "meant"), [("", None), ("for_profit = true", False), ("for_profit = false", True)])
def test_whether_anybody_earns_money_is_said_or_not(line: str, meant: object) -> None:
    read = read_study(FILE.replace("health_research = true", f"health_research = true\n{line}"), "EC 2026/1")
    assert read.data_use.non_profit_only is meant


def test_the_template_is_toml_that_must_be_filled_in() -> None:
    assert tomllib.loads(TEMPLATE)["purpose"]["health_research"] is False
    with pytest.raises(StudyFileError, match="a study's id"):
        read_study(TEMPLATE, "EC 2026/1")
    filled = TEMPLATE
    for name, value in {"id": "kidneys", "title": "Kidneys", "institution": "The Test Hospital"}.items():
        filled = filled.replace(f'{name} = ""', f'{name} = "{value}"')
    filled = filled.replace('text = """\n', 'text = """\nKidney values.').replace(
        "required = []", 'required = ["notes"]'
    )
    filled = filled.replace("# least", "least").replace("# slope", "slope").replace("# [bounds]", "[bounds]")
    filled = filled.replace("# start", "start").replace("# end", "end").replace("# ethics", "ethics")
    study = read_study(filled.replace("# protocols", "protocols"))
    assert (study.ethics, study.window.end) == ("EC 2026/1", date(2025, 12, 31))
    assert study.bounds == Bounds(0.7, 0.8, 1.25)


def test_every_category_and_operation_stands_in_the_template() -> None:
    assert all(name in TEMPLATE for name in [*Category, *Operation])


def test_one_ethics_reference_counts() -> None:
    named = f'ethics = "EC 2026/1"\n{FILE}'
    assert read_study(named).ethics == read_study(named, "EC 2026/1").ethics == "EC 2026/1"
    assert read_study(FILE, draft="none yet").ethics == "none yet"
    with pytest.raises(StudyFileError, match="another ethics reference"):
        read_study(named, "EC 2026/2")
    with pytest.raises(InvalidStudyError, match="ethics reference"):
        read_study(FILE)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('id = "kidneys"', "", "id is missing"),
        ('id = "kidneys"', 'id = "Secret Kidneys"', "a study's id is"),
        ('title = "Kidneys', 'title = "secret\\u202e', "title and institution are one line"),
        ('title = "Kidneys', 'title = "secret\\n', "title and institution are one line"),
        ('title = "Kidneys and the months after"', "title = 7", "title is missing, or is not a text"),
        ('title = "Kidneys and the months after"', f'title = "{"secret" * 40}"', "1 to 200"),
        ("[bounds]", "[secret]", "the study has a field that is not known"),
        ("least_auroc = 0.7", "secret = 0.7", "bounds has a field that is not known"),
        ("least_auroc = 0.7", "", "bounds has all of"),
        ("least_auroc = 0.7", "least_auroc = 7", "the least AUROC"),
        ("least_auroc = 0.7", 'least_auroc = "secret"', "bounds are three numbers"),
        ("health_research = true", 'health_research = "secret"', "purpose.health_research is true or false"),
        ("health_research = true", "secret = true", "purpose has a field that is not known"),
        ("health_research = true", 'diseases = ["secret\\n"]', "diseases is a set of names"),
        ("health_research = true", 'diseases = "secret"', "diseases is a list"),
        ("start = 2015-01-01", "start = 2015-01-01T00:00:00Z", "window.start is a day"),
        ("start = 2015-01-01", 'start = "secret"', "window.start is a day"),
        ("start = 2015-01-01", "start = 2015-01-02\nend = 2015-01-01", "ends before it starts"),
        ('"laboratory"', '"secret"', "optional are of: demographics"),
        ('"train", ', '"secret", ', "operations are of: train"),
        ('operations = ["train", "predict"]', "operations = 7", "operations is a list"),
        ("protocols = []", 'protocols = ["secret"]', "64 lower-case hex digits"),
        ("[window]", "[[window]]", r"window is a part of its own"),
        ("[purpose]", "[purpose", "no TOML: at line"),
        ("[purpose]", "secret", "no TOML"),
        ("protocols = []", "protocols = " + "[" * 5000, "no TOML"),
    ],
)
def test_a_wrong_field_is_named_and_not_repeated(old: str, new: str, told: str) -> None:
    assert FILE.count(old) == 1
    with pytest.raises(StudyFileError, match=told) as caught:
        read_study(FILE.replace(old, new), "EC 2026/1")
    assert "secret" not in str(caught.value).lower()


def test_a_study_that_cannot_be_says_why() -> None:
    with pytest.raises(StudyRefusedError, match="insurance"):
        read_study(FILE.replace("health_research = true", 'other = ["insurance"]'), "EC 2026/1")
    with pytest.raises(InvalidStudyError, match="required or optional"):
        read_study(FILE.replace('"laboratory"', '"outcomes"'), "EC 2026/1")
    with pytest.raises(InvalidStudyError, match="text is at most"):
        read_study(FILE.replace("Your care", "Your\tcare"), "EC 2026/1")

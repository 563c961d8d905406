"""A dictionary is refused for each rule it breaks, and told where."""

import math
from datetime import date

import pytest

from analytics import AnalyticsError, Dictionary, DictionaryError
from analytics.features import CATEGORIES
from consent.domain.terms import Category
from tests.analytics.invented import TEXT, edited

SECOND_CREATININE = """
[[feature]]
name = "creatinine"
title = "Creatinine, again"
category = "laboratory"
resource = "Observation"
system = "http://loinc.org"
codes = ["2160-0"]
value = "quantity"
unit = "mg/dL"
reducer = "max"
window = [-7, 0]
"""

REFUSALS = [
    ('name = "creatinine"', 'name = "creatinine"\ncolour = "red"', r"feature 'creatinine': unknown column 'colour'"),
    ('version = "1"', 'version = "1"\nauthor = "me"', r"dictionary: unknown column 'author'"),
    ("horizon_days = 180", "horizon_days = 180\ngrace = 3", r"outcome: unknown column 'grace'"),
    ('resource = "Observation"', 'resource = "Media"', r"feature 'creatinine': resource 'Media' is not known"),
    ('reducer = "last"', 'reducer = "median"', r"feature 'creatinine': reducer 'median' is not known"),
    ('reducer = "last"', 'reducer = "count"', r"feature 'creatinine': reducer 'count' is not known"),
    ('reducer = "any"', 'reducer = "mean"', r"feature 'diabetes': reducer 'mean' is not known"),
    ('unit = "mg/dL"', 'unit = "furlong"', r"feature 'creatinine': unit 'furlong' is not known"),
    ('category = "laboratory"', 'category = "lab"', r"feature 'creatinine': category 'lab' is not known"),
    ('value = "quantity"', 'value = "age"', r"feature 'creatinine': value 'age' is not known"),
    ('name = "age"', 'name = "creatinine"', r"feature 'creatinine': the name is taken twice"),
    ('name = "physicians"', 'name = "age"', r"feature 'age': the name is taken twice"),
    ('name = "creatinine"', 'name = "a[0]"', r"a name holds none of"),
    ('name = "creatinine"', 'name = "  "', r"name must be a text of one line"),
    ("window = [-7, 0]", "window = [-7, 1]", r"feature 'creatinine': window ends after the index"),
    ("window = [-1, 0]", "window = [-1, 30]", r"comparison 'physicians': window ends after the index"),
    ("window = [-7, 0]", "window = [0, -7]", r"feature 'creatinine': window ends before it starts"),
    ("window = [-7, 0]", "window = [-7.5, 0]", r"window must be two whole numbers"),
    ("window = [-7, 0]", "window = -7", r"window must be two whole numbers"),
    ("window = [-7, 0]", "", r"feature 'creatinine': window is missing"),
    ('value = "age"', 'value = "age"\nwindow = [-1, 0]', r"feature 'age': unknown column 'window'"),
    ("horizon_days = 180", "horizon_days = 0", r"outcome: horizon_days must be at least 1"),
    ("horizon_days = 180", "horizon_days = true", r"outcome: horizon_days must be a whole number"),
    ('alive = "438949009"', 'alive = "419099009"', r"outcome: dead and alive must be different"),
    ('codes = ["2160-0"]', 'codes = ["67162-8"]', r"feature 'creatinine': the outcome's own code"),
    ('codes = ["73211009", "44054006"]', 'codes = ["419099009"]', r"feature 'diabetes': the outcome's own code"),
    ('codes = ["2160-0"]', "codes = []", r"codes must be a list of different texts"),
    ('codes = ["2160-0"]', 'codes = ["2160-0", "2160-0"]', r"codes must be a list of different texts"),
    ("male = 1", "male = nan", r"feature 'male': values must be a table"),
    ("required = true", 'required = "yes"', r"feature 'age': required must be true or false"),
    ("index = 1994-01-12", "index = 1994-01-12T00:00:00Z", r"dictionary: index must be a date"),
    ("[outcome]", "[result]", r"dictionary: outcome is missing"),
    ("[[comparison]]", "[comparison]", r"dictionary: comparison must be written as \[\[comparison\]\]"),
    ('name = "test"', "name = test", r"the dictionary is not TOML"),
    ("horizon_days = 180", f"horizon_days = 1{'0' * 5000}", r"the dictionary is not TOML"),
    ("horizon_days = 180", f"{'a.' * 20_000}a = 1", r"dictionary: a line has more than 200 dots"),
    ("[outcome]", f"[{'a.' * 20_000}a]", r"dictionary: a line has more than 200 dots"),
]


def test_a_dictionary_without_an_index_needs_each_persons_own() -> None:
    dictionary = Dictionary.parse(edited("index = 1994-01-12", ""))
    with pytest.raises(DictionaryError, match="no index"):
        dictionary.row({}, frozenset())
    assert dictionary.row({}, frozenset(), date(1994, 1, 12)) is None


@pytest.mark.parametrize(("old", "new", "complaint"), REFUSALS)
def test_a_dictionary_that_breaks_a_rule_is_refused_and_told_where(old: str, new: str, complaint: str) -> None:
    with pytest.raises(DictionaryError, match=complaint):
        Dictionary.parse(edited(old, new))


def test_a_feature_declared_twice_is_refused() -> None:
    with pytest.raises(DictionaryError, match="the name is taken twice"):
        Dictionary.parse(TEXT + SECOND_CREATININE)


def test_a_dictionary_without_features_is_refused() -> None:
    with pytest.raises(DictionaryError, match=r"there is no \[\[feature\]\]"):
        Dictionary.parse(TEXT[: TEXT.index("[[feature]]")])


def test_toml_nested_beyond_reason_is_refused_like_any_other_mistake() -> None:
    with pytest.raises(AnalyticsError):
        Dictionary.parse("x = " + "[" * 5000 + "]" * 5000)


def test_the_dictionary_says_which_categories_it_needs_and_which_it_would_use(dictionary: Dictionary) -> None:
    assert dictionary.required == {"outcomes", "demographics"}
    assert dictionary.optional == {"laboratory", "conditions", "assessments"}
    assert dictionary.names == ("creatinine", "age", "male", "diabetes")
    assert dictionary.titles["male"] == "Sex"


def test_the_hash_is_of_the_very_text(dictionary: Dictionary) -> None:
    assert Dictionary.parse(TEXT).hash == dictionary.hash
    assert Dictionary.parse(TEXT + "\n").hash != dictionary.hash
    assert len(dictionary.hash) == 64


def test_the_categories_are_those_that_people_can_allow() -> None:
    assert {category.value for category in Category} == CATEGORIES


def test_a_code_table_gives_whole_and_broken_numbers_alike() -> None:
    dictionary = Dictionary.parse(edited("male = 1", "male = 0.5"))
    assert math.isclose(dict(dictionary.features[2].values)["male"], 0.5)

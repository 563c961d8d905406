"""The model card: every figure of a release on one page, what is not known left to the author, nothing of anyone."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import pytest

from analytics import Dictionary, GateFigures, MarginsError, Parameters, Row, evaluate
from analytics.card import Card, Margins, card_html, card_markdown, figures
from analytics.card.tripod import ITEMS, TO_SUPPLY, tripod
from analytics.discrimination import Interval
from analytics.subgroups import groups_of
from tests.analytics.invented import invented_rows

MARGINS = """
source = "All inpatients, 2025"

[feature.creatinine]
mean = 0.1
sd = 1.0

[feature.male]
shares = { male = 0.5, female = 0.5 }

[feature.diabetes]
share = 0.25
"""
MANIFEST = {
    "parameters": Parameters().to_json(), "code": {"xgboost": "3.2.0"}, "model": "ab" * 32, "rows_root": "cd" * 32,
    "dictionary": "ef" * 32, "registry": "12" * 20, "chain_id": 31337, "block": 7,
}  # fmt: skip


def people() -> list[Row]:
    """Return rows of the test dictionary: creatinine, age, sex, diabetes."""
    return [
        Row((row.features[0], 30 + place % 50, place % 2, float(place % 3 == 0)), row.label)
        for place, row in enumerate(invented_rows(600))
    ]


@pytest.fixture(scope="module")
def card(dictionary: Dictionary) -> Card:
    parameters = Parameters(features=dictionary.names, rounds=20)
    return Card(
        title="Deaths <script>alert(1)</script> | *soon*",
        study="study-1",
        purpose="To talk\nabout care in time.",
        ethics="Vote 12/2025",
        release=2,
        status="ACTIVE",
        manifest=MANIFEST,
        evaluation=evaluate(people(), parameters, groups=groups_of(dictionary)),
        gate=GateFigures(600, Interval(0.52, 0.5, 0.54), Interval(0.01, 0.0, 0.02), 40),
        dictionary=dictionary,
        flow={"PERMIT": 600, "EXPIRED": None},
        margins=Margins.parse(MARGINS),
        supplied={"3a": "Care is often begun too late."},
    )


class Page(HTMLParser):
    """Which elements are open, and what the page would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.fetched: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what is open now, and where it points."""
        if tag not in {"meta", "br", "link", "img"}:
            self.open.append(tag)
        named = dict(attrs)
        self.fetched += [str(named[name]) for name in ("src", "href") if name in named]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take an element that closes itself, as SVG has them."""

    def handle_endtag(self, tag: str) -> None:
        """Require that the newest is the one that ends."""
        assert self.open.pop() == tag


def test_the_page_is_whole_and_fetches_nothing_and_runs_nothing(card: Card) -> None:
    page = Page()
    page.feed(card_html(card))
    assert page.open == []
    assert all(target.startswith("#") for target in page.fetched)
    assert "<script" not in card_html(card)
    assert "&lt;script&gt;" in card_html(card)


def test_markdown_takes_nothing_of_a_study_for_a_sign(card: Card) -> None:
    text = card_markdown(card)
    assert text.splitlines()[0] == r"# Deaths \<script\>alert(1)\</script\> \| \*soon\*"
    assert "To talk about care in time." in text
    for line in text.splitlines():
        if line.startswith("| 3a"):
            assert line == "| 3a | Health care context and rationale | Care is often begun too late. |"


def test_every_table_of_the_markdown_has_as_many_cells_in_each_line(card: Card) -> None:
    blocks = re.findall(r"(?m)(?:^\|.*\n)+", card_markdown(card))
    assert len(blocks) >= 6
    for block in blocks:
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}) == 1


def test_tripod_has_27_items_and_each_is_filled_or_left_to_the_author(card: Card) -> None:
    assert len({re.sub(r"\D", "", number) for number, _, _ in ITEMS}) == 27
    items = {item.number: item for item in tripod(card)}
    assert len(items) == len(ITEMS) == 52
    assert items["3a"].answer == "Care is often begun too late."
    assert items["18a"].answer == TO_SUPPLY
    assert items["17"].answer == "Vote 12/2025"
    assert "600 people" in items["21"].answer
    for text in (card_html(card), card_markdown(card)):
        assert text.count(TO_SUPPLY) == sum(not item.filled for item in items.values())


def test_small_numbers_are_not_on_the_card(card: Card) -> None:
    for text in (card_html(card), card_markdown(card)):
        assert "fewer than 10" in text


def test_a_refused_model_says_so_and_why(card: Card) -> None:
    refused = replace(card, gate=replace(card.gate, smallest_leaf=3))
    for text in (card_html(refused), card_markdown(refused)):
        assert "Refused." in text
        assert "fewer than 10 people (3)" in text
    assert "Refused." not in card_html(card)
    assert "reported only" in card_html(card)


def test_a_card_without_margins_flow_or_groups_is_a_card_too(card: Card) -> None:
    bare = replace(card.evaluation, subgroups=(), characteristics=(), decision=())
    plain = replace(card, margins=None, flow={}, evaluation=bare)
    page = Page()
    page.feed(card_html(plain))
    assert page.open == []
    assert "all patients" not in card_markdown(plain)
    assert set(figures(plain)) == {
        f"{name}.{kind}" for name in ("discrimination", "roc", "calibration", "importance") for kind in ("svg", "png")
    }


def test_figures_are_svg_and_png_and_the_same_bytes_each_time(card: Card) -> None:
    drawn = figures(card)
    assert drawn == figures(card)
    for name in ("discrimination", "roc", "calibration", "decision", "subgroups", "importance"):
        assert drawn[f"{name}.svg"].startswith(b"<svg ")
        assert ET.fromstring(drawn[f"{name}.svg"]).tag == "{http://www.w3.org/2000/svg}svg"  # noqa: S314  # ours
        assert drawn[f"{name}.png"].startswith(b"\x89PNG")


def test_differences_are_standardised_and_nobody_is_read_for_them(card: Card) -> None:
    assert card.margins is not None
    found = {one.title: one for one in card.margins.differences(card.evaluation, card.dictionary)}
    diabetes, male = found["Diabetes"], found["Sex: male"]
    assert diabetes.here == pytest.approx(1 / 3, abs=0.02)
    assert diabetes.here is not None
    assert diabetes.difference == pytest.approx((diabetes.here - 0.25) / ((2 / 9 + 0.1875) / 2) ** 0.5, abs=0.02)
    assert diabetes.notable
    assert male.here == pytest.approx(0.5, abs=0.01)
    assert not male.notable


def test_what_is_too_small_here_is_not_compared(card: Card) -> None:
    hidden = replace(card.evaluation, subgroups=(), characteristics=())
    assert card.margins is not None
    for one in card.margins.differences(hidden, card.dictionary):
        assert one.here is one.difference is None


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("source =", "no TOML"),
        ('source = "x"', "`source`"),
        ('source = "x"\n[feature.age]\nmean = 3', "feature.age: give mean and sd"),
        ('source = "x"\n[feature.age]\nmean = 3\nsd = 0', "feature.age.sd"),
        ('source = "x"\n[feature.age]\nmean = nan\nsd = 1', "feature.age.mean: give a number"),
        ('source = "x"\n[feature.male]\nshare = 52', "feature.male.share: a share"),
        ('source = "x"\n[feature.male]\nshare = true', "feature.male.share: give a number"),
        ('source = "x"\n[feature.male]\nshares = {}', "feature.male.shares: give a share"),
        ('source = "x"\n[feature.male]\nshares = {a = 0.7, b = 0.7}', "more than 1"),
    ],
)
def test_margins_that_are_none_are_refused_with_their_key(text: str, place: str) -> None:
    with pytest.raises(MarginsError, match=place):
        Margins.parse(text)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("[feature.male]\nshares = {m = 0.3}", "a band or code that is not declared"),
        ("[feature.age]\nshare = 0.3", "is no yes or no"),
    ],
)
def test_margins_that_could_never_be_compared_are_refused(card: Card, given: str, told: str) -> None:
    strange = Margins.parse(f'source = "x"\n{given}')
    with pytest.raises(MarginsError, match=told):
        strange.differences(card.evaluation, card.dictionary)


def test_margins_of_a_feature_that_there_is_not_are_refused(card: Card) -> None:
    strange = Margins.parse('source = "x"\n[feature.weight]\nmean = 3\nsd = 1')
    with pytest.raises(MarginsError, match="no such feature"):
        strange.differences(card.evaluation, card.dictionary)

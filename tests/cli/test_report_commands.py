"""Reports as an operator has them: what somebody said looks wrong, listed, shown and answered."""

import re
from pathlib import Path

import pytest

from consent.cli.errors import NOT_FOUND, REFUSED
from consent.wiring import reporting
from tests.cli.desk import Desk
from tests.cli.test_commands import refused
from tests.databases import Kind
from tests.services.house import House, Template

WORDS = "Why on a Sunday?\nI was [red]away[/red]."
"""What somebody wrote; square brackets are no markup."""
ANSWER = "Trainings run at night."


@pytest.fixture(scope="module")
def small(database_kind: Kind, tmp_path_factory: pytest.TempPathFactory) -> Template:
    """Two people, closed."""
    return Template.built(tmp_path_factory.mktemp("small") / "home", range(2), database_kind)


@pytest.fixture
def desk(small: Template, tmp_path: Path) -> Desk:
    return Desk.copied(small, tmp_path / "home")


def asked(desk: Desk, text: str = WORDS) -> str:
    """Let the first person say that their first line looks wrong; return the report's number."""
    with House.opened(desk.home, desk.template.wallets) as house:
        subject = desk.subject(0)
        entry = next(entry["index"] for entry in house.log() if entry.get("subject") == subject)
        return reporting(house.open).report(subject, entry, text, house.clock()).number


def test_reports_are_listed_shown_and_answered(desk: Desk) -> None:
    assert "Nobody said that anything looks wrong." in desk.done("reports list").stdout
    number = asked(desk)
    assert re.search(rf"{number} .* no\b", desk.done("reports list").stdout)
    shown = desk.done("reports show", number).stdout
    assert "Why on a Sunday?" in shown
    assert "[red]away[/red]" in shown
    assert f'"subject":"{desk.subject(0)}"' in shown, "the entry itself, as the log has it"
    assert "is answered" in desk.done("reports answer", number.lower(), "--text", ANSWER).stdout
    assert ANSWER in desk.done("reports show", number).stdout
    assert "Why on a Sunday?" not in desk.done("reports list").stdout
    assert not re.search(r"\bno\b", desk.done("reports list").stdout)


def test_nothing_is_answered_that_nobody_asked(desk: Desk) -> None:
    refused(desk.run("reports show", "AAAA-AAAA"), NOT_FOUND, "reports list")
    refused(desk.run("reports answer", "no number", "--text", ANSWER), NOT_FOUND, "reports list")


@pytest.mark.parametrize("text", ["", "  ", "x" * 1001, "turned \u202eround"])
def test_an_answer_is_short_and_plain(desk: Desk, text: str) -> None:
    number = asked(desk)
    ran = desk.run("reports answer", number, "--text", text)
    refused(ran, REFUSED, "an answer has words" if not text.strip() else "plain lines")
    assert re.search(rf"{number} .* no\b", desk.done("reports list").stdout)

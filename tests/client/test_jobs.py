"""Waiting for work."""

import io
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from consent.client import Consentry, RefusedError
from consent.client.progress import Show, bar
from tests.client.speaking import Said, Speaker

Make = Callable[..., Consentry]
JOB: dict[str, Any] = {
    "id": "a" * 32, "kind": "train", "study": "kidneys", "state": "waiting", "created": 1, "finished": None,
    "progress": {"step": "", "done": 0, "total": 0}, "outcome": None, "failure": None,
}  # fmt: skip
TRAINED = {"study": "kidneys", "release": 2, "model": "ab", "manifest": "cd", "suspended": []}
DONE = {"state": "done", "finished": 9}


def job(**more: Any) -> Said:
    return Said.json(JOB | more, 202 if more.get("state", "waiting") == "waiting" else 200)


def test_one_waits_until_it_is_over_and_is_told_how_far_it_is(
    speaker: Speaker, client: Make, paused: list[float]
) -> None:
    fitting = {"step": "fitting\x1b[31m", "done": 2, "total": 5}
    counting = {"step": "counting", "done": 0, "total": 0}
    speaker.say(job(), job(state="running", progress=fitting), job(state="running", progress=counting),
                job(**DONE, outcome=TRAINED))  # fmt: skip
    told: list[tuple[str, int, int]] = []

    @contextmanager
    def show(title: str) -> Iterator[Show]:
        assert title == "kidneys: train"
        yield lambda *step: told.append(step)

    trained = client().trainings.start("name = 1").wait(show)
    assert (trained.release, trained.model, trained.suspended) == (2, "ab", ())
    assert told == [("", 0, 0), ("", 2, 5), ("counting", 0, 0)]
    assert [one.path for one in speaker.asked] == ["/v1/studies/kidneys/trainings"] + [f"/v1/jobs/{'a' * 32}"] * 3
    assert speaker.asked[0].body == b'{"dictionary": "name = 1"}'
    assert paused == [1.0] * 3


@pytest.mark.parametrize(
    ("ended", "said"),
    [
        ({"state": "failed", "failure": "fewer than 10 people allow this"}, "fewer than 10 people"),
        ({"state": "failed", "failure": None}, "ask the operator"),
        ({"state": "cancelled"}, "cancelled"),
    ],
)
def test_work_without_a_result_raises_why(speaker: Speaker, client: Make, ended: dict[str, Any], said: str) -> None:
    speaker.say(job(), job(**ended, finished=9))
    with pytest.raises(RefusedError, match=said):
        client().trainings.start("").wait()


def test_an_aggregate_is_waited_for_as_well(speaker: Speaker, client: Make) -> None:
    found = {"study": "kidneys", "release": 1, "people": [15, None, 20, 20, 25], "epsilon": 0.5, "left": 2.0}
    speaker.say(job(kind="aggregate"), job(kind="aggregate", **DONE, outcome=found))
    aggregate = client().aggregates.start(cohort="c" * 32).wait()
    assert aggregate.people == (15, None, 20, 20, 25)
    assert speaker.asked[0].body == b'{"cohort": "' + b"c" * 32 + b'"}'


def test_work_can_be_cancelled_and_found_again(speaker: Speaker, client: Make) -> None:
    speaker.say(job(), job(state="cancelled", finished=3))
    training = client().trainings.job("a" * 32)
    assert training.cancel().state == "cancelled"
    assert [one.method for one in speaker.asked] == ["GET", "POST"]


def test_there_is_no_bar_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with bar("Training") as show:
        show("fitting", 1, 2)
    assert capsys.readouterr() == ("", "")


def test_there_is_a_bar_on_standard_error_where_that_is_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    with bar("Training") as show:
        show("fitting", 1, 2)
        show("registering", 0, 0)
    out, err = capsys.readouterr()
    assert out == ""
    assert "Training" in err


class _Terminal(io.StringIO):
    """Standard error as a terminal has it."""

    def isatty(self) -> bool:
        return True


def test_a_bar_shows_nothing_that_a_terminal_or_its_own_markup_would_obey(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = _Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("CI", raising=False)
    for title in ("kidneys[/oops]: train", "\x1b]0;gotcha\x07: train"):
        with bar(title) as tell:
            tell("[/bad] [link=https://evil.example]here", 1, 5)
            tell("\x1b]0;gotcha\x07", 2, 5)
    assert "kidneys[/oops]: train" in terminal.getvalue()
    assert "gotcha" not in terminal.getvalue()

"""Training happens in a process of its own: the same bytes, no file, and nothing heavy where it is asked for."""

import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from analytics import (
    Evaluation,
    FiguresError,
    Parameters,
    ParametersError,
    Row,
    RowsError,
    TrainingChildError,
    apart,
    evaluate,
    fit,
)
from analytics.apart import fit_apart, train_apart
from analytics.examining import examine

NAMED = Parameters(features=("signal", "noise", "sometimes"), rounds=20)
ROOT = Path(__file__).parents[2]
LIGHT = """
import sys
from analytics.apart import train_apart
from analytics import Parameters
from tests.analytics.invented import invented_rows
train_apart(invented_rows(200), Parameters(rounds=2))
print(sorted({"xgboost", "sklearn", "scipy"} & set(sys.modules)))
"""
WRITES = """
import errno, os, subprocess, sys
sys.path.insert(0, sys.argv[1])
from analytics.child import shut
if sys.argv[3] == "shut":
    shut()
import numpy, xgboost
from pathlib import Path
here = Path(sys.argv[2])

def attempt(write):
    try:
        write()
    except OSError as error:
        return errno.errorcode[error.errno]
    except subprocess.CalledProcessError:
        return "EFBIG"
    return "written"

def stretch():
    with here.joinpath("stretched").open("wb") as file:
        file.truncate(4096)

print(attempt(lambda: here.joinpath("text").write_text("secret")))
print(attempt(stretch))
print(attempt(lambda: subprocess.run(["sh", "-c", f"echo secret > {here}/shell"], check=True, stderr=-3)))
print(attempt(lambda: os.write(os.memfd_create("memory"), b"secret")))
"""


def test_a_process_apart_gives_the_same_model_evaluation_and_figures(rows: list[Row]) -> None:
    heard: list[str] = []
    fitted = train_apart(rows[::-1], NAMED, ["Physicians"], heard.append)
    model = fit(rows, NAMED)
    assert fitted.model == model.to_bytes() == fit_apart(rows, NAMED)
    assert fitted.evaluation == evaluate(rows, NAMED, comparisons=["Physicians"])
    assert fitted.gate == examine(rows, NAMED, model)
    assert heard == ["fitting", *(f"evaluating {fold} of 5" for fold in range(1, 6)), "examining"]


def test_whoever_asks_for_training_loads_no_heavy_library() -> None:
    ran = subprocess.run([sys.executable, "-c", LIGHT], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


@pytest.mark.parametrize(("mode", "answer"), [("shut", "EFBIG"), ("open", "written")])
def test_the_process_cannot_write_a_file_which_it_could_otherwise(tmp_path: Path, mode: str, answer: str) -> None:
    command = [sys.executable, "-I", "-B", "-c", WRITES, str(ROOT), str(tmp_path), mode]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    assert ran.stdout.split() == [answer] * 4
    assert (sum(path.stat().st_size for path in tmp_path.iterdir()) == 0) is (mode == "shut")


@pytest.mark.skipif(sys.platform != "linux", reason="limits of another process are read from /proc")
def test_the_process_that_trains_is_shut_while_it_trains(rows: list[Row]) -> None:
    seen: list[str] = []

    def look(_: str) -> None:
        children = Path(f"/proc/self/task/{threading.get_native_id()}/children").read_text().split()
        [child] = [one for one in children if b"analytics.child" in Path(f"/proc/{one}/cmdline").read_bytes()]
        seen.append(Path(f"/proc/{child}/limits").read_text())

    train_apart(rows, NAMED, told=look)
    assert len(seen) == 7
    for limits in seen:
        assert re.search(r"Max file size +0 +0 ", limits)
        assert re.search(r"Max core file size +0 +0 ", limits)


def test_the_process_takes_its_code_from_where_the_caller_has_it() -> None:
    assert Path(apart._ROOT) == ROOT


def test_errors_of_the_process_are_the_callers(rows: list[Row]) -> None:
    with pytest.raises(RowsError, match="ten people"):
        train_apart(rows[:8], NAMED)
    with pytest.raises(RowsError, match="another number of features"):
        fit_apart(rows, Parameters(features=("one",)))
    with pytest.raises(RowsError, match="number of comparisons"):
        fit_apart([*rows, Row(rows[0].features, 1)], NAMED)


def test_a_process_that_dies_says_what_to_look_at(rows: list[Row], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apart, "_START", "import os; os.kill(os.getpid(), 9)")
    with pytest.raises(TrainingChildError, match="signal 9: look whether memory ran out"):
        train_apart(rows, NAMED)
    monkeypatch.setattr(apart, "_START", "raise SystemExit(3)")
    with pytest.raises(TrainingChildError, match="exit code 3"):
        train_apart(rows, NAMED)
    monkeypatch.setattr(apart, "_START", "")
    with pytest.raises(TrainingChildError, match="without a result"):
        fit_apart(rows, NAMED)


def test_a_caller_who_stops_listening_ends_the_process(rows: list[Row]) -> None:
    def stop(stage: str) -> None:
        if stage.startswith("evaluating 2"):
            raise InterruptedError

    with pytest.raises(InterruptedError):
        train_apart(rows, NAMED, told=stop)


def test_parameters_go_through_json_and_nothing_else_does() -> None:
    assert Parameters.from_json(NAMED.to_json()) == NAMED
    nothing: dict[str, object] = {}
    for wrong in (nothing, NAMED.to_json() | {"trees": 3}, NAMED.to_json() | {"depth": "3"}):
        with pytest.raises(ParametersError):
            Parameters.from_json(wrong)


def test_an_evaluation_goes_through_json_and_nothing_else_does(rows: list[Row]) -> None:
    told = evaluate(rows, NAMED, comparisons=["Physicians"]).to_json()
    assert Evaluation.from_json(told).to_json() == told
    strange: tuple[object, ...] = (None, [], {})
    for wrong in (*strange, told | {"people": "6"}, told | {"people": True}, told | {"more": 1}, told | {"roc": 3}):
        with pytest.raises(FiguresError):
            Evaluation.from_json(wrong)

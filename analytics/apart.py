"""Train in a process of its own that can write no file; whoever asks loads neither XGBoost nor scikit-learn by it.

fitted = train_apart(rows, parameters, comparisons=["Physicians"])
assert fit_apart(rows, parameters) == fitted.model
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

import analytics
from analytics import frames
from analytics.errors import ParametersError, RowsError, TrainingChildError
from analytics.evaluation import Evaluation
from analytics.parameters import Parameters
from analytics.release_gate import GateFigures
from analytics.rows import Row
from analytics.subgroups import Group

_ROOT: Final = str(Path(analytics.__file__).parents[1])
_START: Final = "import sys; sys.path.insert(0, sys.argv[1]); from analytics.child import main; main()"
"""Isolated (-I), Python looks into no folder of the caller's; it is told where this very copy of the code lies."""
_PASSED_ON: Final = ("PATH", "LANG", "LD_LIBRARY_PATH", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
"""What the process learns of its surroundings: no passphrase, no address."""
_REFUSALS: Final = {"RowsError": RowsError, "ParametersError": ParametersError}

Told = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class Fitted:
    """A model's bytes, how good it is, and what it gives away."""

    model: bytes
    evaluation: Evaluation
    gate: GateFigures


def train_apart(
    rows: Sequence[Row],
    parameters: Parameters,
    comparisons: Sequence[str] = (),
    told: Told = str,
    groups: Sequence[Group] = (),
) -> Fitted:
    """Fit on `rows`, evaluate out of fold and measure for the release gate, in a fresh process.

    Args:
        rows: in any order.
        parameters: how to fit.
        comparisons: names of the rows' comparison values, or none.
        told: hears "fitting", "evaluating 2 of 5" and so on, and "examining"; what it raises ends the process.
        groups: of people, who are looked at by themselves too, as of `analytics.subgroups.groups_of`.

    Raises:
        RowsError: rows are too few, or not alike.
        ParametersError: a parameter does not fit the rows.
        TrainingChildError: the process ended early.
    """
    found = _run(frames.Order(tuple(rows), parameters, tuple(comparisons), tuple(groups)), told)
    try:
        evaluation, gate = json.loads(found[frames.EVALUATION]), json.loads(found[frames.GATE])
        return Fitted(found[frames.MODEL], Evaluation.from_json(evaluation), GateFigures.from_json(gate))
    except (KeyError, ValueError) as error:
        raise _ended("without a result") from error


def fit_apart(rows: Sequence[Row], parameters: Parameters) -> bytes:
    """Return the bytes of a model that a fresh process fits; errors as of `train_apart`."""
    found = _run(frames.Order(tuple(rows), parameters, only_fit=True), str)
    if frames.MODEL not in found:
        raise _ended("without a result")
    return found[frames.MODEL]


def _run(order: frames.Order, told: Told) -> dict[bytes, bytes]:
    """Return what the process gave, by kind."""
    content = frames.to_bytes(order)
    command = [sys.executable, "-I", "-B", "-c", _START, _ROOT]
    surroundings = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    with subprocess.Popen(  # noqa: S603  # our own program, no shell
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=surroundings
    ) as process:
        try:
            return _converse(process, content, told)
        finally:
            process.kill()  # it has nothing left to do, or must not go on
            _close(process.stdin)


def _converse(process: "subprocess.Popen[bytes]", content: bytes, told: Told) -> dict[bytes, bytes]:
    if process.stdin is None or process.stdout is None:
        raise TypeError("the process was started without pipes")
    with suppress(BrokenPipeError):  # it ended: how, its exit code says below
        process.stdin.write(content)
        process.stdin.close()
    found = {}
    for kind, part in frames.read_frames(process.stdout):
        if kind == frames.TOLD:
            told(part.decode())
        elif kind == frames.REFUSED:
            raise _refusal(part)
        else:
            found[kind] = part
    if code := process.wait():
        raise _ended(f"by signal {-code}" if code < 0 else f"with exit code {code}")
    return found


def _close(pipe: IO[bytes] | None) -> None:
    """Close a pipe whose reader may be gone."""
    if pipe is not None:
        with suppress(BrokenPipeError):
            pipe.close()


def _refusal(content: bytes) -> Exception:
    told = json.loads(content)
    return _REFUSALS.get(told["error"], TrainingChildError)(told["message"])


def _ended(how: str) -> TrainingChildError:
    return TrainingChildError(
        f"the process that trains ended {how}: look whether memory ran out (signal 9) and whether numpy, scikit-learn "
        "and xgboost are installed as required, then train again"
    )

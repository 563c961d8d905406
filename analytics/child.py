"""The process that trains. It reads people's numbers, so it makes itself unable to write them into a file first.

Run by `analytics.apart`; its input and output are those of `analytics.frames`.
"""

import ctypes
import json
import os
import resource
import signal
import sys
from typing import IO, Final

from analytics import frames
from analytics.errors import AnalyticsError
from analytics.plain import plain

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_DUMPABLE: Final = 4
"""prctl(2) of Linux; elsewhere the limits alone hold."""


def main() -> None:
    """Shut every file, then do what the order on standard input says and write frames to standard output."""
    shut()
    output = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints must not fall between frames
    try:
        _train(frames.from_stream(sys.stdin.buffer), output)
    except AnalyticsError as error:
        refused = json.dumps({"error": type(error).__name__, "message": str(error)})
        frames.write_frame(output, frames.REFUSED, refused.encode())


def shut() -> None:
    """Let this process write nothing into any file, dump no memory, and end with its parent."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        kernel = ctypes.CDLL(None)
        kernel.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
        kernel.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)


def _train(order: frames.Order, output: IO[bytes]) -> None:
    # Imported when files are shut: what these libraries do on import cannot write either.
    from analytics.training import fit  # noqa: PLC0415  # not before files are shut

    frames.write_frame(output, frames.TOLD, b"fitting")
    model = fit(order.rows, order.parameters)
    if not order.only_fit:
        from analytics.evaluating import evaluate_folded  # noqa: PLC0415  # likewise, and only where it is needed
        from analytics.examining import examine_folded  # noqa: PLC0415  # likewise
        from analytics.folding import fold_out  # noqa: PLC0415  # likewise

        def told(stage: str) -> None:
            frames.write_frame(output, frames.TOLD, stage.encode())

        folded = fold_out(order.rows, order.parameters, told=told)
        evaluation = evaluate_folded(folded, order.parameters, order.comparisons, order.groups)
        told("examining")
        gate = examine_folded(folded, model)
        frames.write_frame(output, frames.EVALUATION, json.dumps(plain(evaluation, None)).encode())
        frames.write_frame(output, frames.GATE, json.dumps(plain(gate, None)).encode())
    frames.write_frame(output, frames.MODEL, model.to_bytes())


if __name__ == "__main__":
    main()

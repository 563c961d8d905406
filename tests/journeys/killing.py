"""A child that lives until it is killed, at a moment that nobody chose."""

import os
import random
import signal
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Final

PATIENCE: Final = 30.0
"""Seconds that a child may take until it is ready."""


def kill_at_random(live: Callable[[Path, int], object], ready: Path, rng: random.Random, longest: float) -> None:
    """Start `live(ready, seed)` in a child, which touches `ready` and goes on; end it within `longest` seconds.

    Fails where the child ended by itself.
    """
    seed = rng.randrange(2**32)
    ready.unlink(missing_ok=True)
    child = os.fork()
    if child == 0:  # pragma: no cover  # in the child
        try:
            live(ready, seed)
        except BaseException:  # noqa: BLE001  # whatever it was: the test must hear of it
            traceback.print_exc()
        finally:
            os._exit(1)
    until = time.monotonic() + PATIENCE
    while not ready.exists():
        assert time.monotonic() < until
        time.sleep(0.005)
    time.sleep(rng.uniform(0, longest))
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), "it had ended by itself"

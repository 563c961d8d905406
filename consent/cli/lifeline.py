"""Ties one program to its supervisor's life: `python lifeline.py FD PROGRAM ARGUMENTS…` becomes the program itself.

FD is the reading end of a pipe that only the supervisor can write to. When the supervisor is gone, however it went, the
kernel closes the pipe; a guard left behind in the program's group then kills that group, with whatever it started.

Why a guard of its own: work between fork and exec in the supervisor (`preexec_fn`) can deadlock beside threads, Linux'
parent-death signal reaches no grandchildren, and a watching thread would have to be in every program. Here both forks
happen in a fresh interpreter with one thread. Whoever kills guard and supervisor at once leaves the program running.

Runs as a file with the standard library alone, so that starting costs some 10 ms.
"""

import os
import signal
import sys

USAGE = 2
"""A program that is not there, or a group that is somebody else's: not to be started again."""


def guard(lifeline: int) -> None:
    """Wait until the supervisor is gone, then kill this group, oneself included."""
    for ignored in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):  # whoever reads the program's output must see it end with the program
        os.dup2(nowhere, stream)
    os.read(lifeline, 1)
    os.killpg(os.getpgrp(), signal.SIGKILL)


def leave_guard(lifeline: int) -> None:
    """Fork twice, so that the program does not find a child that it never started."""
    between = os.fork()
    if between:
        os.waitpid(between, 0)
        return
    if os.fork() == 0:
        guard(lifeline)
    os._exit(0)


def main(arguments: list[str]) -> None:
    """Leave the guard and become the program."""
    if os.getpgrp() != os.getpid():
        sys.stderr.write("consentry: the guard would kill a group that is not the program's own: use the supervisor\n")
        sys.exit(USAGE)
    lifeline = int(arguments[0])
    leave_guard(lifeline)
    os.close(lifeline)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python ignores it, and what is ignored stays so in the program
    try:
        os.execvp(arguments[1], arguments[1:])  # noqa: S606  # no shell, on purpose
    except OSError:
        sys.stderr.write("consentry: this program cannot be started: correct its command\n")
        sys.exit(USAGE)


if __name__ == "__main__":
    main(sys.argv[1:])

"""How fast an auditor's machine checks a bundle, and with how much memory: in a process of its own, from files."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.figure import Figure
from tests.verifier.workshop import Workshop

PEOPLE: Final = 2_000
SIZES: Final = (10_000, 100_000)
_PREDICTIONS_OF: Final = 20
"""One entry in so many is a prediction, with its sealed answer."""
_CHECK: Final = """
import re, sys
from pathlib import Path
from consent.verifier.command import main
code = main(sys.argv[1:])
print(code, int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) // 1024)
"""


@dataclass(frozen=True, slots=True)
class _Checked:
    seconds: float
    megabytes: int


def measure() -> Iterator[Figure]:
    """Yield entries a second, and megabytes."""
    with tempfile.TemporaryDirectory() as folder:
        small, large = (_checked(Path(folder), size) for size in SIZES)
    many = SIZES[-1]
    yield Figure(
        name="verify.entries_per_second",
        value=round(many / large.seconds),
        unit="entries a second",
        compared_to="5,000: a bundle of 100,000 entries in 20 s",
        note=f"{large.seconds:.1f} s for {many:,} entries of {PEOPLE:,} people, from the start of Python on; "
        f"{small.seconds:.1f} s for {SIZES[0]:,}",
    )
    yield Figure(
        name="verify.memory",
        value=large.megabytes,
        unit="MB",
        compared_to=f"{small.megabytes} MB for a tenth of the entries",
        note=f"the process's largest, {many:,} entries of {PEOPLE:,} people: it grows with people and consents alone",
    )


def _checked(folder: Path, size: int) -> _Checked:
    """Make a bundle with so many entries and check it, as somebody at a command line does."""
    life = _lived(size)
    bundle = life.write(folder / f"bundle-{size}.zip")
    policy = life.write_policy(folder)
    started = time.monotonic()
    command = [sys.executable, "-c", _CHECK, str(bundle), "--policy", str(policy)]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603  # this very Python
    seconds = time.monotonic() - started
    code, megabytes = ran.stdout.splitlines()[-1].split()
    assert code == "0", ran.stderr
    return _Checked(seconds, int(megabytes))


def _lived(size: int) -> Workshop:
    """Return a life in which consents are read again and again until the log has `size` entries."""
    life = Workshop()
    life.approve("heart")
    consents = [life.grant(life.enrol(), "heart") for _ in range(PEOPLE)]
    made = life.train("heart", consents)
    while len(life.entries) < size:
        for place, consent in enumerate(consents[: size - len(life.entries)]):
            if place % _PREDICTIONS_OF:
                life.read(consent)
            elif len(life.entries) + 1 < size:
                life.predict(consent, made)
    del life.entries[size:]
    life.tick(60)
    return life

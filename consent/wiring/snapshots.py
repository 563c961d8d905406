"""What counting looks at, read on an opening of the installation of its own."""

from collections.abc import Iterator
from contextlib import contextmanager

from consent.adapters.logging_json import logger
from consent.services.studies.counting import Counting
from consent.services.studies.snapshots import Snapshots
from consent.settings import Settings
from consent.wiring.clock import Clock, utc_now
from consent.wiring.rooms import opened


def snapshots_of(settings: Settings, clock: Clock = utc_now) -> Snapshots:
    """Return the snapshots of this process over an installation."""

    @contextmanager
    def reading() -> Iterator[Counting]:
        with opened(settings, clock) as installation:
            yield installation.counting

    return Snapshots(reading, clock, tell=_told)


def _told(error: BaseException) -> None:
    logger().warning("snapshot failed", error=error)

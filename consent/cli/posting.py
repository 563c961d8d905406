"""`consentry post`: tells people by mail what happened, one letter at a time, beside the other programs."""

import signal
import threading
import time
from pathlib import Path
from typing import Final

from consent import wiring
from consent.adapters.logging_json import configure, logger
from consent.domain.errors import ConsentError
from consent.services.notices import Noticing
from consent.services.posting import Posting, Sent
from consent.settings import Settings, SettingsError, WebSettings
from vault import VaultError

IDLE_SECONDS: Final = 2.0
TROUBLE_SECONDS: Final = 30.0
LOOK_SECONDS: Final = 3600.0
"""How often it looks which consents end soon."""


def run(home: Path, port: int) -> None:
    """Take up what happens and send letters until SIGTERM or SIGINT."""
    configure("post")
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    web = WebSettings.read(port)
    with wiring.opened(Settings.read(home)) as installation:
        posting = wiring.posting(installation, web)
        if posting is None:
            raise SettingsError("CONSENTRY_SMTP is missing: without a mail server no letters are sent")
        PostLoop(installation.noticing, posting, stopping).run()


class PostLoop:
    """Steps until told to stop; what is in the way is said, and tried again."""

    def __init__(self, noticing: Noticing, posting: Posting, stopping: threading.Event) -> None:
        self._noticing = noticing
        self._posting = posting
        self._stopping = stopping
        self._look_at = 0.0
        self._log = logger()

    def run(self) -> None:
        """Run in the foreground."""
        self._log.info("post runs")
        while not self._stopping.is_set():
            try:
                pause = self.step()
            except (ConsentError, VaultError) as error:
                self._log.warning("letters wait", error=error)
                pause = TROUBLE_SECONDS
            self._stopping.wait(pause)
        self._log.info("post stops")

    def step(self) -> float:
        """Take one step; return how many seconds to wait for the next."""
        if dead := self._noticing.renew(wiring.utc_now()):
            self._log.info("letters made anew", count=dead)
        more = self._noticing.follow(wiring.utc_now())
        if time.monotonic() >= self._look_at:
            self._look_at = time.monotonic() + LOOK_SECONDS
            self._noticing.look_ahead(wiring.utc_now())
        sent = self._posting.step(wiring.utc_now())
        if sent is Sent.GIVEN_UP:
            self._log.error("letter given up")
        elif sent is Sent.PUT_OFF:
            self._log.warning("letter put off")
            return TROUBLE_SECONDS
        return 0.0 if more or sent else IDLE_SECONDS

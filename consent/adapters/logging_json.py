"""What processes say while they run: JSON lines on standard error that cannot name anyone.

configure("ledger")
logger().info("batch published", errand="grant", items=256, block=17, gas=2_100_000)

{"event": "batch published", "level": "info", "timestamp": "2026-11-23T09:30:00Z", "process": "ledger", "errand": …}

Keys, and values by their form, are on a list of what may pass. Whatever else is handed in is left out and counted under
`dropped`. What libraries log, warn of or leave uncaught goes through here too, without its message.
"""

import logging
import sys
import threading
from collections.abc import Mapping, MutableMapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import structlog

from consent.adapters.log_facts import admitted, event_name, plain

LIBRARY_MESSAGE: Final = "library message"
_METHODS: Final = {logging.INFO: "info", logging.WARNING: "warning", logging.ERROR: "error", logging.CRITICAL: "error"}


@dataclass(slots=True)
class _Room:
    """The one thing that is set once a process."""

    process: str = "unnamed"


_ROOM: Final = _Room()


class Log(structlog.BoundLoggerBase):
    """Says events; each is a few fixed lower-case words, and everything that varies is a fact with a name."""

    def info(self, event: str, **facts: object) -> None:
        """Say what went as it should."""
        self._proxy_to_logger("info", event, **facts)

    def warning(self, event: str, **facts: object) -> None:
        """Say what somebody should look at when it recurs."""
        self._proxy_to_logger("warning", event, **facts)

    def error(self, event: str, **facts: object) -> None:
        """Say what somebody should look at now; `error` takes the exception itself."""
        self._proxy_to_logger("error", event, **facts)


class _Stderr:
    """Writes whole lines. Standard error that is gone does not stop the work."""

    def info(self, line: str) -> None:
        with suppress(OSError, ValueError):
            sys.stderr.write(line + "\n")
            sys.stderr.flush()

    warning = error = info


def _admit(_logger: object, level: str, said: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """Keep of what was said only what may pass."""
    event = event_name(said.pop("event", ""))
    kept, dropped = admitted(said)
    moment = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    line = {"event": event, "level": level, "timestamp": moment, "process": _ROOM.process, **kept}
    return line | {"dropped": dropped} if dropped else line


_PROCESSORS: Final = (_admit, structlog.processors.JSONRenderer())


def logger() -> Log:
    """Return the process's log. It lets nothing else pass even where `configure` was forgotten."""
    log: Log = structlog.wrap_logger(_Stderr(), processors=_PROCESSORS, wrapper_class=Log, context_class=dict)
    return log


class _Door(logging.Handler):
    """Takes what libraries log: that they did, their logger's name and the exception's class, never the message."""

    def emit(self, record: logging.LogRecord) -> None:
        facts: dict[str, object] = {"logger": record}
        if record.exc_info and record.exc_info[1]:
            facts["error"] = record.exc_info[1]
        say = getattr(logger(), _METHODS.get(record.levelno, "warning"))
        say(LIBRARY_MESSAGE, **facts)


def configure(process: str) -> None:
    """Name this process, in one lower-case word, and take over what libraries and Python say from WARNING on."""
    _ROOM.process = str(plain(process) or "unnamed")
    structlog.configure(processors=_PROCESSORS, wrapper_class=Log, logger_factory=_Stderr, context_class=dict)
    for name in list(logging.root.manager.loggerDict):
        library = logging.getLogger(name)
        library.handlers.clear()
        library.propagate = True
    logging.root.handlers[:] = [_Door(logging.WARNING)]
    logging.root.setLevel(logging.WARNING)
    logging.raiseExceptions = False
    logging.captureWarnings(capture=True)
    # A traceback ends with its exception's message, and that may hold anything.
    sys.excepthook = lambda _kind, error, _trace: _uncaught(error)
    threading.excepthook = lambda args: _uncaught(args.exc_value)
    sys.unraisablehook = lambda args: _uncaught(args.exc_value)


def _uncaught(error: BaseException | None) -> None:
    if not isinstance(error, KeyboardInterrupt):
        logger().error("uncaught", error=error)

"""gunicorn's own log, led through `logging_json`: for its setting `logger_class`. Requests are not logged."""

from gunicorn.config import Config
from gunicorn.glogging import Logger


class GunicornLog(Logger):  # type: ignore[misc]  # gunicorn ships no types
    """Has no output of its own; the root logger's door takes what it says."""

    def setup(self, cfg: Config) -> None:
        """Undo what gunicorn sets up for itself, again at each reload."""
        super().setup(cfg)
        for log in (self.error_log, self.access_log):
            log.handlers.clear()
            log.propagate = True

    def access(self, *_request: object) -> None:
        """Write nothing: a request's path and sender are somebody's."""

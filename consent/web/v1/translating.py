"""From what services refuse to problems: one table. Of their sentences only those are told that hold nothing sent."""

import re
from collections.abc import Callable
from typing import Final

from apiflask.exceptions import HTTPError
from flask import Flask, Response, current_app
from werkzeug.exceptions import HTTPException

from analytics import AnalyticsError, CohortError, DictionaryError, ParametersError
from consent.domain.data_use import InvalidDataUseError
from consent.domain.errors import ConsentError, UnknownJobError
from consent.domain.study import InvalidStudyError, StudyConflictError, StudyRefusedError
from consent.services.desk import work
from consent.services.desk.answers import AnswersUnknownError, UnknownRequestError
from consent.services.desk.callers import TokenExpiredError, TokenInvalidError
from consent.services.desk.cohorts import UnknownCohortError
from consent.services.desk.drafts import PurposeNeedsAPersonError, UnknownStudyError
from consent.services.granting import UnknownPatientError
from consent.services.received import IdentifierError
from consent.services.studies.approved import StudyClosedError, StudyNotApprovedError, StudyNotRecruitingError
from consent.services.studies.count_budget import BudgetSpentError
from consent.services.studies.counting import CategoryNotAskedError
from consent.services.studies.release_facts import NoCardError
from consent.services.studies.releasing import ReleaseUnknownError
from consent.services.studies.serving import ModelRefusedError, PredictionRefusedError
from consent.services.studies.snapshots import SnapshotNotReadyError
from consent.services.studies.training import CategoryNeededError, TrainingError
from consent.services.studies.training_job import TrainingJobError
from consent.web.v1.bodies import malformed
from consent.web.v1.problems import Problem, answer, problem_of
from vault import VaultError

_QUOTED: Final = re.compile(r"(['\"]).*?\1")
_AT: Final = re.compile(r"\(at line \d+, column \d+\)")


def _named(slug: str) -> Callable[[Exception], Problem]:
    return lambda _: Problem(slug)


def _with_rule(slug: str) -> Callable[[Exception], Problem]:
    """Tell the error's own sentence, of which it is known that it repeats nothing."""
    return lambda error: Problem(slug, rule=str(error))


def _dictionary(error: Exception) -> Problem:
    """Tell the rule, without what stood in quotes: that was the sender's; of bad TOML the place alone."""
    found = _AT.search(str(error))
    rule = f"the dictionary is not TOML {found[0]}" if found else _QUOTED.sub("…", str(error))
    return Problem(
        "malformed-dictionary", rule=rule if "not TOML" not in rule or found else "the dictionary is not TOML"
    )


def _prediction(error: Exception) -> Problem:
    assert isinstance(error, PredictionRefusedError)  # noqa: S101  # as the table below has it
    if error.reason in {"LEDGER_STALE", "LEDGER_MISMATCH"}:
        return Problem("ledger-stale")
    return Problem("prediction-refused", reason=error.reason)


def _model(error: Exception) -> Problem:
    return Problem("ledger-stale" if str(error).startswith("LEDGER_") else "model-refused")


def _budget(error: Exception) -> Problem:
    assert isinstance(error, BudgetSpentError)  # noqa: S101  # as the table below has it
    return Problem("budget-spent", until=None if error.until is None else int(error.until.timestamp()))


_PROBLEMS: Final[dict[type[Exception], Callable[[Exception], Problem]]] = {
    TokenExpiredError: _named("token-expired"),
    TokenInvalidError: _named("unauthenticated"),
    StudyClosedError: _named("study-closed"),
    StudyNotApprovedError: _named("study-not-approved"),
    StudyConflictError: _named("conflict"),
    StudyNotRecruitingError: _named("not-recruiting"),
    UnknownStudyError: _named("not-found"),
    UnknownRequestError: _named("not-found"),
    AnswersUnknownError: _named("ledger-stale"),
    PurposeNeedsAPersonError: _named("purpose-needs-a-person"),
    StudyRefusedError: _named("study-refused"),
    InvalidStudyError: _with_rule("malformed-study"),
    InvalidDataUseError: _named("malformed-study"),
    CohortError: _with_rule("malformed-cohort"),
    DictionaryError: _dictionary,
    ParametersError: _named("malformed-parameters"),
    TrainingJobError: _named("malformed-parameters"),
    CategoryNotAskedError: _named("category-not-asked"),
    CategoryNeededError: _named("category-not-asked"),
    BudgetSpentError: _budget,
    SnapshotNotReadyError: _named("snapshot-not-ready"),
    UnknownCohortError: _named("not-found"),
    UnknownJobError: _named("not-found"),
    NoCardError: _named("not-found"),
    UnknownPatientError: lambda _: Problem("prediction-refused", reason="NO_GRANT"),
    IdentifierError: lambda _: Problem("prediction-refused", reason="NO_GRANT"),
    ReleaseUnknownError: _named("ledger-stale"),
    PredictionRefusedError: _prediction,
    ModelRefusedError: _model,
    TrainingError: _named("conflict"),
    work.PurposeMismatchError: _named("purpose-mismatch"),
    work.PurposeUnresolvedError: _named("purpose-needs-a-person"),
    work.ConsentGoneError: _named("consent-gone"),
    work.LedgerStaleError: _named("ledger-stale"),
    work.NotInProtocolError: _named("purpose-mismatch"),
}
"""By class; of several that fit, the nearest counts."""


def problem_from(error: Exception) -> Problem | None:
    """Return the problem that an exception is, None for what nobody foresaw."""
    if isinstance(error, HTTPError):
        return malformed(error) if error.__cause__ is not None else Problem("malformed-request")
    if isinstance(error, HTTPException):
        return problem_of(error)
    for cls in type(error).__mro__:
        if cls in _PROBLEMS:
            return _PROBLEMS[cls](error)
    if isinstance(error, ConsentError | VaultError | AnalyticsError):
        return Problem("unavailable")
    return None


def explain(app: Flask) -> None:
    """Answer every failure of `app` with a problem document; what was not foreseen is logged and told as broken."""

    def explained(error: Exception) -> Response:
        problem = problem_from(error)
        if problem is None:
            current_app.logger.error("a request broke", exc_info=error)
            problem = Problem("broken")
        elif problem.kind.slug == "unavailable":
            current_app.logger.warning("a request could not be served", exc_info=error)
        headers = {} if not isinstance(error, HTTPException) else dict(error.get_response().headers)
        return answer(problem, headers={name: headers[name] for name in ("Allow", "Retry-After") if name in headers})

    for kind in (Exception, HTTPError):  # APIFlask has a way of its own with the second
        app.register_error_handler(kind, explained)

"""Studies: what waits for a decision, what was decided, and the pages that ask once more before it is.

| path | does |
| --- | --- |
| `/staff` | lists them |
| `/staff/studies/<study>` | shows one as patients will read it |
| `/staff/studies/<study>/approve`, `/refuse`, `/close` | asks once more, and does it |
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from flask import Blueprint, flash, redirect, render_template, request
from flask.typing import ResponseReturnValue
from flask_limiter import Limiter

from consent.domain.study import InvalidStudyError, StudyConflictError
from consent.services.desk.clients import UnknownClientError
from consent.services.desk.drafts import PurposeNeedsAPersonError
from consent.services.desk.study_views import StudyState
from consent.services.studies.registration import LONGEST_REASON
from consent.web.staff.member import MEMBERS, OPERATORS, member
from consent.web.staff.room import StaffRoom
from consent.web.staff.routes import StaffRoute, pages
from consent.web.staff.shown import DECIDED, Shown, listed, shown

LONGEST_ETHICS: Final = 200
_STUDY: Final = "/studies/<study>"
_NO_ETHICS: Final = f"Write the ethics reference: one line of at most {LONGEST_ETHICS} printable characters."
_NO_REASON: Final = f"Write the reason: one line of at most {LONGEST_REASON} printable characters."
Errors = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class StudyPages:
    """The list of studies, one study, and what an operator does with it."""

    room: StaffRoom

    def blueprint(self, limiter: Limiter) -> Blueprint:
        """Return the pages at their paths."""
        return pages(
            "studies",
            limiter,
            [
                StaffRoute(MEMBERS, "GET", "", self.index),
                StaffRoute(MEMBERS, "GET", _STUDY, self.one),
                StaffRoute(OPERATORS, "GET", f"{_STUDY}/approve", self.ask_approve),
                StaffRoute(OPERATORS, "POST", f"{_STUDY}/approve", self.approve),
                StaffRoute(OPERATORS, "GET", f"{_STUDY}/refuse", self.ask_refuse),
                StaffRoute(OPERATORS, "POST", f"{_STUDY}/refuse", self.refuse),
                StaffRoute(OPERATORS, "GET", f"{_STUDY}/close", self.ask_close),
                StaffRoute(OPERATORS, "POST", f"{_STUDY}/close", self.close),
            ],
        )

    def index(self) -> ResponseReturnValue:
        """List what waits, longest first, and what was decided, newest first."""
        views = sorted(self.room.drafts.listed(), key=lambda view: (view.changed, view.id))
        waiting = [listed(view) for view in views if view.state is StudyState.SUBMITTED]
        groups = [
            (heading, [listed(view) for view in reversed(views) if view.state is state])
            for state, heading in DECIDED.items()
        ]
        return render_template("staff/studies.html", waiting=waiting, groups=[one for one in groups if one[1]])

    def one(self, study: str) -> ResponseReturnValue:
        """Show a study as patients will read it."""
        return render_template("staff/study.html", study=self._shown(study))

    def ask_approve(self, study: str) -> ResponseReturnValue:
        """Ask once more, and for the ethics reference."""
        found = self._seen(study)
        return self._again(found, "approve", ethics=found.ethics)

    def approve(self, study: str) -> ResponseReturnValue:
        """Approve what was read, and nothing else."""
        found, ethics, reason = self._seen(study), _line("ethics"), _line("reason")
        needs_reason = found.line.needs_a_person
        errors = [("ethics", _NO_ETHICS)] if not _is_line(ethics, LONGEST_ETHICS) else []
        if needs_reason and not _is_line(reason, LONGEST_REASON):
            errors.append(("reason", _NO_REASON))
        if errors:
            return self._again(found, "approve", errors, ethics=ethics, reason=reason)
        try:
            why, now = reason if needs_reason else "", self.room.clock()
            self.room.drafts.approve(study, ethics, now, why, found.definition, member().name)
        except UnknownClientError:
            gone = "The client that wrote this study was revoked, so nobody could work with it. Refuse it instead."
            return self._again(found, "approve", [("ethics", gone)], ethics=ethics, reason=reason)
        except (StudyConflictError, PurposeNeedsAPersonError):
            raise
        except InvalidStudyError:
            wrong = "This cannot be an ethics reference. Correct it."
            return self._again(found, "approve", [("ethics", wrong)], ethics=ethics, reason=reason)
        flash("The study is approved, and its client is a member of it. Nobody is asked until the client asks.")
        return redirect(f"/staff/studies/{study}")

    def ask_refuse(self, study: str) -> ResponseReturnValue:
        """Ask once more, and for a reason."""
        return self._again(self._seen(study), "refuse")

    def refuse(self, study: str) -> ResponseReturnValue:
        """Refuse what was read."""
        found, reason = self._seen(study), _line("reason")
        if not _is_line(reason, LONGEST_REASON):
            return self._again(found, "refuse", [("reason", _NO_REASON)], reason=reason)
        self.room.drafts.refuse(study, reason, self.room.clock(), found.definition, member().name)
        flash("The study is refused. Its client reads your reason, may change the study, and may submit it again.")
        return redirect(f"/staff/studies/{study}")

    def ask_close(self, study: str) -> ResponseReturnValue:
        """Ask once more."""
        found = self._shown(study)
        if not found.open:
            raise StudyConflictError("the study is not open: nothing was done")
        return render_template("staff/close.html", study=found)

    def close(self, study: str) -> ResponseReturnValue:
        """Close a study for good."""
        retired = self.room.drafts.close(study, self.room.clock())
        models = {0: "It had no model in use.", 1: "Its model was withdrawn."}
        flash(f"The study is closed. {models.get(retired, f'{retired} of its models were withdrawn.')}")
        return redirect(f"/staff/studies/{study}")

    def _again(self, found: Shown, act: str, errors: Errors = (), **typed: str) -> ResponseReturnValue:
        """Show the page that asks once more, with what is wrong on it."""
        page = render_template(f"staff/{act}.html", study=found, errors=errors, typed=typed, most=LONGEST_REASON)
        return page, HTTPStatus.UNPROCESSABLE_ENTITY if errors else HTTPStatus.OK

    def _shown(self, study: str) -> Shown:
        return shown(self.room.drafts.view(study), self.room.clock())

    def _seen(self, study: str) -> Shown:
        """Return a study that waits and is what was read; a client may change what it submitted at any time."""
        found, seen = self._shown(study), request.values.get("seen", "")
        if not found.waits or not re.fullmatch(r"[0-9a-f]{64}", seen) or seen != found.definition:
            raise StudyConflictError("the study is not the one that was read: read it again")
        return found


def _line(name: str) -> str:
    """Return what was typed, as one line."""
    return " ".join(request.form.get(name, "").split())


def _is_line(text: str, most: int) -> bool:
    return 0 < len(text) <= most and text.isprintable()

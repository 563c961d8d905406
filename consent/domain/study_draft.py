"""A study as its researcher wrote it, before anybody approved it: its ethics reference may still be missing.

    draft = StudyDraft.from_json(value)
    draft.review()                   # Review.READY: no person must look at its purpose
    draft.approved("EC 2026/1")      # the Study that people may be asked about

Pure: no clock, no database.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from consent.domain.data_use import InvalidDataUseError, Outcome, match, permission_for
from consent.domain.hashing import Json, NotCanonicalError, canonical_json, sha256
from consent.domain.study import InvalidStudyError, Study, StudyRefusedError

MAX_BYTES: Final = 32 * 1024
"""Bytes of a draft's canonical JSON."""
_UNNAMED: Final = "not named yet"
"""Stands for the ethics reference inside, while there is none."""


class Review(StrEnum):
    """What an operator has to do with a draft's purpose."""

    READY = "ready"
    NEEDS_A_PERSON = "needs-a-person"
    """The purpose has names that no machine decides: approving it takes a reason."""


@dataclass(frozen=True, slots=True)
class StudyDraft:
    """What a researcher would like to ask; `named` says whether they named an ethics reference."""

    study: Study
    named: bool

    @classmethod
    def from_json(cls, value: Mapping[str, Json]) -> "StudyDraft":
        """Read a draft: the JSON of a study, whose `ethics` may be empty.

        Raises `InvalidStudyError`, and `StudyRefusedError` for a purpose that nobody may have.
        """
        if not isinstance(value, Mapping):
            raise InvalidStudyError("a study is an object of fields")
        named = value.get("ethics") != ""
        draft = cls(Study.from_json(value if named else {**value, "ethics": _UNNAMED}), named)
        try:
            _require_plain(draft.study)
            size = len(draft.to_bytes())
        except (NotCanonicalError, TypeError) as error:
            raise InvalidStudyError("this study holds a value of the wrong kind") from error
        if size > MAX_BYTES:
            raise InvalidStudyError(f"a study's definition is at most {MAX_BYTES // 1024} KiB: shorten its texts")
        return draft

    def to_json(self) -> dict[str, Json]:
        """Return what `from_json` reads."""
        return self.study.to_json() | ({} if self.named else {"ethics": ""})

    def to_bytes(self) -> bytes:
        """Return the canonical JSON: what is stored, and what an operator decides on."""
        return canonical_json(self.to_json())

    def hash(self) -> str:
        """Return the SHA-256 of those bytes, 64 hex digits."""
        return sha256(self.to_bytes()).hex()

    @property
    def names(self) -> tuple[str, ...]:
        """The names in its purpose that no machine decides, sorted."""
        return tuple(sorted(self.study.data_use.other))

    def review(self) -> Review:
        """Say what an operator has to do; raise `StudyRefusedError` where no permission of people could cover it."""
        requested = self.study.data_use
        try:
            permitted = permission_for(replace(requested, other=frozenset()))
        except InvalidDataUseError as error:
            raise StudyRefusedError(f"no consent could cover this study: {error}") from error
        covered = match(permitted, requested, str.__eq__).outcome is Outcome.APPROVE
        return Review.READY if covered else Review.NEEDS_A_PERSON

    def approved(self, ethics: str) -> Study:
        """Return the study under an ethics reference, its purpose without the names that a person has resolved.

        Raises `InvalidStudyError` for what is no such reference.
        """
        purpose = replace(self.study.data_use, other=frozenset())
        return replace(self.study, ethics=ethics, data_use=purpose)


def _require_plain(study: Study) -> None:
    """Refuse letters of other scripts in a purpose, some of which look like Latin ones, and protocols that are none."""
    if not all(name.isascii() for name in study.data_use.other | study.data_use.diseases):
        raise InvalidStudyError("name a purpose and diseases in plain Latin letters, or diseases by their codes")
    if not all(re.fullmatch(r"[0-9a-f]{64}", protocol) for protocol in study.protocols):
        raise InvalidStudyError("a protocol is 64 hex digits")

"""The consents that a bundle's entries name, as their patients signed them.

consents.ndjson   {"consent": id, "signed": {…}}      sorted by id
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from consent.domain.bundle import CONSENTS
from consent.domain.hashing import Json
from consent.domain.signed_consent import SignedConsent
from consent.domain.terms import SubjectId
from consent.ports import StoredConsent, Unit
from consent.services.book import ConsentBook
from consent.services.bundles.scopes import BundleError
from consent.services.bundles.selecting import Selection
from consent.services.bundles.spool import Spool

_AT_ONCE: Final = 500


@dataclass(slots=True)
class ConsentFile:
    """Writes consents; `ids` are those written, by commitment."""

    book: ConsentBook
    ids: dict[bytes, str] = field(default_factory=dict)

    def add(self, spool: Spool, unit: Unit, selection: Selection) -> None:
        """Add every consent that is named and whose person has a key.

        Raises `BundleError` where a key was deleted of which the entries do not tell: they are older than the deletion.
        One that is damaged is left out: an auditor is to find that.
        """
        missing: set[SubjectId] = set()
        spool.add_lines(CONSENTS, self._lines(unit, selection.consents, missing))
        if self.book.vault.keys.keyless(missing - selection.deleted):
            raise BundleError(
                "somebody was erased after this checkpoint or just now: take the newest, with --newest, or try again"
            )

    def _lines(
        self, unit: Unit, named: Mapping[str, SubjectId], missing: set[SubjectId]
    ) -> Iterator[Mapping[str, Json]]:  # fmt: skip
        coming = iter(sorted(named))
        while ids := list(islice(coming, _AT_ONCE)):
            stored = sorted(unit.consents.of_ids(ids), key=lambda one: one.id)
            opened = self._opened(stored)
            missing.update(named[one] for one in set(ids) - opened.keys())
            yield from opened.values()

    def _opened(self, stored: Sequence[StoredConsent]) -> dict[str, Mapping[str, Json]]:
        lines: dict[str, Mapping[str, Json]] = {}
        for consent, signed in zip(stored, self.book.opened(stored), strict=True):
            if signed is not None:
                self.ids[signed.grant.commitment] = consent.id
                lines[consent.id] = _line(consent.id, signed)
        return lines


def _line(consent: str, signed: SignedConsent) -> dict[str, Json]:
    told: Json = json.loads(signed.to_bytes())
    return {"consent": consent, "signed": told}

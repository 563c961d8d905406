"""What views give the portal's pages, as plain objects, with one string of mischief wherever others write."""

from datetime import UTC, date, datetime
from types import SimpleNamespace
from typing import Any, Final

ODD: Final = "<script>alert('odd')</script>"
"""What a researcher or an operator could write into any field of theirs."""

TELEPHONE: Final = "+49 30 1234 5678"


def status(tone: str = "on") -> SimpleNamespace:
    """Return a status as a chip shows it."""
    return SimpleNamespace(word=ODD, tone=tone)


def card(tone: str = "on", stopped: datetime | None = None) -> SimpleNamespace:
    """Return one consent as home, the list and the detail show it."""
    return SimpleNamespace(
        id="c1",
        language="en",
        title=ODD,
        institution=ODD,
        who=ODD,
        what=ODD,
        why=ODD,
        until=ODD,
        status=status(tone),
        since=date(2026, 5, 3),
        ends=date(2027, 6, 30),
        stopped=stopped,
    )


ASKED: Final = SimpleNamespace(
    id="r1",
    language="en",
    title=ODD,
    institution=ODD,
    text=ODD,
    required=[("demographics", ODD, 2), ("laboratory", ODD, 1480)],
    optional=[("notes", ODD, 0)],
    operations=ODD,
    purpose=ODD,
    how_long=None,
    not_given=[ODD],
)
STOP: Final = SimpleNamespace(
    title=ODD,
    number=1,
    institution=ODD,
    at=datetime(2026, 11, 26, 14, 5, tzinfo=UTC),
    by="You",
    entry=4812,
    receipt="/consents/c1/receipt.json",
)
NEUTRAL: Final = SimpleNamespace(number=1, id="c1", allowed=date(2026, 5, 3), until=date(2027, 6, 30))
KEPT: Final = SimpleNamespace(
    receipt=SimpleNamespace(index=4812, action="stop"), consent="c1", title=ODD, institution=ODD
)
RECORD: Final = SimpleNamespace(
    id="d1", parts=[(ODD, date(2026, 5, 3), [(ODD, ODD)])], version=2, replaced=1, file=True, raw=[ODD]
)
MADE: Final = datetime(2026, 11, 1, tzinfo=UTC)
LINE: Final = SimpleNamespace(
    index=4812,
    at=STOP.at,
    what=ODD,
    who=ODD,
    kinds=ODD,
    use=ODD,
    why=ODD,
    consent="c1",
    chip=status(),
    report=None,
    about=4800,
    answer="/consents/c1/risk/4812",
)
_LAST_TIME: Final = {"categories": [ODD], "years": "all", "months": "2027-06"}
_STEP: Final = {"asked": ASKED, "step": 1, "of": 4, "signed_in": True, "before": _LAST_TIME}

PAGES: Final[dict[str, dict[str, Any]]] = {
    "welcome": {},
    "start": {"errors": [("code", ODD)]},
    "set_up_intro": {},
    "preferences": {"signed_in": True, "email": ODD, "errors": [("email", ODD)], "new": True},
    "stop_code": {"errors": [("email", ODD)]},
    "stop_code_sent": {},
    "stop_only": {"stopping": True, "studies": [NEUTRAL]},
    "home": {
        "total": 3,
        "others": [],
        "signed_in": True,
        "cards": [card()],
        "count": 2,
        "requests": 1,
        "waiting": 1,
        "trouble": ODD,
        "said": ODD,
    },
    "requests": {"signed_in": True, "asked": [ASKED], "page": 2, "pages": 3},
    "request": {"signed_in": True, "asked": ASKED},
    "choose": _STEP | {"errors": [("required", ODD)]},
    "when": _STEP | {"windows": [("all", ODD)], "ends": [("2027-06", ODD)], "errors": [("end", ODD)]},
    "questions": _STEP | {"mistaken": ["undo"], "errors": [("undo", ODD)]},
    "check": _STEP | {"sentences": card(), "spoken": "en"},
    "consents": {
        "signed_in": True,
        "in_force": [card(), card("wait")],
        "ending_soon": [card("soon")],
        "ended": [card("off", STOP.at)],
        "page": 1,
        "pages": 2,
    },
    "stop": {"signed_in": True, "cards": [card()], "action": "/consents/c1/stop", "onward": "/"},
    "stopped": {"signed_in": True, "stops": [STOP], "onward": "/"},
    "consent": {"signed_in": True, "card": card(), "technical": [(ODD, ODD)], "risk": True, "changed": "/requests/r1"},
    "risk": {"signed_in": True, "consent": "c1", "title": ODD, "spoken": "en", "refusal": ODD},
    "risk_answer": {
        "signed_in": True,
        "consent": "c1",
        "title": ODD,
        "spoken": "en",
        "outcome": ODD,
        "of_hundred": "about 12 of 100",
        "day": date(2026, 5, 3),
        "days": 90,
        "up": [(ODD, ODD)],
        "down": [(ODD, "")],
        "technical": [(ODD, ODD)],
    },
    "erase": {
        "signed_in": True,
        "outlook": SimpleNamespace(final=STOP.at, held=True, trained=[ODD], copied=[ODD]),
    },
    "erasure": {
        "code": "c1",
        "steps": [
            SimpleNamespace(words=ODD, hint=ODD, at=STOP.at, waits="", by=None),
            SimpleNamespace(words=ODD, hint=ODD, at=None, waits=ODD, by=STOP.at),
            SimpleNamespace(words=ODD, hint=ODD, at=None, waits=ODD, by=None),
        ],
        "held": True,
        "until": STOP.at,
        "final": False,
        "others_by": STOP.at,
        "late": True,
        "receipt": SimpleNamespace(attested=ODD, index=4812),
        "drawing": "data:,",
    },
    "receipts": {"signed_in": True, "rows": [(KEPT, ODD, STOP.at)], "older": 17, "first": False},
    "receipt": {
        "signed_in": True,
        "kept": KEPT,
        "act": ODD,
        "at": STOP.at,
        "by": ODD,
        "drawing": "data:,",
        "check": ODD,
        "fields": [(ODD, ODD)],
    },
    "check_receipt": {
        "findings": [(ODD, True), (ODD, False)],
        "holds": False,
        "receipt": KEPT.receipt,
        "what": ODD,
        "at": STOP.at,
    },
    "records": {"signed_in": True, "kinds": [("laboratory", ODD, 2, [ODD])], "trouble": True},
    "kind": {
        "signed_in": True,
        "kind": "notes",
        "title": ODD,
        "records": [RECORD],
        "total": 2,
        "page": 1,
        "pages": 2,
    },
    "record": {"signed_in": True, "kind": "notes", "title": ODD, "record": RECORD},
    "activity": {
        "signed_in": True,
        "lines": [LINE],
        "filters": [("all", ODD, True), ("uses", ODD, False)],
        "shown": "all",
        "older": 17,
        "first": False,
    },
    "line": {"signed_in": True, "line": LINE, "technical": [(ODD, ODD)], "errors": [("text", ODD)], "longest": 1000},
    "keys": {
        "signed_in": True,
        "ways": [
            (
                SimpleNamespace(id="w1", kind="passkey", removable=True, made=datetime(2026, 11, 1, tzinfo=UTC)),
                ODD,
                ODD,
            ),
            (SimpleNamespace(id="w2", kind="recovery", removable=False, made=None), ODD, ODD),
        ],
        "due": datetime(2026, 11, 29, tzinfo=UTC),
    },
    "remove_way": {"signed_in": True, "way": SimpleNamespace(id="w1", made=MADE), "words": ODD, "hint": ODD},
    "new_key_waits": {"said": ODD},
    "copy_ready": {"signed_in": True, "ticket": "t1"},
    "you": {"signed_in": True, "said": ODD},
    "wishes": {
        "signed_in": True,
        "counted": True,
        "kinds": [("health", ODD, ODD, False), ("profit", ODD, ODD, True)],
        "declined": [SimpleNamespace(id="r1", title=ODD, institution=ODD)],
    },
    "problem": {"title": ODD, "sentence": ODD},
    "demo": {"demo": True, "people": [("1", ODD, ODD)]},
}
"""Each page of the portal by the name of its template, with what its view gives."""

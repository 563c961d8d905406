"""One consent side by side, as a table: what log, database, signed payload and chain each say of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from consent.domain.entry import blinded
from consent.services.console.reconciling import Differing
from consent.services.console.sides import Difference, Sides
from consent.web.staff.audit_words import stamp

NAMES: Final = ("Log", "Database", "Signed", "Chain")
NOTHING: Final = ""


@dataclass(frozen=True, slots=True)
class Line:
    """One thing, as each side says it; "" where a side says nothing. `code` is for hashes and names."""

    name: str
    cells: Sequence[str]
    differs: bool
    code: bool = False


def table(found: Differing) -> list[Line]:
    """Return a consent as lines."""
    sides, differs = found.sides, set(found.differences)
    lines = (
        ("Person", _people(sides), {Difference.OTHER_SUBJECT}, True),
        ("Study", _studies(sides), {Difference.OTHER_STUDY}, True),
        ("Kinds of record", _categories(sides), {Difference.OTHER_CATEGORIES}, False),
        ("Given", _given(sides), {Difference.NOT_LOGGED, Difference.ROW_MISSING, Difference.NOT_ON_CHAIN}, False),
        ("Ends", _ends(sides), {Difference.OTHER_EXPIRY}, False),
        ("Stopped", _stops(sides), _STOPS, False),
        ("Commitment", _commitments(sides), _COMMITMENTS - {Difference.OTHER_COMMITMENT}, True),
        ("Blinded commitment", _blinded(sides), {Difference.OTHER_COMMITMENT}, True),
        ("Address", _addresses(sides), {Difference.SIGNATURE, Difference.CERTIFICATE}, True),
    )
    return [Line(name, cells, bool(differs & about), code) for name, cells, about, code in lines]


_STOPS: Final = {Difference.STOP_NOT_LOGGED, Difference.STOP_NOT_STORED, Difference.STOP_NOT_ON_CHAIN}
_COMMITMENTS: Final = {Difference.OTHER_COMMITMENT, Difference.UNREADABLE, Difference.OTHER_WORDS}


def _people(sides: Sides) -> Sequence[str]:
    return (
        sides.given.subject if sides.given else NOTHING,
        sides.row.subject if sides.row else NOTHING,
        sides.signed.terms.subject if sides.signed else NOTHING,
        NOTHING,
    )


def _studies(sides: Sides) -> Sequence[str]:
    signed = sides.signed.terms.study.id if sides.signed else NOTHING
    return sides.given.study if sides.given else NOTHING, NOTHING, signed, NOTHING


def _categories(sides: Sides) -> Sequence[str]:
    logged = ", ".join(sides.given.categories) if sides.given else NOTHING
    return logged, NOTHING, ", ".join(sorted(sides.signed.terms.categories)) if sides.signed else NOTHING, NOTHING


def _given(sides: Sides) -> Sequence[str]:
    logged = f"{stamp(sides.given.time)}, entry {sides.given.index:,}" if sides.given else NOTHING
    row = ("a row that opens" if sides.signed else "a row that does not open") if sides.row else "no row"
    on_chain = f"block {sides.chain.granted_block:,}" if sides.chain and sides.chain.granted_block is not None else "no"
    return logged, "erased" if sides.gone else row, _signed(sides), NOTHING if sides.gone else on_chain


def _signed(sides: Sides) -> str:
    return "certified" if sides.certified else "not certified" if sides.signed else NOTHING


def _ends(sides: Sides) -> Sequence[str]:
    signed = stamp(int(sides.signed.terms.expires.timestamp())) if sides.signed else NOTHING
    return NOTHING, NOTHING, signed, stamp(sides.chain.expires) if sides.chain and sides.chain.expires else NOTHING


def _stops(sides: Sides) -> Sequence[str]:
    logged = f"{stamp(sides.stopped.time)} by {sides.stopped.actor}" if sides.stopped else "no"
    row = NOTHING if sides.row is None else "yes" if sides.row.stopped else "no"
    return logged, row, NOTHING, NOTHING if sides.gone or sides.chain is None else _on_chain(sides)


def _on_chain(sides: Sides) -> str:
    if sides.chain is None or not sides.revoked:
        return "no"
    block = sides.chain.revoked_block
    return f"block {block:,}" if block is not None else "in a block that was replaced"


def _commitments(sides: Sides) -> Sequence[str]:
    details = sides.details()
    signed = details.commitment.hex() if details else NOTHING
    return NOTHING, NOTHING, signed, _hex(sides, "commitment")


def _blinded(sides: Sides) -> Sequence[str]:
    details, signed = sides.details(), sides.signed
    computed = blinded(signed.entry_key, details.commitment, signed.patient) if details and signed else NOTHING
    return sides.given.private if sides.given else NOTHING, NOTHING, computed, NOTHING


def _addresses(sides: Sides) -> Sequence[str]:
    signed = f"0x{sides.signed.patient.hex()}" if sides.signed else NOTHING
    return NOTHING, NOTHING, signed, _hex(sides, "patient", "0x")


def _hex(sides: Sides, name: str, before: str = "") -> str:
    return f"{before}{getattr(sides.chain, name).hex()}" if sides.chain else NOTHING

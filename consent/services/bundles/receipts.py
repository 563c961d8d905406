"""The smallest bundle: one receipt with its entry, and the proof that a signed checkpoint covers it.

It says nothing that the receipt does not say, so the log has no entry of it.
"""

import io
from collections.abc import Callable

from consent.domain.bundle import RECEIPTS, Contents, Kind
from consent.domain.receipt import Receipt
from consent.ports import Unit
from consent.services.bundles.log_files import add_entries, add_log
from consent.services.bundles.scopes import BundleError
from consent.services.bundles.spool import Spool
from consent.services.bundles.standing import Standing, standing


def receipt_bundle(unit: Unit, receipt: Receipt, made: int, sign: Callable[[bytes], bytes]) -> bytes | None:
    """Return the zip of a receipt, `made` in Unix seconds; None where no signed checkpoint covers its entry yet."""
    stands = _covering(unit, receipt.index)
    if stands is None:
        return None
    spool, target = Spool(io.BytesIO()), io.BytesIO()
    add_log(spool, unit, stands, ())
    add_entries(spool, unit, stands, [receipt.index])
    spool.add_lines(RECEIPTS, [receipt.to_json()])
    contents = Contents(Kind.RECEIPT, {"index": receipt.index}, receipt.origin, made, stands.size, spool.files)
    spool.written(contents, target, sign)
    return target.getvalue()


def _covering(unit: Unit, index: int) -> Standing | None:
    """Return the newest certified checkpoint, or where that does not cover an entry the newest one that does."""
    for certified in (True, False):
        try:
            stands = standing(unit, certified=certified)
        except BundleError:  # none was signed yet
            return None
        if index < stands.size:
            return stands
    return None

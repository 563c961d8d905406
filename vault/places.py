"""Where a sealed thing belongs: its context. Moved to any other place, it does not open.

Contexts of records are put together by hand, in the pieces that many have in common: one is made for every record.
"""

from collections.abc import Callable
from functools import lru_cache

from vault.cobblestone import bind


def record_places(tenant: str, subject: str) -> Callable[[str, int, str], bytes]:
    """Return the function that gives the context of one subject's records, from record id, version and category.

    Each is `bind` of scheme, tenant, subject, record id, version, category.
    """
    whose = subject.encode()
    head = _head(tenant) + len(whose).to_bytes(4, "big") + whose

    def place(record_id: str, version: int, category: str) -> bytes:
        name = record_id.encode()
        return head + len(name).to_bytes(4, "big") + name + _tail(version, category)

    return place


def part_place(tenant: str, subject: str, label: str, context: bytes) -> bytes:
    """Return the context of a personal part of another table."""
    return bind(b"vault.part.v1", tenant.encode(), subject.encode(), label.encode(), context)


def attachment_place(record: bytes, number: int, *, last: bool) -> bytes:
    """Return the context of one part of an attachment, from its record's own context."""
    return bind(b"vault.attachment.v1", record, b"%d" % number, b"last" if last else b"more")


@lru_cache(maxsize=16)
def _head(tenant: str) -> bytes:
    return bind(b"vault.record.v1", tenant.encode())


@lru_cache(maxsize=1024)
def _tail(version: int, category: str) -> bytes:
    return bind(str(version).encode(), category.encode())

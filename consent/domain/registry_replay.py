"""The registry as its events make it: what was granted and revoked, and when. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from consent.domain.history import Event, Granted
from consent.domain.typed_data import Address

Key = tuple[Address, bytes]
"""An address and a commitment of it."""


@dataclass(frozen=True, slots=True)
class Chain:
    """The registry as replayed from its events: when each commitment of each address was granted and revoked."""

    events: Sequence[Event]
    grants: Mapping[Key, Granted]
    revoked_block: Mapping[Key, int]
    revoked_time: Mapping[Key, int]

    @classmethod
    def replayed(cls, events: Sequence[Event]) -> "Chain":
        """Replay events in log order; the first grant and the first revocation of a commitment stand."""
        grants: dict[Key, Granted] = {}
        revoked: dict[Key, int] = {}
        times: dict[Key, int] = {}
        for event in events:
            key = (event.patient, event.commitment)
            if isinstance(event, Granted):
                grants.setdefault(key, event)
            else:
                revoked.setdefault(key, event.block)
                times.setdefault(key, event.time)
        return cls(events, grants, revoked, times)

    def in_force(self, key: Key, block: int, time: int) -> bool:
        """Say whether a grant stood after `block`, whose time is `time` (Unix seconds)."""
        grant = self.grants.get(key)
        if grant is None or grant.block > block or grant.expires <= time:
            return False
        return self.revoked_block.get(key, block + 1) > block

"""The registries' state in memory, as events make it, with the way back when blocks are replaced. Pure.

A grant that was in a replaced block is none until it is in another. A revocation still counts then, as dropped, until
the number of its block is final without it: whoever can move the chain must not be able to undo a revocation for long.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from consent.domain.history import Event, Granted
from consent.domain.registry_replay import Key
from consent.ports import ModelChange, ModelStatus, ProjectedGrant, ProjectedModel


@dataclass(slots=True)
class ChainCopy:
    """Everybody's commitments, for anyone may publish: what is a stranger's today may be handed in tomorrow.

    Attributes:
        rows: what the chain says of each commitment of each address.
        touched: keys whose rows changed since somebody last looked and cleared this.
        recent: events that may yet be undone, in log order.
    """

    rows: dict[Key, ProjectedGrant] = field(default_factory=dict)
    touched: set[Key] = field(default_factory=set)
    recent: list[Event] = field(default_factory=list)
    _changes: list[ModelChange] = field(default_factory=list)
    _dropped: set[Key] = field(default_factory=set)

    def take(self, events: Iterable[Event], changes: Iterable[ModelChange]) -> None:
        """Take up what the next blocks hold."""
        for event in events:
            key = (event.patient, event.commitment)
            self._put(key, _after(self.rows.get(key) or ProjectedGrant(*key), event))
            self.recent.append(event)
        self._changes += changes

    def rewind(self, to: int) -> None:
        """Undo what happened after block `to`, which stands."""
        for event in self.recent:
            if event.block > to:
                key = (event.patient, event.commitment)
                self._put(key, _before(self.rows[key], to))
        self.recent = [event for event in self.recent if event.block <= to]
        self._changes = [change for change in self._changes if change.block <= to]

    def remember(self, stored: Mapping[Key, ProjectedGrant]) -> None:
        """After a restart: what was seen revoked, and is not on the chain as it is now, was in a block that is gone."""
        for key, row in stored.items():
            seen = max(-1 if block is None else block for block in (row.revoked_block, row.dropped_block))
            now = self.rows.get(key) or ProjectedGrant(*key)
            if seen >= 0 and now.revoked_block is None:
                self._put(key, replace(now, dropped_block=seen))

    def let_go(self, final: int) -> None:
        """Forget dropped revocations whose block's number is final, and so is final without them."""
        for key in list(self._dropped):
            row = self.rows[key]
            if row.dropped_block is not None and row.dropped_block <= final:
                self._put(key, replace(row, dropped_block=None))

    def settle(self, until: int) -> None:
        """Give up the way back to blocks before `until`."""
        self.recent = [event for event in self.recent if event.block > until]

    def models(self, final: int) -> dict[bytes, ProjectedModel]:
        """Return each model as it counts: ACTIVE once that is final, SUSPENDED and RETIRED from any block."""
        found: dict[bytes, ProjectedModel] = {}
        for change in self._changes:
            if change.status is not ModelStatus.ACTIVE or change.block <= final:
                known = found.get(change.model)
                manifest = change.manifest or (known.manifest if known else bytes(32))
                found[change.model] = ProjectedModel(change.model, change.status, manifest)
        return found

    def active_after(self, changes: Iterable[ModelChange]) -> list[bytes]:
        """Return the models that are ACTIVE after these changes, final or not."""
        latest = {change.model: change.status for change in (*self._changes, *changes)}
        return [model for model, status in latest.items() if status is ModelStatus.ACTIVE]

    def _put(self, key: Key, row: ProjectedGrant) -> None:
        self.rows[key] = row
        self.touched.add(key)
        (self._dropped.discard if row.dropped_block is None else self._dropped.add)(key)


def _after(row: ProjectedGrant, event: Event) -> ProjectedGrant:
    """Return a row after one more event; the first grant and the first revocation of a commitment stand."""
    if isinstance(event, Granted):
        known = row.granted_block is not None
        return row if known else replace(row, expires=event.expires, granted_block=event.block)
    return row if row.revoked_block is not None else replace(row, revoked_block=event.block, dropped_block=None)


def _before(row: ProjectedGrant, to: int) -> ProjectedGrant:
    """Return a row as it was after block `to`."""
    if row.granted_block is not None and row.granted_block > to:
        row = replace(row, expires=None, granted_block=None)
    if row.revoked_block is not None and row.revoked_block > to:
        row = replace(row, revoked_block=None, dropped_block=row.revoked_block)
    return row

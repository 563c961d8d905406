"""A child that runs the real services, and kills itself with SIGKILL just before its n-th durable act.

Durable is what another process could find afterwards: a commit on any database, a file that is synced, linked, renamed
or removed, a block of the embedded chain, a line of the stop list, of which it may write one half.
"""

import os
import signal
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event
from sqlalchemy.engine.default import DefaultDialect

from consent.adapters.chain_store import ChainStore

_READING = ("SELECT", "BEGIN", "ROLLBACK", "PRAGMA")
_FILES = ("fsync", "link", "replace", "unlink", "ftruncate")


@dataclass(slots=True)
class Fate:
    """Counts durable acts, and lets the process die just before one of them (0: none)."""

    dies_at: int
    acts: list[str] = field(default_factory=list)
    _writing: set[int] = field(default_factory=set)

    def next(self, act: str) -> None:
        """Count an act that is about to be done."""
        self.acts.append(act)
        if len(self.acts) == self.dies_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def watch(self, patch: pytest.MonkeyPatch) -> None:
        """Count from now on whatever this process does for good."""
        for name in _FILES:
            patch.setattr(os, name, self._counted(name, getattr(os, name)))
        patch.setattr(os, "write", self._halved(os.write))
        patch.setattr(DefaultDialect, "do_commit", self._committing(DefaultDialect.do_commit))
        patch.setattr(ChainStore, "commit", self._counted("block", ChainStore.commit))
        event.listen(Engine, "before_cursor_execute", self._statement)

    def _counted(self, name: str, act: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **named: Any) -> Any:
            self.next(name)
            return act(*arguments, **named)

        return counted

    def _committing(self, commit: Callable[[Any, Any], None]) -> Callable[[Any, Any], None]:
        def committing(dialect: Any, connection: Any) -> None:
            self._commit(getattr(connection, "dbapi_connection", connection))
            commit(dialect, connection)

        return committing

    def _halved(self, write: Callable[[int, bytes], int]) -> Callable[[int, bytes], int]:
        def writing(descriptor: int, content: bytes) -> int:
            self.next("write")
            if len(self.acts) + 1 == self.dies_at:
                write(descriptor, content[: len(content) // 2])
            self.next("half a write")
            return write(descriptor, content)

        return writing

    def _statement(self, _connection: object, cursor: Any, statement: str, *_: object) -> None:
        if statement == "COMMIT":
            self._commit(cursor.connection)
        elif not statement.startswith(_READING):
            self._writing.add(id(cursor.connection))

    def _commit(self, connection: object) -> None:
        """Count a commit of a transaction that wrote."""
        if id(connection) in self._writing:
            self._writing.discard(id(connection))
            self.next("commit")


def lives(act: Callable[[Fate], object]) -> bool:
    """Run `act` in a child of this process; say whether it lived to the end, or fail with what it raised.

    Nothing of an installation may be open here meanwhile.
    """
    child = os.fork()
    if child == 0:  # pragma: no cover  # in the child
        ended = 1
        try:
            act(Fate(0))
            ended = 0
        except BaseException:  # noqa: BLE001  # whatever it was: the test that waits for this child must hear of it
            traceback.print_exc()
        finally:
            os._exit(ended)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, "the child failed: see what it printed"
    return not os.WIFSIGNALED(status)


def acts_of(run: Callable[[Fate], object], told: Path) -> list[str]:
    """Return the durable acts of a run that nobody kills, in order."""

    def telling(fate: Fate) -> None:
        run(fate)
        told.write_text("\n".join(fate.acts))

    assert lives(telling)
    return told.read_text().split("\n")


def killed(run: Callable[[Fate], object], dies_at: int) -> bool:
    """Kill a run just before its n-th durable act; say whether it had that many."""

    def dying(fate: Fate) -> None:
        fate.dies_at = dies_at
        run(fate)

    return not lives(dying)

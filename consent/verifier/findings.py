"""What a verifier says: one finding for each thing checked, which stops at the first item that does not hold."""

from dataclasses import dataclass

from consent.domain.errors import ConsentError


class NotSoundError(ConsentError):
    """Something in a bundle is not as its format or a rule has it; the message says what, `item` says where."""

    def __init__(self, item: str, wrong: str) -> None:
        super().__init__(wrong)
        self.item = item


def number(count: int, one: str, many: str = "") -> str:
    """Return a count with what is counted, such as `1 stop` and `2,000 stops`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing checked.

    Attributes:
        name: of the check, such as `access.consented`.
        holds: whether it does; None: it could not be checked, and does not count as passed.
        seen: what was looked at, what is wrong, or why it could not be checked.
        item: the first thing that does not hold, such as `entry 812`; empty where nothing is wrong.
    """

    name: str
    holds: bool | None
    seen: str
    item: str = ""

    @classmethod
    def failed(cls, name: str, error: NotSoundError) -> "Finding":
        """Return the finding that something is wrong."""
        return cls(name, holds=False, seen=str(error), item=error.item)

    @classmethod
    def open(cls, name: str, why: str) -> "Finding":
        """Return the finding that nothing can be said, and why."""
        return cls(name, holds=None, seen=why)


@dataclass(slots=True)
class Rule:
    """A check that looks at many things one after the other; what it failed at first stays.

    Attributes:
        name: of the check.
        failure: the first failure.
        why_open: why it cannot be said to hold, where nothing is wrong.
    """

    name: str
    failure: NotSoundError | None = None
    why_open: str = ""

    def fail(self, item: str, wrong: str) -> None:
        """Note that something does not hold; only the first counts."""
        if self.failure is None:
            self.failure = NotSoundError(item, wrong)

    def finding(self, seen: str) -> Finding:
        """Return what came of it; `seen` says what was looked at."""
        if self.failure is not None:
            return Finding.failed(self.name, self.failure)
        return Finding.open(self.name, self.why_open) if self.why_open else Finding(self.name, holds=True, seen=seen)

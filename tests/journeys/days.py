"""Random days at a small hospital: what its people and researchers do, and now and then an operator who cheats.

Cheating is written into the log as an honest act would be: the evidence itself is whole, and only the rules find it.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from random import Random
from typing import Final

from consent.domain.entry import PERMIT, Action, Entry
from consent.domain.hashing import Json
from consent.domain.receipt import Receipt
from consent.domain.terms import SubjectId, month_end_after
from consent.services.book import BookEntry
from consent.services.studies.serving import ModelRefusedError, PredictionRefusedError
from consent.services.studies.training import TrainingError
from tests.services.house import DICTIONARY, PARAMETERS, House
from tests.services.served import BEDSIDE, SERVED, WARD, predict

KIDNEYS: Final = "kidneys"
OTHER_MONTHS: Final = 14


@dataclass(slots=True)
class Days:
    """Acts one after the other; `receipts` are what people were given, `cheated` what the operator did."""

    house: House
    chance: Random
    receipts: list[Receipt] = field(default_factory=list)
    cheated: list[str] = field(default_factory=list)

    def begin(self) -> None:
        """Let the study that predicts be approved, and most people allow something."""
        self.house.open.registration.approve(SERVED, self.house.clock())
        people = self.house.people
        self._granted(people[:44])
        self._granted(people[10:54], study=SERVED.reference, operations=SERVED.operations)
        self.house.publish()
        self.house.open.training.train(BEDSIDE, DICTIONARY, PARAMETERS)
        self.house.publish()

    def act(self) -> str:
        """Do one thing; return what it was."""
        acts: Mapping[Callable[[], object], int] = {
            self.grant: 4, self.stop: 4, self.train: 2, self.predict: 4, self.erase: 1, self.pass_time: 3,
            self.publish: 3, self.anchor: 2, self.prefer: 2,
        }  # fmt: skip
        [act] = self.chance.choices(list(acts), list(acts.values()))
        act()
        return act.__name__

    def grant(self) -> None:
        """Somebody allows one of the studies, for some months."""
        subject = self._somebody()
        months = self.chance.choice([0, 1, OTHER_MONTHS])
        expires = month_end_after(self.house.clock(), months)
        if self.chance.random() < 0.5:
            self._granted([subject], expires=expires)
        else:
            self._granted([subject], expires=expires, study=SERVED.reference, operations=SERVED.operations)

    def stop(self) -> None:
        """Somebody stops all that they allowed."""
        self.receipts += self.house.stop(self._somebody(), self.chance.choice(["patient", "operator"]))

    def train(self) -> None:
        """A researcher has a model trained."""
        with suppress(TrainingError):
            self.house.open.training.train(self.chance.choice([KIDNEYS, BEDSIDE]), DICTIONARY, PARAMETERS)
        self.publish()

    def predict(self) -> None:
        """A ward asks for somebody's risk, which may be refused."""
        with suppress(PredictionRefusedError, ModelRefusedError):
            predict(self.house, self._somebody(), WARD)

    def erase(self) -> None:
        """Somebody is erased, to the end."""
        subject = self._somebody()
        self.receipts.append(self.house.erase(subject))
        del self.house.wallets[subject]

    def prefer(self) -> None:
        """Somebody says whether they may be counted."""
        self.house.open.preferences.prefer([self._somebody()], self.house.clock(), counted=self.chance.random() < 0.5)

    def pass_time(self) -> None:
        """Hours or weeks go by; what was stopped is on the chain by then."""
        self.publish()
        self.house.clock.ahead += timedelta(hours=self.chance.choice([1, 30, 24 * 20]))
        self.house.follow()

    def publish(self) -> None:
        """The chain follows."""
        self.house.publish()

    def anchor(self) -> None:
        """The log's root goes on the chain."""
        self.house.anchor()

    def cheat(self) -> str:
        """Write one thing into the log that nobody allowed, or that was not; return what is wrong with it."""
        ways = (
            self._after_a_stop,
            self._of_another_study,
            self._of_more_categories,
            self._of_somebody_else,
            self._uncounted,
            self._after_its_end,
            self._of_the_erased,
            self._without_reading,
            self._never_trained,
        )
        told = self.chance.choice(ways)()
        if told:
            self.cheated.append(told)
        return told

    def _after_a_stop(self) -> str:
        stopped = [(who, entry) for who, entry in self.house.open.book.everything() if entry.stopped]
        return self._read("stopped", *self.chance.choice(stopped)) if stopped else ""

    def _of_another_study(self) -> str:
        who, entry = self._living()
        return self._read("another study", who, entry, study="cosmetics")

    def _of_more_categories(self) -> str:
        who, entry = self._living()
        return self._read(
            "more categories", who, entry, categories=tuple(sorted([*entry.terms.categories, "genomics"]))
        )

    def _of_somebody_else(self) -> str:
        who, entry = self._living()
        other = self.chance.choice([one for one in self.house.people if one != who])
        return self._read("somebody else's consent", other, entry)

    def _uncounted(self) -> str:
        never = [one for one in self.house.people if one not in self.house.open.book.counted]
        entry = Entry(
            self._now,
            "study:kidneys",
            Action.READ,
            PERMIT,
            self.chance.choice(never),
            KIDNEYS,
            "count",
            ("laboratory",),
        )
        self._write(entry)
        return "counted without being asked"

    def _after_its_end(self) -> str:
        now, told = self.house.clock(), self.house.log()
        undone = {one["consent"] for one in told if one.get("verdict") in {"EXPIRED_UNPUBLISHED", "REJECTED_BY_LEDGER"}}
        ended = [(w, e) for w, e in self.house.open.book.everything() if e.terms.expires <= now and e.id not in undone]
        return self._read("run out", *self.chance.choice(ended)) if ended else ""

    def _of_the_erased(self) -> str:
        told = self.house.log()
        erased = {one["subject"] for one in told if (one["action"], one.get("verdict")) == ("erase", "KEY_DELETED")}
        given = [one for one in told if (one["action"], one["verdict"]) == ("grant", PERMIT)]
        theirs = [one for one in given if one["subject"] in erased]
        if not theirs:
            return ""
        one = self.chance.choice(theirs)
        self._write(
            Entry(
                self._now, f"study:{one['study']}", Action.READ, PERMIT, SubjectId(one["subject"]), one["study"],
                "train", tuple(one["categories"]), one["consent"],
            )
        )  # fmt: skip
        return "erased"

    def _without_reading(self) -> str:
        released = [one for one in self.house.log() if (one["action"], one.get("verdict")) == ("release", "ACTIVE")]
        bedside = [one["facts"] for one in released if one["study"] == BEDSIDE]
        who, entry = self._living()
        facts: dict[str, Json] = {"release": bedside[-1]["release"], "model": bedside[-1]["model"], "sealed": "00" * 40}
        self._write(
            Entry(self._now, "treating:ward", Action.PREDICT, "PREDICTED", who, BEDSIDE, consent=entry.id, facts=facts)
        )
        return "a prediction of nothing that was read"

    def _never_trained(self) -> str:
        facts: dict[str, Json] = {"release": 99, "model": "ab" * 32}
        self._write(Entry(self._now, "operator", Action.RELEASE, "ACTIVE", study=BEDSIDE, facts=facts))
        return "a release of what was never trained"

    def _read(self, why: str, who: SubjectId, given: BookEntry, **changed: object) -> str:
        study = given.terms.study.id
        operation = max(given.terms.operations).value
        entry = Entry(
            self._now, f"study:{study}", Action.READ, PERMIT, who, study, operation,
            tuple(sorted(given.terms.categories)), given.id,
        )  # fmt: skip
        self._write(replace(entry, **changed))  # type: ignore[arg-type]  # fields of Entry
        return why

    def _write(self, entry: Entry) -> None:
        with self.house.open.store.begin() as unit:
            self.house.open.log.append(unit, [entry])

    def _living(self) -> tuple[SubjectId, BookEntry]:
        everything = self.house.open.book.everything()
        now = self.house.clock()
        return self.chance.choice([(w, e) for w, e in everything if not e.stopped and e.terms.expires > now])

    def _somebody(self) -> SubjectId:
        return self.chance.choice(self.house.people)

    def _granted(self, people: list[SubjectId], **changed: object) -> None:
        self.receipts += self.house.grant(*people, **changed)

    @property
    def _now(self) -> int:
        return int(self.house.clock().timestamp())

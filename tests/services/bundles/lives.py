"""A hospital in which much happened: two studies, three releases, predictions, a stop, an erasure, another begun.

bundle = made(house, Scope.study("kidneys"))
bundle.indices, bundle.lines("consents")
"""

import io
import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Self

from consent import wiring
from consent.domain.terms import SubjectId
from consent.services.bundles.making import Bundles, Wanted
from consent.services.bundles.scopes import Scope
from tests.services.house import DICTIONARY, PARAMETERS, House, Template
from tests.services.served import BEDSIDE, built, predict

STOPPED, ERASED, LEAVING, PREDICTED, LATE = 0, 1, 2, 3, 55
"""Places of people: whose consents were stopped, who was erased, who asked for it, of whom something was predicted."""
AGREED: Final = 50
ACTOR: Final = "operator"


def lived(template: Template, home: Path) -> Template:
    """Build it."""
    before = built(template, home.with_name("bedside"))
    with House.copied(before, home) as house:
        house.grant(*house.people[:AGREED])
        house.publish()
        house.open.training.train("kidneys", DICTIONARY, replace(PARAMETERS, rounds=7))
        house.anchor()
        house.open.preferences.prefer(house.people[:5], house.clock(), counted=True, by="patient")
        predict(house, house.people[PREDICTED])
        predict(house, house.people[PREDICTED + 1])
        house.stop(house.people[STOPPED])
        house.publish()
        house.erase(house.people[ERASED])
        house.open.training.train(BEDSIDE, DICTIONARY, replace(PARAMETERS, rounds=9))
        house.publish()
        predict(house, house.people[PREDICTED])
        house.open.erasures.request(house.ask(house.people[LEAVING]))
        house.grant(house.people[LATE])
    return Template(home, template.wallets)


def bundles_of(house: House) -> Bundles:
    """Return what makes the bundles of a house."""
    return wiring.bundles_of(house.open, house.settings, house.clock)


@dataclass(frozen=True, slots=True)
class Read:
    """A bundle: its files by name, in their order."""

    files: dict[str, bytes]

    @classmethod
    def of(cls, content: bytes) -> Self:
        """Read one."""
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return cls({name: archive.read(name) for name in archive.namelist()})

    def lines(self, name: str) -> list[Any]:
        """Return a file's lines."""
        return [json.loads(line) for line in self.files[f"{name}.ndjson"].splitlines()]

    def json(self, name: str) -> Any:
        """Return a file of one object."""
        return json.loads(self.files[f"{name}.json"])

    @property
    def size(self) -> int:
        """Return the size of the checkpoint."""
        size: int = self.json("bundle")["size"]
        return size

    @property
    def indices(self) -> set[int]:
        """Return the indices of the entries, after seeing that each entry is of its index."""
        lines = self.lines("entries")
        assert [json.loads(line["entry"])["index"] for line in lines] == [line["index"] for line in lines]
        return {line["index"] for line in lines}


def made(house: House, scope: Scope, **wanted: Any) -> Read:
    """Have a bundle made and read it."""
    return Read.of(written(bundles_of(house), scope, **wanted))


def written(bundles: Bundles, scope: Scope, **wanted: Any) -> bytes:
    """Have a bundle made; return its bytes."""
    file = io.BytesIO()
    bundles.write(Wanted(scope, **wanted), file, ACTOR)
    return file.getvalue()


def model_of(house: House, study: str, release: int) -> str:
    """Return the SHA-256 of a release's model, hex."""
    with house.open.store.reading() as unit:
        [stored] = [one for one in unit.studies.releases(study) if one.release == release]
    return stored.model_hash.hex()


def trainings(log: Sequence[dict[str, Any]], study: str) -> list[int]:
    """Return the indices of a study's trainings."""
    return [entry["index"] for entry in log if (entry["action"], entry.get("study")) == ("train", study)]


def person(house: House, place: int) -> SubjectId:
    """Return one of the people."""
    return house.people[place]

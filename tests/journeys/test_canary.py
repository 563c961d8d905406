"""Canaries over the whole demo: no record's content, key or name in any line, log, error or file that is not sealed."""

import base64
import json
import logging
import os
import secrets
from collections.abc import Callable, Iterator
from io import StringIO
from itertools import islice
from typing import Any

import pytest
from rich.console import Console

from consent.adapters.fhir import Problem, read
from consent.cli.demo import write_out
from consent.demo import story
from consent.services.received import ReceivedResource
from examples import support2

NAME = "Zyxographine"
VALUE = 918273.645
TEXT = "canary-7f3a"
PATIENTS = 200


def planted(bundle: bytes) -> bytes:
    """Return a Bundle with canaries: a name, a value and a free text that occur nowhere else."""
    value = json.loads(bundle)
    for entry in value["entry"]:
        resource = entry["resource"]
        if resource["resourceType"] == "Patient":
            resource["name"] = [{"family": NAME}]
        elif "valueQuantity" in resource:
            resource["note"] = [{"text": f"{TEXT} {VALUE}"}]
    return json.dumps(value).encode()


class DrawnKeys:
    """Remembers every secret of 32 bytes that is drawn, in the forms in which one might leak."""

    def __init__(self) -> None:
        self.drawn: set[bytes] = set()

    def recording(self, draw: Callable[[int], bytes]) -> Callable[..., bytes]:
        """Return `draw` as it was, but remembered."""

        def drawing(size: int | None = None) -> bytes:
            value = draw(32 if size is None else size)
            if len(value) == 32:
                self.drawn.add(value)
            return value

        return drawing

    def forms(self) -> Iterator[str]:
        """Yield each secret in hex, in base64 and as Python shows bytes."""
        for value in self.drawn:
            yield value.hex()
            yield base64.b64encode(value).decode().rstrip("=")
            yield repr(value)[2:-1]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Tell a small demo with canaries in every record, and keep all that was printed, logged and drawn."""
    home = tmp_path_factory.mktemp("canary") / "home"
    printed, logged, keys = StringIO(), StringIO(), DrawnKeys()
    heard = logging.StreamHandler(logged)
    root = logging.getLogger()
    level = root.level
    with pytest.MonkeyPatch.context() as patch:
        bundles = [planted(bundle) for bundle in islice(support2.bundles(), PATIENTS)]
        patch.setattr(support2, "bundles", lambda: iter(bundles))
        patch.setattr(secrets, "token_bytes", keys.recording(secrets.token_bytes))
        patch.setattr(os, "urandom", keys.recording(os.urandom))
        root.addHandler(heard)
        root.setLevel(logging.DEBUG)
        try:
            write_out(story.tell(home, Console(file=printed, width=200)))
        finally:
            root.removeHandler(heard)
            root.setLevel(level)
    return {"home": home, "said": printed.getvalue() + logged.getvalue(), "keys": keys}


def test_no_content_or_name_was_printed_or_logged(told: dict[str, Any]) -> None:
    assert "patients" in told["said"]
    assert not [canary for canary in (NAME, str(VALUE), TEXT) if canary in told["said"]]


def test_no_key_was_printed_or_logged(told: dict[str, Any]) -> None:
    assert len(told["keys"].drawn) > PATIENTS
    pages = "".join((told["home"] / name).read_text() for name in ("report.html", "summary.json", "installation.json"))
    said = told["said"] + pages
    assert not [form for form in told["keys"].forms() if form in said]


def test_no_file_holds_content_or_a_name_in_clear(told: dict[str, Any]) -> None:
    files = [path for path in told["home"].rglob("*") if path.is_file()]
    assert len(files) > 8
    canaries = [canary.encode() for canary in (NAME, str(VALUE), TEXT)]
    assert not [path.name for path in files if any(canary in path.read_bytes() for canary in canaries)]


def test_the_canaries_are_there_when_a_record_is_opened() -> None:
    """The tests above can fail: what is imported does hold the canaries."""
    found = read([planted(next(iter(support2.bundles())))])
    contents = [one.content for one in found if isinstance(one, ReceivedResource)]
    assert all(any(canary.encode() in content for content in contents) for canary in (NAME, TEXT))


@pytest.mark.parametrize(
    "damage",
    [
        lambda patient, _: patient.update(birthDate=TEXT),
        lambda patient, _: patient.update({TEXT: NAME}),
        lambda _, other: other.update(subject={"reference": f"Patient/{TEXT}"}),
        lambda _, other: other.update(resourceType=TEXT),
        lambda _, other: other.update(status={TEXT: VALUE}),
    ],
)
def test_errors_over_a_damaged_file_repeat_nothing_of_it(damage: Callable[[Any, Any], None]) -> None:
    value = json.loads(planted(next(iter(support2.bundles()))))
    patient, other = value["entry"][0]["resource"], value["entry"][1]["resource"]
    damage(patient, other)
    said = [f"{one.place} {one.what}" for one in read([json.dumps(value).encode()]) if isinstance(one, Problem)]
    assert said
    assert not [canary for canary in (NAME, str(VALUE), TEXT) if canary in "".join(said)]

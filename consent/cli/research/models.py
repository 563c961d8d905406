"""`consentry model …`: each release and how good it is; manifests and cards are checked before they are shown."""

import re
from pathlib import Path
from typing import Any, Final

from rich.table import Column

from consent.cli.research import showing
from consent.cli.research.reading import require_empty, write_file
from consent.cli.research.signing_in import bound
from consent.client import Consentry, Model, NotVerifiedError, ServerError, answers
from consent.client.paths import at
from consent.client.verifying import SignedManifest, require_manifest
from consent.domain.manifest import Manifest
from consent.settings import SettingsError

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


def show_all(study: str, *, as_json: bool) -> None:
    """List the releases."""
    with bound(study) as api, showing.busy("asking for models"):
        found = list(api.models())
    if as_json:
        showing.as_json_list(found)
        return
    right = [Column(name, justify="right") for name in ("release", "people", "AUROC", "slope")]
    columns: tuple[str | Column, ...] = (right[0], "status", *right[1:], Column("model", no_wrap=True))
    showing.table(columns, map(_row, found), "No model yet: `consentry train DICTIONARY` trains the first.")


def _row(one: Model) -> tuple[object, ...]:
    return one.release, one.status, showing.people(one.rows), f"{one.auroc:.3f}", _slope(one), one.model[:16]


def _slope(one: Model) -> str:
    return "" if one.calibration_slope is None else f"{one.calibration_slope:.2f}"


def show(study: str, release: int, *, as_json: bool) -> None:
    """Show what is known of a release."""
    with bound(study) as api, showing.busy("asking for the model"):
        found = api.models.read(release)
    if as_json:
        showing.as_json(found)
        return
    showing.facts(
        ("release", f"{found.release} of {found.study}"),
        ("status", found.status),
        ("forecasts", found.outcome),
        ("looks ahead", f"{found.horizon_days} days"),
        ("of whom", found.cohort or "everybody, on the dictionary's day"),
        ("learned from", f"{showing.people(found.rows)} people"),
        ("AUROC", f"{found.auroc:.3f}, out of fold"),
        ("slope", _slope(found)),
        ("features", ", ".join(found.features)),
        ("model", found.model),
        ("manifest", found.manifest),
        ("dictionary", found.dictionary),
    )


def releases(study: str, *, as_json: bool) -> None:
    """Show what changed from release to release, and whether the next one is due."""
    with bound(study) as api, showing.busy("asking for releases"):
        found, due = list(api.models.releases()), api.models.due()
    if as_json:
        showing.as_json_list(found, due=due.due, why=due.why)
        return
    columns = (Column("release", justify="right"), "status", Column("model", no_wrap=True), "what changed")
    rows = ((one.release, one.status, one.model[:16], one.changed or "the first") for one in found)
    showing.table(columns, rows, "No model yet: `consentry train DICTIONARY` trains the first.")
    if due.due is not None:
        showing.line(f"\nThe next one is due: {'; '.join(due.why)}." if due.due else "\nNo training is due.")


def manifest(study: str, release: int, log_key: str, *, as_json: bool) -> None:
    """Show what a release answers for, once it is the one that is listed and its signature holds."""
    with bound(study) as api, showing.busy("checking the manifest"):
        answer, found = _verified(api, release, _key(log_key))
    if as_json:
        showing.as_json(answer)
        return
    showing.facts(
        ("release", f"{found.release} of {found.study}"),
        ("model", found.model),
        ("rows", f"{found.rows:,}"),
        ("root of rows", found.rows_root),
        ("consents as of", f"block {found.block}, {showing.moment(found.block_time)}"),
        ("dictionary", found.dictionary),
        ("cohort", found.cohort),
        ("evaluation", found.evaluation),
        ("release gate", found.gate),
        ("software", ", ".join(f"{name} {version}" for name, version in found.code.items())),
        ("SHA-256", f"{found.hash().hex()}, as listed"),
        ("signed by", answer["log_key"]),
        ("which is", _whose(log_key)),
    )


def card(study: str, release: int, out: Path, log_key: str, *, markdown: bool, as_json: bool) -> None:
    """Write a release's card into a new file, once it is about the model whose manifest holds."""
    with bound(study) as api, showing.busy("reading the card"):
        _, found = _verified(api, release, _key(log_key))
        text = api.models.card(release, "text/markdown" if markdown else "text/html")
    if found.model not in text:
        raise NotVerifiedError("the card is not about the model of the manifest: do not use it")
    write_file(out, text.encode())
    if as_json:
        showing.as_json({"file": str(out), "release": release, "manifest": found.hash().hex()})
    else:
        showing.facts(("card", out), ("manifest", f"{found.hash().hex()}, as listed"), ("signed by", _whose(log_key)))


def plots(study: str, release: int, folder: Path, *, as_json: bool) -> None:
    """Write a release's figures into a new folder, each as SVG."""
    require_empty(folder)
    with bound(study) as api, showing.busy("reading the figures"):
        drawn = {name: api.models.plot(release, name) for name in map(_file_name, api.models.plots(release))}
    folder.mkdir(parents=True, exist_ok=True)
    for name, figure in drawn.items():
        write_file(folder / f"{name}.svg", figure.encode())
    if as_json:
        showing.as_json({"items": list(drawn)})
    else:
        showing.facts(("folder", folder), ("figures", ", ".join(drawn)))


def _verified(api: Consentry, release: int, log_key: bytes | None) -> tuple[dict[str, Any], Manifest]:
    """Return a signed manifest as it was answered, and read; raise `NotVerifiedError` unless it is the listed one."""
    listed, study = api.models.read(release), str(api.models.study)
    answer = api.transport.get(at("studies", study, "models", release, "manifest"))
    found = require_manifest(answers.read(SignedManifest, answer), study, release, log_key)
    if (found.hash().hex(), found.model) != (listed.manifest, listed.model):
        raise NotVerifiedError("the manifest is not the one that is listed for the release: do not use the model")
    return answer, found


def _key(text: str) -> bytes | None:
    try:
        return bytes.fromhex(text) if text else None
    except ValueError as error:
        raise SettingsError("--log-key is 64 hex digits: take it as the auditor gave it") from error


def _whose(log_key: str) -> str:
    return "the log key that you gave" if log_key else "the log key that the server names: give --log-key to be sure"


def _file_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ServerError("the server is of another version: a figure's name is none")
    return name

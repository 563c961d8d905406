"""`consentry study …`: a study from its file to an operator's approval, over HTTP."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from rich.table import Column

from consent.cli.research import showing
from consent.cli.research.reading import draft_in
from consent.cli.research.signing_in import unbound
from consent.client import Consentry, NotFoundError, Study
from consent.domain.data_use import DataUse, InvalidDataUseError

_NEXT: Final = {
    "draft": "consentry study submit {id}",
    "submitted": "an operator decides",
    "refused": "change its file, then: consentry study draft FILE",
    "approved": "consentry request send --study {id}",
}


def show_all(*, as_json: bool) -> None:
    """List the studies that one may see."""
    with unbound() as api, showing.busy("asking for studies"):
        found = list(api.studies())
    if as_json:
        showing.as_json_list(found)
        return
    columns = (Column("study", no_wrap=True), "state", "title", Column("written", no_wrap=True))
    rows = ((one.id, one.state, one.title, showing.moment(one.created)) for one in found)
    showing.table(columns, rows, "No study yet: `consentry study new FILE` writes a file to fill in.")


def show(named: str, ethics: str, *, as_json: bool) -> None:
    """Show a study by its id; or a file, which has a dot or a slash in its name: then nothing is asked of a server."""
    if {".", "/"} & set(named):
        _show_file(Path(named), ethics, as_json=as_json)
        return
    with unbound() as api, showing.busy("asking for the study"):
        found = api.study(named)
    _tell(found, as_json=as_json, whole=True)


def _show_file(file: Path, ethics: str, *, as_json: bool) -> None:
    from consent.cli import study_files  # it opens installations too, which takes long to load

    if as_json:
        showing.as_json(draft_in(file))
    else:
        study_files.show(file, ethics)


def draft(file: Path, *, as_json: bool) -> None:
    """Keep a file as a draft, in the place of an earlier one with its id."""
    definition = draft_in(file)
    with unbound() as api, showing.busy("keeping the draft"):
        found = _kept(api, definition)
    _tell(found, as_json=as_json)


def submit(study: str, *, as_json: bool) -> None:
    """Hand a draft in."""
    with unbound() as api, showing.busy("handing the draft in"):
        found = api.studies.submit(study)
    _tell(found, as_json=as_json)


def _kept(api: Consentry, definition: Mapping[str, Any]) -> Study:
    try:
        api.study(definition["id"])
    except NotFoundError:
        return api.studies.write(definition)
    return api.studies.change(definition)


def _tell(study: Study, *, as_json: bool, whole: bool = False) -> None:
    if as_json:
        showing.as_json(study)
        return
    showing.facts(
        ("study", study.id),
        ("title", study.title),
        ("state", study.state),
        ("refused because" if study.state == "refused" else "approved because", study.reason),
        ("review", "a person must look at its purpose" if study.review == "needs-a-person" else ""),
        ("undecided", ", ".join(study.undecided)),
        *(_asked(study.definition) if whole else ()),
        ("next", _NEXT.get(study.state, "").format(id=study.id)),
        ("SHA-256", study.hash),
    )
    if whole:
        showing.line(f"\n{study.definition.get('text', '')}")


def _purpose(definition: Mapping[str, Any]) -> str:
    """Say in words what the records are for; nothing where this version has no words for it."""
    try:
        return DataUse.from_json(definition.get("data_use")).sentence()
    except InvalidDataUseError:
        return ""


def _asked(definition: Mapping[str, Any]) -> tuple[tuple[str, object], ...]:
    """Return what the study asks for."""
    days = definition.get("window") or {}
    return (
        ("institution", definition.get("institution")),
        ("ethics", definition.get("ethics")),
        ("purpose", _purpose(definition)),
        ("wants to", ", ".join(definition.get("operations", ()))),
        ("needs", ", ".join(definition.get("required", ()))),
        ("uses", ", ".join(definition.get("optional", ()))),
        (
            "of the days",
            " to ".join(str(days.get(end) or "…") for end in ("start", "end")) if any(days.values()) else "",
        ),
    )

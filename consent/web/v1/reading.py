"""What the API says of itself: its document (OpenAPI 3.1), that document as a page, and a page for each problem."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from flask import Blueprint, Flask, render_template
from markupsafe import Markup, escape

from consent.web.v1.problems import TYPES, Problem
from consent.web.v1.schemas import ProblemDocument

DOCUMENT: Final = "/v1/openapi.json"
_BRACKETED: Final = re.compile(r"<(?:[a-z]+:)?([a-z]+)>")
_CODE: Final = re.compile(r"`([^`]+)`")
_METHODS: Final = ("get", "post", "put", "delete")
INTRODUCTION: Final = """\
Ask patients for consent, count cohorts, train models on exactly the records whose owners allow it, and read what came
of it. Nobody is ever given a record. Times are Unix seconds, hashes SHA-256 in hex, errors problem documents (RFC 9457)
whose `type` is a page here. A POST with an `Idempotency-Key` that is sent again is answered alike and done once. Lists
come in pages: send `next` back as `cursor`."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One operation as the page shows it."""

    method: str
    path: str
    anchor: str
    summary: Markup
    description: Markup
    roles: Sequence[str]
    scopes: Sequence[str]
    body: Sequence[Mapping[str, Any]]
    query: Sequence[Mapping[str, Any]]
    gives: Sequence[Mapping[str, Any]]
    answers: Sequence[tuple[str, str]]


def reading(app: Flask) -> Blueprint:
    """Return the pages; `app` has the document."""
    pages = Blueprint("reading", __name__, template_folder="../templates")

    @pages.get("/")
    @pages.get("/docs")
    @cache
    def docs() -> str:
        document: dict[str, Any] = app.spec  # type: ignore[attr-defined]  # APIFlask's
        order = [_BRACKETED.sub(r"{\1}", str(rule)) for rule in app.url_map.iter_rules()]
        return render_template("api/docs.html", groups=_groups(document, order))

    @pages.get("/problems")
    def problems() -> str:
        return render_template("api/problems.html", problems=list(TYPES.values()), worded=_worded)

    @pages.get("/problems/<name:slug>")
    def problem(slug: str) -> str:
        if slug not in TYPES:
            raise Problem("not-found")
        return render_template("api/problem.html", problem=TYPES[slug], worded=_worded)

    return pages


def complete(document: dict[str, Any]) -> dict[str, Any]:
    """Add to the document what all routes share: the problem document, the token, the key of repeated requests."""
    components = document.setdefault("components", {})
    components.setdefault("schemas", {})["ProblemDocument"] = ProblemDocument.model_json_schema()
    components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    components["parameters"] = {"IdempotencyKey": _KEY}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if method == "post" and "security" in operation:
                operation.setdefault("parameters", []).append({"$ref": "#/components/parameters/IdempotencyKey"})
            operation["operationId"] = _operation_id(method, path)
    return document


_KEY: Final = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "The same key and request once more: the same answer, for a day.",
    "schema": {"type": "string", "pattern": "^[ -~]{1,128}$"},
}


def _operation_id(method: str, path: str) -> str:
    named = path.removeprefix("/v1/").replace("{", "").replace("}", "")
    return f"{method}_{named.replace('/', '_')}"


def _groups(document: Mapping[str, Any], order: Sequence[str]) -> list[tuple[str, list[Shown]]]:
    """Return the operations by what they are about, in the order in which they are written down."""
    found: dict[str, list[Shown]] = {tag["name"]: [] for tag in document.get("tags", ())}
    schemas = document["components"]["schemas"]
    for path in sorted(document["paths"], key=order.index):
        operations = document["paths"][path]
        for method in _METHODS:
            if method in operations:
                operation = operations[method]
                found.setdefault(operation["tags"][0], []).append(_shown(method, path, operation, schemas))
    return [(tag, shown) for tag, shown in found.items() if shown]


def _shown(method: str, path: str, operation: Mapping[str, Any], schemas: Mapping[str, Any]) -> Shown:
    answers = [(status, answer.get("description", "")) for status, answer in sorted(operation["responses"].items())]
    return Shown(
        method=method.upper(),
        path=path,
        anchor=operation["operationId"],
        summary=_worded(operation.get("summary", "").rstrip(".")),
        description=_worded(operation.get("description", "")),
        roles=operation.get("x-roles", ()),
        scopes=operation.get("x-scopes", ()),
        body=_fields(operation.get("requestBody", {}), schemas),
        query=[_of_query(one) for one in operation.get("parameters", ()) if one.get("in") == "query"],
        gives=_given(operation, schemas),
        answers=answers,
    )


def _worded(text: str) -> Markup:
    """Return a sentence of ours with what stands in backticks as code."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704  # escaped, and ours


def _given(operation: Mapping[str, Any], schemas: Mapping[str, Any]) -> list[dict[str, Any]]:
    good = [answer for status, answer in operation["responses"].items() if status.startswith("2")]
    return _fields(good[0], schemas) if good else []


def _of_query(parameter: Mapping[str, Any]) -> dict[str, Any]:
    return _field(parameter["name"], parameter.get("schema", {}), needed=bool(parameter.get("required")))


def _fields(holder: Mapping[str, Any], schemas: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the members of what a body or an answer holds as JSON or as a form."""
    for content in holder.get("content", {}).values():
        schema = content.get("schema", {})
        schema = schemas.get(str(schema.get("$ref", "")).rpartition("/")[2], schema)
        return _members(schema, schemas)
    return []


def _members(schema: Mapping[str, Any], schemas: Mapping[str, Any], within: str = "") -> list[dict[str, Any]]:
    """Return a schema's members, and behind one that is an object of ours that one's."""
    needed, found = set(schema.get("required", ())), []
    for name, member in schema.get("properties", {}).items():
        found.append(_field(f"{within}{name}", member, needed=name in needed))
        found += _members(_object(member, schemas), schemas, f"{within}{name}.")
    return found


def _object(member: Mapping[str, Any], schemas: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the schema that a member, or one of its alternatives, refers to; empty where there is none."""
    named = [one["$ref"] for one in (member, *member.get("anyOf", ())) if "$ref" in one]
    return schemas.get(str(named[0]).rpartition("/")[2], {}) if named else {}


def _field(name: str, schema: Mapping[str, Any], *, needed: bool) -> dict[str, Any]:
    return {"name": name, "kind": _kind(schema), "needed": needed, "means": _worded(schema.get("description", ""))}


def _kind(schema: Mapping[str, Any]) -> str:
    """Say in a few words what can stand there."""
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    if "const" in schema:
        return str(schema["const"])
    if "anyOf" in schema:
        return " | ".join(dict.fromkeys(_kind(one) for one in schema["anyOf"]))
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2].rpartition(".")[2]
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    return str(schema.get("type", "any"))

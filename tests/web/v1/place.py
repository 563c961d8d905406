"""The researchers' door over a small hospital whose study serves predictions, with somebody of each role."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Final

from werkzeug.test import Client, TestResponse

from consent import wiring
from consent.client import ClientKey
from consent.services.desk.callers import Role
from consent.settings import WebSettings
from consent.web.turns import by_path
from consent.web.v1 import create_api
from consent.web.v1.room import ApiRoom
from tests.services.house import DICTIONARY_TEXT, STUDY, House, identifier_of
from tests.services.served import BEDSIDE

WEB: Final = WebSettings.read(8000, {})
ORIGIN: Final = WEB.api
OTHER: Final = STUDY.reference.id
EVERYBODY: Final[Mapping[str, Any]] = {"version": 1, "index": {"day": "2020-06-15"}, "where": {"all": []}}
OLDER: Final[Mapping[str, Any]] = {
    "version": 1,
    "index": {"day": "2020-06-15"},
    "where": {"demographics": {"age": [55, None]}},
}
PERSON: Final = identifier_of(3)
TRAINING: Final[Mapping[str, Any]] = {
    "dictionary": DICTIONARY_TEXT,
    "parameters": {"rounds": 8, "depth": 2, "min_child_weight": 3},
}
DRAFT: Final[Mapping[str, Any]] = {
    "id": "sleep",
    "title": "Sleep in the ward",
    "institution": "The Test Hospital",
    "text": "This study asks how people sleep in the ward.",
    "data_use": {"health_research": True},
    "operations": ["train"],
    "required": ["demographics"],
    "optional": ["laboratory"],
}


@dataclass(slots=True)
class Place:
    """The door as one application, and tokens for whoever asks."""

    house: House
    room: ApiRoom
    app: Any
    keys: dict[str, ClientKey] = field(default_factory=dict)
    _tokens: dict[tuple[str, str | None], str] = field(default_factory=dict)

    @property
    def client(self) -> Client:
        """A program without anything stored."""
        return Client(self.app)

    def register(self, name: str, role: Role, *studies: str) -> ClientKey:
        """Register a client with a key of its own, a member of studies."""
        clients, key = wiring.clients_of(self.house.open, self.house.clock), ClientKey.drawn(name, ORIGIN)
        clients.register(name, role, "A program", key.public())
        for study in studies:
            clients.allow(name, study)
        self.keys[name] = key
        return key

    def assertion(self, name: str) -> str:
        """Return what signs a client in."""
        return self.keys[name].assertion(f"{ORIGIN}/v1/token", int(self.house.clock().timestamp()))

    def token(self, name: str, study: str | None = BEDSIDE) -> str:
        """Return an access token of a client, or of a member of the staff; the same one until time passes."""
        if (name, study) not in self._tokens:
            if name in self.keys:
                granted = self.room.tokens.grant(self.assertion(name), study, None)
            else:
                granted = self.room.tokens.staff(name, Role(name), 3600)
            self._tokens[name, study] = granted.token
        return self._tokens[name, study]

    def ask(
        self, method: str, path: str, who: str = "lab", study: str | None = BEDSIDE, body: object = None, **headers: str
    ) -> TestResponse:
        """Send a request with somebody's token; nobody's where `who` is empty."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if who:
            sent["Authorization"] = f"Bearer {self.token(who, study)}"
        content: dict[str, Any] = {} if body is None else {"json": body}
        return self.client.open(path, method=method, base_url=ORIGIN, headers=sent, **content)

    def forget_tokens(self) -> None:
        """Take new tokens from now on."""
        self._tokens.clear()


@contextmanager
def opened(house: House, *, limited: bool = False) -> Iterator[Place]:
    """Open the door of a house; requests are not limited in number unless a test is about that."""
    snapshots = wiring.snapshots_of(house.settings, house.clock)
    room = replace(wiring.api_room(house.open, WEB, snapshots, house.clock), limited=limited)
    place = Place(house, room, by_path({}, create_api(room)))
    place.register("lab", Role.RESEARCHER, BEDSIDE)
    place.register("other-lab", Role.RESEARCHER, OTHER)
    place.register("ward-3", Role.CLINICIAN, BEDSIDE)
    staff = wiring.staff_of(house.open, WEB, house.clock)
    for role in (Role.OPERATOR, Role.AUDITOR):
        staff.invite(role.value, role)
    house.open.preferences.prefer(house.people, house.clock(), counted=True)
    yield place


def slug(answer: TestResponse) -> str:
    """Return which problem an answer is; empty where it is none."""
    if answer.mimetype != "application/problem+json":
        return ""
    return str(answer.get_json()["type"]).rpartition("/")[2]

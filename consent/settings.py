"""The one reader of the environment.

| variable | meaning |
| --- | --- |
| `CONSENTRY_PASSPHRASE_FILE` | file whose first line opens the keys; where unset, `operator/passphrase` |
| `CONSENTRY_REPLICAS` | two or more folders for copies of the epoch key, separated by `:`; best on different disks |
| `CONSENTRY_MAX_STALENESS` | seconds without a fresh reading of the ledger after which every access is refused (120) |
| `CONSENTRY_PUBLICATION_WINDOW` | seconds over which what patients sign is spread on its way to the chain (21600) |
| `CONSENTRY_ANCHOR_SECONDS` | seconds from one scheduled anchor of the log to the next; twice that is late (3600) |
| `CONSENTRY_EPOCH_EVERY` | seconds from one scheduled turn of the epoch to the next at the least (86400) |
| `CONSENTRY_REPLICA_DELAY` | seconds for which snapshots of a replica folder outlive what was in it (0) |
| `CONSENTRY_BACKUPS` | folder for backups, best on another disk; where unset, `backups` in the installation's folder |
| `CONSENTRY_RECORDS` | the records database's URL, `postgresql://…` or `sqlite:///…`; unset, the folder's own file |
| `CONSENTRY_KEYS` | the keys database's URL, which is another one; unset, the folder's own file |
| `CONSENTRY_RPC` | where an installation on a node finds it: an `http` or `https` URL |
| `CONSENTRY_COUNT_EPSILON` | epsilon of the noise in one disclosed count, at most 1 (0.5) |
| `CONSENTRY_COUNT_BUDGET` | epsilon of all that a study is told within one period, at most 10 (3) |
| `CONSENTRY_COUNT_PERIOD` | seconds for which an answer holds, and after which what was spent is free again (2592000) |
| `CONSENTRY_PREDICTIONS_AN_HOUR` | how many predictions one requester may ask for in any hour (100) |
| `CONSENTRY_RELEASE_CHANGES` | after how many people left a study's release it is trained anew (10) |
| `CONSENTRY_RELEASE_DAYS` | how many days after the first of them left it is trained anew all the same (30) |
| `CONSENTRY_CONFIRMATIONS` | after how many blocks one is final there; unset, what the node itself calls finalized |
| `CONSENTRY_PORTAL` | the portal's origin, `https://host[:port]`; unset, `http://localhost` at the web's port |
| `CONSENTRY_SIGNING` | where patients sign, on a host of its own; unset, `http://sign.localhost` at the web's port |
| `CONSENTRY_API` | where programs and staff ask, on a host of its own; unset, `http://api.localhost` at the next port |
| `CONSENTRY_TELEPHONE` | the number that every page of the portal shows; an `https` portal must have one |
| `CONSENTRY_SMTP` | the mail server, `smtp://user:password@host:port` or `smtps://…`; unset, letters lie in HOME/mail |
| `CONSENTRY_MAIL_FROM` | the address from which the installation writes |
| `CONSENTRY_PROXIES` | how many reverse proxies stand in front of the web and are believed (0) |
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import combinations, product
from pathlib import Path
from typing import Final, Self

from consent.domain.errors import ConsentError
from consent.domain.mail import HOST, InvalidMailError, MailServer, address_host
from consent.domain.publication import LONGEST_WINDOW


class SettingsError(ConsentError):
    """A setting is missing or cannot be used; the message names it."""


@dataclass(frozen=True, slots=True)
class Databases:
    """Where an installation's two databases are, by URL, which may hold a password and is never repeated.

    Where one is empty, that database is a file in the installation's folder.
    """

    records: str = field(default="", repr=False)
    keys: str = field(default="", repr=False)

    @classmethod
    def read(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Read the settings of both, for a process that needs no secret but these; raise `SettingsError`."""
        records, keys = (_database(environment, f"CONSENTRY_{name}") for name in ("RECORDS", "KEYS"))
        if records and records == keys:
            raise SettingsError("CONSENTRY_RECORDS and CONSENTRY_KEYS are one database: name two, kept apart")
        return cls(records, keys)


FILES: Final = Databases()
"""Both databases are files in the installation's folder."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Where one installation lives and what opens it."""

    home: Path
    passphrase: bytes = field(repr=False)
    replicas: tuple[Path, ...]
    max_staleness: int = 120
    publication_window: int = 0
    anchor_seconds: int = 3600
    epoch_every: int = 24 * 3600
    replica_delay: int = 0
    backups: Path | None = None
    rpc: str = field(default="", repr=False)
    confirmations: int | None = None
    databases: Databases = FILES
    count_epsilon: float = 0.5
    count_budget: float = 3.0
    count_period: int = 30 * 86400
    predictions_an_hour: int = 100
    release_changes: int = 10
    release_days: int = 30

    @classmethod
    def read(cls, home: Path, environment: Mapping[str, str] = os.environ) -> Self:
        """Read the settings of the installation in `home`; raise `SettingsError` for what is missing or wrong."""
        named = environment.get("CONSENTRY_REPLICAS", "")
        replicas = tuple(Path(name) for name in named.split(":") if name) or default_replicas(home)
        confirmations = environment.get("CONSENTRY_CONFIRMATIONS", "")
        return cls(
            home=home,
            passphrase=_passphrase(home, environment),
            replicas=replicas,
            max_staleness=max_staleness(environment),
            publication_window=_whole(environment, "CONSENTRY_PUBLICATION_WINDOW", 6 * 3600, LONGEST_WINDOW),
            anchor_seconds=_whole(environment, "CONSENTRY_ANCHOR_SECONDS", 3600, 30 * 86400, least=1),
            epoch_every=_whole(environment, "CONSENTRY_EPOCH_EVERY", 24 * 3600),
            replica_delay=_whole(environment, "CONSENTRY_REPLICA_DELAY", 0),
            backups=Path(environment.get("CONSENTRY_BACKUPS") or home / "backups"),
            rpc=_rpc(environment),
            confirmations=_whole(environment, "CONSENTRY_CONFIRMATIONS", 0) if confirmations else None,
            databases=Databases.read(environment),
            count_epsilon=_decimal(environment, "CONSENTRY_COUNT_EPSILON", 0.5, 1),
            count_budget=_decimal(environment, "CONSENTRY_COUNT_BUDGET", 3, 10),
            count_period=_whole(environment, "CONSENTRY_COUNT_PERIOD", 30 * 86400),
            predictions_an_hour=_whole(environment, "CONSENTRY_PREDICTIONS_AN_HOUR", 100),
            release_changes=_whole(environment, "CONSENTRY_RELEASE_CHANGES", 10, least=1),
            release_days=_whole(environment, "CONSENTRY_RELEASE_DAYS", 30, 3650),
        )


@dataclass(frozen=True, slots=True)
class WebSettings:
    """Where the portal is, and how it reaches people. Nothing here opens a record.

    Attributes:
        portal: the portal's origin as browsers write it: `scheme://host[:port]`, without the scheme's own port.
        signing: the origin that has the wallet's script, on a host that the portal cannot speak for.
        telephone: for every page; empty in development only.
        smtp: the mail server's URL, which may hold a password and is never repeated; empty: letters lie in a folder.
        mail_from: from whom letters come.
        proxies: how many reverse proxies add to X-Forwarded-For.
        api: the origin of researchers' programs and of the staff's pages, on a host of its own.
    """

    portal: str
    signing: str
    telephone: str = ""
    smtp: str = field(default="", repr=False)
    mail_from: str = ""
    proxies: int = 0
    api: str = "http://api.localhost:8001"

    @classmethod
    def read(cls, port: int = 8000, environment: Mapping[str, str] = os.environ) -> Self:
        """Read the web's settings, for a process that needs no secret but these; raise `SettingsError`."""
        settings = cls(
            portal=_origin(environment, "CONSENTRY_PORTAL", f"http://localhost:{port}"),
            signing=_origin(environment, "CONSENTRY_SIGNING", f"http://sign.localhost:{port}"),
            telephone=_telephone(environment),
            smtp=_smtp(environment),
            mail_from=_mail_from(environment),
            proxies=_whole(environment, "CONSENTRY_PROXIES", 0, 10),
            api=_origin(environment, "CONSENTRY_API", f"http://api.localhost:{port + 1}"),
        )
        settings._require_apart()
        if settings.portal.startswith("https:") and not settings.telephone:
            raise SettingsError("CONSENTRY_TELEPHONE is missing: patients of an https portal need a number to ring")
        return settings

    @property
    def portal_host(self) -> str:
        """The portal's host, without its port."""
        return _host(self.portal)

    @property
    def signing_host(self) -> str:
        """The host on which patients sign: the passkeys' rpId (WebAuthn, section 5.1.2)."""
        return _host(self.signing)

    @property
    def api_host(self) -> str:
        """The host of the API, and the rpId of the staff's passkeys."""
        return _host(self.api)

    def _require_apart(self) -> None:
        named = {"CONSENTRY_PORTAL": self.portal, "CONSENTRY_SIGNING": self.signing, "CONSENTRY_API": self.api}
        for (first, one), (second, other) in combinations(named.items(), 2):
            if _host(one) == _host(other):
                raise SettingsError(f"{first} and {second} are one host: name two, so that scripts differ")
            if one.split(":")[0] != other.split(":")[0]:
                raise SettingsError(f"{first} and {second} are both https, or both http in development")
        for above, below in product(("CONSENTRY_SIGNING", "CONSENTRY_API"), named):
            if _host(named[below]).endswith(f".{_host(named[above])}"):
                # A page may use the passkeys of any domain above its own: those of patients and staff have theirs.
                raise SettingsError(f"{above} is a domain above {below}: name one beside or below it")


def max_staleness(environment: Mapping[str, str] = os.environ) -> int:
    """Return `CONSENTRY_MAX_STALENESS`, for a process that needs no secret."""
    return _whole(environment, "CONSENTRY_MAX_STALENESS", 120)


def _whole(environment: Mapping[str, str], name: str, default: int, most: int = 2**31, *, least: int = 0) -> int:
    text = environment.get(name) or str(default)
    if not (text.isascii() and text.isdecimal() and len(text) < len(str(2**31)) and least <= int(text) <= most):
        raise SettingsError(f"{name} is a whole number from {least} to {most}: correct it")
    return int(text)


def _decimal(environment: Mapping[str, str], name: str, default: float, most: int) -> float:
    text = environment.get(name) or str(default)
    if not (re.fullmatch(r"[0-9]{1,3}(\.[0-9]{1,6})?", text) and 0 < float(text) <= most):
        raise SettingsError(f"{name} is a decimal number above 0 and at most {most}: correct it")
    return float(text)


def _rpc(environment: Mapping[str, str]) -> str:
    """Return the node's URL, which may hold a key of its provider and so is never repeated."""
    url = environment.get("CONSENTRY_RPC", "")
    if url and not url.startswith(("http://", "https://")):
        raise SettingsError("CONSENTRY_RPC is an http or https URL: correct it")
    return url


def _origin(environment: Mapping[str, str], name: str, default: str) -> str:
    """Return an origin as browsers write it (RFC 6454, section 6.2); passkeys need a name, so no address of numbers."""
    found = re.fullmatch(rf"(https?)://({HOST})(?::([0-9]{{1,5}}))?", (environment.get(name) or default).lower())
    if found is None or not 0 < int(found[3] or 1) < 2**16 or found[2].split(".")[-1].isdecimal():
        raise SettingsError(f"{name} is https://name or https://name:port, and nothing behind it: correct it")
    scheme, host, port = found.groups()
    if scheme == "http" and f".{host}".rpartition(".")[2] != "localhost":
        raise SettingsError(f"{name} must be https: only localhost, and names that end with .localhost, do without")
    own = {"http": 80, "https": 443}[scheme]
    return f"{scheme}://{host}" if port is None or int(port) == own else f"{scheme}://{host}:{int(port)}"


def _host(origin: str) -> str:
    return origin.partition("://")[2].partition(":")[0]


def _telephone(environment: Mapping[str, str]) -> str:
    number = environment.get("CONSENTRY_TELEPHONE", "").strip()
    if number and not re.fullmatch(r"[+(]?[0-9][0-9 ()/.-]{2,38}", number):
        raise SettingsError("CONSENTRY_TELEPHONE is a number such as +1 555 010 0199: correct it")
    return number


def _smtp(environment: Mapping[str, str]) -> str:
    """Return the mail server's URL, which may hold a password and so is never repeated."""
    url = environment.get("CONSENTRY_SMTP", "")
    try:
        if url:
            MailServer.parse(url)
    except InvalidMailError as error:
        raise SettingsError(f"CONSENTRY_SMTP: {error}") from error
    if url and not environment.get("CONSENTRY_MAIL_FROM"):
        raise SettingsError("CONSENTRY_MAIL_FROM is missing: name the address from which letters come")
    return url


def _mail_from(environment: Mapping[str, str]) -> str:
    address = environment.get("CONSENTRY_MAIL_FROM", "")
    try:
        if address:
            address_host(address)
    except InvalidMailError as error:
        raise SettingsError(f"CONSENTRY_MAIL_FROM: {error}") from error
    return address


def _database(environment: Mapping[str, str], name: str) -> str:
    url = environment.get(name, "")
    if url and not url.startswith(("sqlite:///", "postgresql://", "postgresql+psycopg://")):
        raise SettingsError(f"{name} is a URL that begins with postgresql:// or sqlite:///: correct it")
    return url


def default_replicas(home: Path) -> tuple[Path, ...]:
    """Two folders beside the databases: enough to try things out, not for a deployment."""
    return (home / "operator" / "epoch-a", home / "operator" / "epoch-b")


def _passphrase(home: Path, environment: Mapping[str, str]) -> bytes:
    path = Path(environment.get("CONSENTRY_PASSPHRASE_FILE") or home / "operator" / "passphrase")
    try:
        passphrase = path.read_bytes().split(b"\n", 1)[0].strip()
    except OSError as error:
        if environment.get("CONSENTRY_PASSPHRASE_FILE"):
            raise SettingsError("the file that CONSENTRY_PASSPHRASE_FILE names cannot be read: correct it") from error
        raise SettingsError("no passphrase: set CONSENTRY_PASSPHRASE_FILE to a file that holds it") from error
    if not passphrase:
        raise SettingsError("the passphrase file is empty: its first line opens the installation's keys")
    return passphrase

"""`consentry login`, and the connection that each verb opens as whoever signed in."""

from pathlib import Path

from consent.cli.research import showing
from consent.cli.research.profile import NotSignedInError, Profile
from consent.client import ClientKey, Consentry, Me, NewToken
from consent.settings import SettingsError

HOUR = 3600


def login(url: str, key_file: Path, client: str, study: str, hours: int | None, *, as_json: bool) -> None:
    """Ask for a token and who one is; keep the profile once both came, and draw a personal token where asked."""
    key = ClientKey.read(key_file)
    if client and client != key.client:
        raise SettingsError("the key file is another client's: name the one that it was drawn for")
    with Consentry(url or None, key=key, study=study or None) as api, showing.busy("signing in"):
        me = api.me()
        token = None if hours is None else api.tokens.draw(hours * HOUR)
        profile = Profile(api.address.origin, key.client, str(key_file.resolve()), study)
    kept = profile.write()
    if as_json:
        showing.as_json(token or me)
    else:
        _tell(profile, me, kept, token)


def bound(study: str) -> Consentry:
    """Open the API for a study, the profile's where none is named; raise `NotSignedInError`, `SettingsError`."""
    profile = Profile.read()
    if not (study or profile.study):
        raise SettingsError("no study is named: give --study ID, or sign in for one (consentry login … --study ID)")
    return _opened(profile, study or profile.study)


def unbound() -> Consentry:
    """Open the API for no study: for drafts, and to see what studies there are."""
    return _opened(Profile.read(), None)


def _opened(profile: Profile, study: str | None) -> Consentry:
    key = ClientKey.read(profile.key)
    if key.client != profile.client:
        raise NotSignedInError("the key file is another client's by now: sign in again (consentry login)")
    return Consentry(profile.api, key=key, study=study)


def _tell(profile: Profile, me: Me, kept: Path, token: NewToken | None) -> None:
    showing.facts(
        ("signed in as", f"{me.holder}, {me.role}"),
        ("server", profile.api),
        ("study", me.study or "none: name one with --study"),
        ("may do", ", ".join(sorted(me.scopes))),
        ("profile", kept),
        ("token", token and token.token),
        ("until", token and f"{showing.moment(token.expires)}; it is shown this once"),
    )

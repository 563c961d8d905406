"""`consentry request …`: people are asked for a study, and how many of them said yes."""

from rich.table import Column

from consent.cli.research import showing
from consent.cli.research.signing_in import bound
from consent.client import Consentry, NotFoundError


def send(study: str, *, as_json: bool) -> None:
    """Begin to ask people."""
    with bound(study) as api, showing.busy("sending the request"):
        found = api.requests.ask()
    if as_json:
        showing.as_json(found)
        return
    showing.facts(
        ("request", found.number),
        ("since", showing.moment(found.since)),
        ("asks", "everybody who allows being asked, now and later, until the study is closed"),
        ("text", found.text),
    )


def show_all(study: str, *, as_json: bool) -> None:
    """List what was asked."""
    with bound(study) as api, showing.busy("asking for requests"):
        found = list(api.requests())
    if as_json:
        showing.as_json_list(found)
        return
    columns = (Column("request", justify="right"), "since", Column("SHA-256 of the text", no_wrap=True))
    rows = ((one.number, showing.moment(one.since), one.text) for one in found)
    showing.table(columns, rows, "Nobody is asked yet: `consentry request send` asks, once the study is approved.")


def answers(study: str, number: int | None, *, as_json: bool) -> None:
    """Count who said yes, to the newest request where none is named."""
    with bound(study) as api, showing.busy("counting answers"):
        found = api.requests.answers(_newest(api) if number is None else number)
    if as_json:
        showing.as_json(found)
        return
    showing.facts(
        ("allow it", showing.people(found.allowed)),
        ("may be asked", showing.people(found.asked)),
        ("epsilon", f"{found.epsilon:g}, once; {found.left:g} left in this period"),
    )


def _newest(api: Consentry) -> int:
    for one in api.requests():
        return one.number
    raise NotFoundError("nobody is asked yet: `consentry request send` asks, once the study is approved")

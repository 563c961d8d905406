"""A consent that ran out is told in the log, once, whichever process looks; what had ended before is not."""

from datetime import timedelta
from pathlib import Path

import pytest

from consent.services.acts import read_acts
from tests.services.house import House, Template

LATER = timedelta(days=500)


def expired(house: House) -> list[tuple[str, str, str, str]]:
    return [
        (line["verdict"], line["subject"], line["study"], line["consent"])
        for line in house.log()
        if line["action"] == "expire"
    ]


def test_each_consent_that_ran_out_gets_its_entry_once(house: House) -> None:
    people = house.people[:3]
    house.grant(*people)
    house.publish()
    assert house.open.expiring.step() == 0
    house.clock.ahead = LATER
    assert house.open.keep_house() >= 3
    ids = {house.open.book.entries(subject)[0].id: subject for subject in people}
    assert expired(house) == [("EXPIRED", ids[one], "kidneys", one) for one in sorted(ids)]
    assert house.open.expiring.step() == 0


def test_what_was_stopped_undone_or_erased_before_did_not_run_out(house: House) -> None:
    stopped, unpublished, erased, standing = house.people[:4]
    house.grant(stopped, erased, standing)
    house.publish()
    house.stop(stopped)
    house.grant(unpublished)
    house.clock.ahead = timedelta(days=3)
    house.publish()
    house.open.erasures.request(house.ask(erased))
    house.clock.ahead = LATER
    house.open.expiring.step()
    assert [subject for _, subject, _, _ in expired(house)] == [standing]


def test_whoever_opens_next_knows_what_was_told(template: Template, tmp_path: Path) -> None:
    home = tmp_path / "home"
    with House.copied(template, home) as house, House.without_ledger(home, template.wallets) as beside:
        house.grant(*house.people[:2])
        house.clock.ahead = beside.clock.ahead = LATER
        assert house.open.expiring.step() == 2
        assert beside.open.expiring.step() == 0
    with House.opened(home, template.wallets) as house:
        house.clock.ahead = LATER
        assert house.open.expiring.step() == 0
        with house.open.store.reading() as unit:
            assert len(read_acts(unit.log).expired) == 2


def test_thousands_run_out_in_several_transactions(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("consent.services.expiring._AT_ONCE", 2)
    house.grant(*house.people[:5])
    house.clock.ahead = LATER
    assert house.open.expiring.step() == 5
    assert len(set(expired(house))) == 5

"""The check of a receipt by anybody: what is no receipt of ours, or not a whole one, does not hold."""

import json

import pytest

from consent.domain.receipt import Receipt
from tests.web.site import Site

TRUE = "This receipt is true"
FALSE = "This receipt does not hold"


def checked(site: Site, brought: str) -> str:
    """Have a receipt checked by somebody without a cookie; return what the page says, of the two."""
    page = site.browser().post("/check", receipt=brought).get_data(as_text=True)
    [answer] = [sentence for sentence in (TRUE, FALSE) if sentence in page]
    return answer


def receipts(site: Site, act: str) -> list[Receipt]:
    """Return the receipts of somebody's act: an erasure has one as it begins, and one as it is final."""
    house = site.house
    person = house.people[0]
    if act == "erase":
        begun = house.open.erasures.request(house.ask(person))
        house.anchor()
        house.open.keep_house()
        final = house.open.erasures.receipt(person)
        assert begun.index < final.index
        return [begun, final]
    if act == "stop":
        return house.stop(person)
    [kept], _ = site.room.receipts.page(person, None, 1)
    return [kept.receipt]


@pytest.mark.parametrize("act", ["grant", "stop", "erase"])
def test_a_receipt_without_any_one_of_its_fields_or_with_one_more_does_not_hold(site: Site, act: str) -> None:
    for receipt in receipts(site, act):
        true = receipt.to_json()
        assert true["action"] == act
        assert checked(site, json.dumps(true, indent=2)) == TRUE
        for name in true:
            without = {field: member for field, member in true.items() if field != name}
            assert checked(site, json.dumps(without)) == FALSE, name
        assert checked(site, json.dumps({**true, "more": 1})) == FALSE
        assert checked(site, json.dumps(true)[:-1]) == FALSE


@pytest.mark.parametrize("brought", ["", "{}", "[]", "<script>alert(1)</script>"])
def test_what_is_no_receipt_does_not_hold(site: Site, brought: str) -> None:
    assert checked(site, brought) == FALSE

"""The pages of being erased: what is told beforehand, and where the way leads while an erasure is on its way."""

from collections.abc import Iterator

import pytest

from tests.services.house import House, Template
from tests.web.site import Site, served


@pytest.fixture
def site(consenting: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A hospital in which all but the last ten allow the study, which has used nothing yet."""
    home = tmp_path_factory.mktemp("site") / "home"
    with House.copied(consenting, home) as house, served(house) as found:
        house.publish()
        house.follow()
        yield found


def test_a_study_that_was_allowed_to_learn_is_not_said_to_have_learned(site: Site) -> None:
    page = site.signed_in(site.house.people[0]).get("/erase").get_data(as_text=True)
    assert "You let these studies learn from your records." in page
    assert "Kidneys" in page
    assert "learned" not in page


def test_who_allowed_nothing_is_told_so_and_not_that_nothing_was_used(site: Site) -> None:
    page = site.signed_in(site.house.people[-1]).get("/erase").get_data(as_text=True)
    assert "You let no study learn from your records or have a copy." in page
    assert "has used" not in page

"""The way through the portal, as the pictures of it are listed."""

from pathlib import Path

from tests.browser.pictures import WAY


def test_every_page_of_the_way_is_looked_at_somewhere() -> None:
    looks = "".join(file.read_text() for file in Path(__file__).parent.glob("test_looks*.py"))
    assert [name for name in WAY if f'"{name}"' not in looks] == []

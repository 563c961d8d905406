"""The pages that say how the API is used: all that the document has stands there, in words."""

import pytest

from consent.web.v1.problems import TYPES
from tests.web.v1.place import ORIGIN, Place


def shown(place: Place, at: str) -> str:
    answer = place.client.get(at, base_url=ORIGIN)
    assert (answer.status_code, answer.mimetype) == (200, "text/html")
    return answer.get_data(as_text=True)


def test_each_operation_of_the_document_has_its_part(shared_place: Place) -> None:
    document, page = (
        shared_place.client.get("/v1/openapi.json", base_url=ORIGIN).get_json(),
        shown(shared_place, "/docs"),
    )
    assert document["openapi"].startswith("3.1")
    for path, operations in document["paths"].items():
        for operation in operations.values():
            assert f'id="{operation["operationId"]}"' in page
        assert f"<code>{path}</code>" in page


@pytest.mark.parametrize("name", ["data_use.diseases", "window.start", "grant_type", "epsilon", "progress.step"])
def test_what_is_sent_and_answered_is_named(shared_place: Place, name: str) -> None:
    """Also what stands inside of another member."""
    assert f"<code>{name}</code>" in shown(shared_place, "/docs")


def test_the_list_of_problems_leads_to_each(shared_place: Place) -> None:
    page = shown(shared_place, "/problems")
    for slug in TYPES:
        assert f'href="/problems/{slug}"' in page
        assert f">{slug}</code>" in page
        assert "`" not in shown(shared_place, f"/problems/{slug}"), "what stands in backticks is shown as code"

"""The proof of a receipt at the portal: a bundle, ready once the log is signed, and the person's alone."""

import io
import json
import zipfile

from tests.web.site import Site


def signed(site: Site) -> None:
    with site.house.open.store.begin() as unit:
        site.house.open.log.checkpoint(unit)


def test_a_person_gets_the_bundle_of_their_receipt(site: Site) -> None:
    person = site.house.people[0]
    [receipt] = site.house.stop(person)
    signed(site)
    answer = site.signed_in(person).get(f"/receipts/{receipt.index}/evidence.zip")
    assert (answer.status_code, answer.mimetype) == (200, "application/zip")
    assert answer.headers["Content-Disposition"] == f'attachment; filename="evidence-{receipt.index}.zip"'
    assert answer.headers["Cache-Control"] == "no-store"
    with zipfile.ZipFile(io.BytesIO(answer.data)) as archive:
        assert json.loads(archive.read("bundle.json"))["scope"] == {"index": receipt.index}
        assert json.loads(archive.read("receipts.ndjson")) == receipt.to_json()


def test_it_is_not_ready_before_the_log_is_signed(site: Site) -> None:
    person = site.house.people[1]
    signed(site)
    [receipt] = site.house.stop(person)
    answer = site.signed_in(person).get(f"/receipts/{receipt.index}/evidence.zip")
    assert answer.status_code == 404
    assert "not ready yet" in answer.get_data(as_text=True)


def test_nobody_gets_anothers(site: Site) -> None:
    [receipt] = site.house.stop(site.house.people[2])
    signed(site)
    path = f"/receipts/{receipt.index}/evidence.zip"
    assert site.signed_in(site.house.people[3]).get(path).status_code == 404
    assert site.browser().get(path).status_code in {302, 303, 401}
    assert site.signed_in(site.house.people[2]).get(f"/receipts/{receipt.index}/evidence.json").status_code == 404

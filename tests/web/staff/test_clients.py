"""Programs of researchers and clinicians, and revoking them."""

from consent.services.desk.callers import Role
from tests.assertions import Signer
from tests.web.staff.office import CLIENT, Office, StaffBrowser


def test_clients_are_listed_with_roles_keys_and_studies(office: Office, operator: StaffBrowser) -> None:
    office.room.clients.allow(CLIENT, "kidneys")
    office.room.clients.register("ward-7", Role.CLINICIAN, "Ward 7", Signer.drawn("ward-7").jwk)
    page = operator.text("/staff/clients")
    for said in ("Lab of a university", CLIENT, "researcher", office.signer.kid, "/staff/studies/kidneys", "Ward 7"):
        assert said in page, said
    assert "clinician" in page


def test_a_key_is_revoked_after_one_more_question(office: Office, operator: StaffBrowser) -> None:
    spare = Signer.drawn(CLIENT)
    office.room.clients.add_key(CLIENT, spare.jwk)
    at = f"/staff/clients/{CLIENT}/keys/{spare.kid}/revoke"
    assert "Revoke this key for good?" in operator.text(at)
    assert operator.post(at).location == "/staff/clients"
    after = operator.text("/staff/clients")
    assert "The key is revoked" in after
    [client] = office.room.clients.listed()
    assert {key.kid: key.stands for key in client.keys} == {spare.kid: False, office.signer.kid: True}
    assert operator.get(at).status_code == 404
    assert operator.post(at, page="/staff").status_code == 404


def test_a_client_is_revoked_after_one_more_question(office: Office, operator: StaffBrowser) -> None:
    at = f"/staff/clients/{CLIENT}/revoke"
    assert "Revoke this client for good?" in operator.text(at)
    assert operator.post(at).location == "/staff/clients"
    after = operator.text("/staff/clients")
    assert "The client is revoked" in after
    assert f"{CLIENT}/revoke" not in after
    [client] = office.room.clients.listed()
    assert not client.stands
    assert operator.get(at).status_code == 404
    assert operator.post(at, page="/staff").status_code == 404


def test_what_is_not_registered_cannot_be_revoked(office: Office, operator: StaffBrowser) -> None:
    before = office.log_size()
    for path in ("nobody/revoke", f"nobody/keys/{office.signer.kid}/revoke", f"{CLIENT}/keys/unknown/revoke"):
        assert operator.get(f"/staff/clients/{path}").status_code == 404
        assert operator.post(f"/staff/clients/{path}", page="/staff").status_code == 404
    assert office.log_size() == before


def test_a_key_is_revoked_as_its_own_clients_alone(office: Office, operator: StaffBrowser) -> None:
    other = Signer.drawn("ward-7")
    office.room.clients.register("ward-7", Role.CLINICIAN, "Ward 7", other.jwk)
    assert operator.post(f"/staff/clients/{CLIENT}/keys/{other.kid}/revoke", page="/staff").status_code == 404
    assert all(key.stands for client in office.room.clients.listed() for key in client.keys)


def test_a_title_of_a_client_is_shown_as_text(office: Office, operator: StaffBrowser) -> None:
    office.room.clients.register("evil", Role.RESEARCHER, "<script>alert(1)</script>", Signer.drawn("evil").jwk)
    for page in ("/staff/clients", "/staff/clients/evil/revoke"):
        text = operator.text(page)
        assert "<script>alert" not in text
        assert "&lt;script&gt;" in text

"""What waits, what was decided, and deciding it."""

from dataclasses import replace

import pytest

from consent.domain.study import Study, Translation
from tests.services.house import STUDY
from tests.web.staff.office import CLIENT, Office, StaffBrowser

NEEDS_A_PERSON = STUDY.data_use.to_json() | {"other": ["COL", "IRB"]}


def test_what_waits_is_listed_and_shown_as_patients_read_it(office: Office, operator: StaffBrowser) -> None:
    office.submitted("knees", title="Knees after a fall", institution="The Other Hospital")
    listed = operator.text("/staff")
    assert "Waits for your decision" in listed
    assert "Knees after a fall" in listed
    assert f"<code>{CLIENT}</code>" in listed
    page = operator.text("/staff/studies/knees")
    for said in (
        STUDY.text,
        "The Other Hospital, for the study “Knees after a fall”.",
        "They may use my age and sex, laboratory results and survival to teach a risk model.",
        "To learn about health and disease, but never to make money and never to build new research methods.",
        "DUO:0000006",
        "DUO:0000015",
        "DUO:0000018",
        "age and sex and survival",
        "teach risk models",
        "not named",
        "Submitted by",
    ):
        assert said in page, said


def test_a_draft_that_nobody_submitted_is_not_on_the_list(office: Office, operator: StaffBrowser) -> None:
    office.drafted("knees")
    assert "About knees" not in operator.text("/staff")
    assert "Approve …" not in operator.text("/staff/studies/knees")


def test_an_operator_approves_what_they_read(office: Office, operator: StaffBrowser) -> None:
    study = office.submitted("knees")
    asked = operator.text(f"/staff/studies/knees/approve?seen={study.definition}")
    assert "Approve this study?" in asked
    assert office.state("knees") == "submitted", "asking once more decides nothing"
    answer = operator.post(
        "/staff/studies/knees/approve", page="/staff", seen=study.definition, ethics=" EC  2026/114 "
    )
    assert answer.location == "/staff/studies/knees"
    after = operator.text("/staff/studies/knees")
    assert "The study is approved" in after
    assert "EC 2026/114" in after
    assert "Close the study" in after
    assert office.state("knees") == "approved"
    [client] = [one for one in office.room.clients.listed() if one.client == CLIENT]
    assert client.studies == ("knees",)
    assert "Approved: nobody is asked yet" in operator.text("/staff")


def test_what_was_said_is_said_once(office: Office, operator: StaffBrowser) -> None:
    study = office.submitted("knees")
    operator.post("/staff/studies/knees/approve", page="/staff", seen=study.definition, ethics="EC 1")
    assert "The study is approved" in operator.text("/staff/studies/knees")
    assert "The study is approved" not in operator.text("/staff/studies/knees")


def test_what_is_no_ethics_reference_is_told_beside_the_field(office: Office, operator: StaffBrowser) -> None:
    study, before = office.submitted("knees"), office.log_size()
    for ethics in ("", "   ", "x" * 201, "EC\x001", "EC \u202e1"):
        answer = operator.post("/staff/studies/knees/approve", page="/staff", seen=study.definition, ethics=ethics)
        page = answer.get_data(as_text=True)
        assert answer.status_code == 422, ethics
        assert 'href="#ethics"' in page
        assert 'id="ethics-fault"' in page
    assert (office.state("knees"), office.log_size()) == ("submitted", before)


def test_a_purpose_that_no_machine_decides_takes_a_reason(office: Office, operator: StaffBrowser) -> None:
    study = office.submitted("knees", data_use=NEEDS_A_PERSON)
    page = operator.text("/staff/studies/knees")
    assert "No machine decides this" in page
    assert '<bdi dir="auto">COL</bdi>' in page
    at, form = "/staff/studies/knees/approve", {"seen": study.definition, "ethics": "EC 1"}
    refused = operator.post(at, page="/staff", **form)
    assert refused.status_code == 422
    assert 'href="#reason"' in refused.get_data(as_text=True)
    assert 'value="EC 1"' in refused.get_data(as_text=True), "what was typed is kept"
    assert operator.post(at, page="/staff", **form, reason="The committee\nlooked at it").status_code == 302
    assert office.state("knees") == "approved"
    assert "The committee looked at it" in operator.text("/staff/studies/knees")


def test_where_no_reason_is_needed_none_is_kept(office: Office, operator: StaffBrowser) -> None:
    study = office.submitted("knees")
    form = {"seen": study.definition, "ethics": "EC 1", "reason": "just so"}
    assert operator.post("/staff/studies/knees/approve", page="/staff", **form).status_code == 302
    assert "just so" not in operator.text("/staff/studies/knees")


def test_an_operator_refuses_with_a_reason_that_the_client_reads(office: Office, operator: StaffBrowser) -> None:
    study = office.submitted("knees")
    at = "/staff/studies/knees/refuse"
    assert "Refuse this study?" in operator.text(f"{at}?seen={study.definition}")
    assert operator.post(at, page="/staff", seen=study.definition, reason=" ").status_code == 422
    answer = operator.post(at, page="/staff", seen=study.definition, reason="Say how long you keep it.")
    assert answer.location == "/staff/studies/knees"
    assert "The study is refused" in operator.text("/staff/studies/knees")
    assert office.room.drafts.view("knees", CLIENT).reason == "Say how long you keep it."


@pytest.mark.parametrize("act", ["approve", "refuse"])
def test_what_changed_since_it_was_read_is_not_decided_on(
    office: Office, operator: StaffBrowser, act: str
) -> None:  # fmt: skip
    read = office.submitted("knees")
    now = office.house.clock()
    changed = {**read.study, "text": "We also look at genes."}
    office.room.drafts.change(CLIENT, "knees", changed, now)
    office.room.drafts.submit(CLIENT, "knees", now)
    form = {"seen": read.definition, "ethics": "EC 1", "reason": "No."}
    before = office.log_size()
    assert operator.get(f"/staff/studies/knees/{act}?seen={read.definition}").status_code == 409
    answer = operator.post(f"/staff/studies/knees/{act}", page="/staff", **form)
    assert answer.status_code == 409
    assert "Look at it again" in answer.get_data(as_text=True)
    assert (office.state("knees"), office.log_size()) == ("submitted", before)


@pytest.mark.parametrize("act", ["approve", "refuse"])
def test_nothing_is_decided_unread_or_twice(office: Office, operator: StaffBrowser, act: str) -> None:
    study = office.submitted("knees")
    form = {"ethics": "EC 1", "reason": "No."}
    for seen in ("", "0" * 64, study.definition[:-1], study.definition.upper()):
        assert operator.post(f"/staff/studies/knees/{act}", page="/staff", **form, seen=seen).status_code == 409
    assert operator.post(f"/staff/studies/knees/{act}", page="/staff", **form, seen=study.definition).status_code == 302
    assert operator.post(f"/staff/studies/knees/{act}", page="/staff", **form, seen=study.definition).status_code == 409


def test_a_study_of_a_client_that_was_revoked_is_not_approved(office: Office, operator: StaffBrowser) -> None:
    study = office.submitted("knees")
    office.room.clients.revoke(CLIENT)
    before = office.log_size()
    answer = operator.post("/staff/studies/knees/approve", page="/staff", seen=study.definition, ethics="EC 1")
    assert answer.status_code == 422
    assert "was revoked" in answer.get_data(as_text=True)
    assert (office.state("knees"), office.log_size()) == ("submitted", before)


def test_an_operator_closes_a_study_for_good(office: Office, operator: StaffBrowser) -> None:
    assert "Close this study for good?" in operator.text("/staff/studies/kidneys/close")
    assert office.state("kidneys") == "recruiting"
    answer = operator.post("/staff/studies/kidneys/close")
    assert answer.location == "/staff/studies/kidneys"
    after = operator.text("/staff/studies/kidneys")
    assert "The study is closed. It had no model in use." in after
    assert "Close the study" not in after
    assert office.state("kidneys") == "closed"
    assert operator.get("/staff/studies/kidneys/close").status_code == 409
    assert operator.post("/staff/studies/kidneys/close", page="/staff").status_code == 409


def test_what_waits_cannot_be_closed(office: Office, operator: StaffBrowser) -> None:
    office.submitted("knees")
    assert operator.get("/staff/studies/knees/close").status_code == 409
    assert operator.post("/staff/studies/knees/close", page="/staff").status_code == 409
    assert office.state("knees") == "submitted"


def test_there_is_no_page_for_a_study_that_is_not_there(operator: StaffBrowser) -> None:
    for act in ("", "/approve", "/refuse", "/close"):
        answer = operator.get(f"/staff/studies/nothing{act}")
        assert answer.status_code == 404
        assert "There is no such study" in answer.get_data(as_text=True)


def test_an_auditor_sees_the_same_and_can_do_nothing(office: Office, auditor: StaffBrowser) -> None:
    office.submitted("knees")
    listed = auditor.text("/staff")
    assert "About knees" in listed
    assert "Waits for a decision" in listed
    for study in ("knees", "kidneys"):
        page = auditor.text(f"/staff/studies/{study}")
        assert STUDY.text in page
        assert not any(act in page for act in ("Approve …", "Refuse …", "Close the study"))


def test_each_language_in_which_patients_read_it_is_shown(office: Office, operator: StaffBrowser) -> None:
    spanish = Translation("es", "Rodillas tras una caída", "Este estudio pregunta por las rodillas.")
    study: Study = replace(STUDY, translations=(spanish,))
    office.submitted("knees", translations=study.to_json()["translations"])
    page = operator.text("/staff/studies/knees")
    assert 'lang="es" aria-label="Español"' in page
    assert spanish.text in page
    assert "para el estudio «Rodillas tras una caída»" in page
    assert STUDY.text in page

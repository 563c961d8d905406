"""The auditors' pages over a hospital with a past: every question has its answer, and looking leaves a trace."""

import re
from collections.abc import Iterator

import pytest
from sqlalchemy import update

from consent.adapters.sql.tables import consents
from consent.services.desk.callers import Role
from tests.services.audited import AGREED, Past, lived
from tests.services.house import CANARY_NAME, CANARY_VALUE, House, Template
from tests.web.staff.office import Office, StaffBrowser, served

QUESTIONS = ("history", "as-of", "consents", "reconcile", "models", "checkpoints", "erasures", "findings")
SCRIPT = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"


@pytest.fixture(scope="module")
def past(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Past]:
    """A hospital of which two weeks are over."""
    with House.copied(template, tmp_path_factory.mktemp("audited") / "home") as house:
        yield lived(house)


@pytest.fixture(scope="module")
def audited(past: Past) -> Iterator[Office]:
    """Its staff's pages."""
    with served(past.house) as office:
        yield office


@pytest.fixture(scope="module")
def audrey(audited: Office) -> StaffBrowser:
    """An auditor's browser."""
    return audited.somebody("audrey", Role.AUDITOR)


def words(page: str) -> str:
    """Return what stands on a page, without its markup."""
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def test_every_question_is_one_step_away(audrey: StaffBrowser) -> None:
    begin = audrey.text("/staff/audit")
    assert 'href="/staff/audit" aria-current="page"' in begin
    for question in QUESTIONS:
        assert begin.count(f'href="/staff/audit/{question}"') == 2
        assert f'href="/staff/audit/{question}" aria-current="page"' in audrey.text(f"/staff/audit/{question}")


def test_history_is_filtered_and_leads_to_each_entry(audrey: StaffBrowser, past: Past) -> None:
    page = audrey.text(f"/staff/audit/history?action=stop&study=kidneys&from={past.day(5)}&until={past.day(5)}")
    assert page.count('class="strong"') == 3
    assert words(page).count("Consent stopped STOPPED") == 3
    [first, *_] = re.findall(r'class="strong" href="([^"]+)"', page)
    entry = words(audrey.text(first))
    assert "Leads to the signed root" in entry
    assert "Computed again: the same" in entry
    assert "No entry is like that" in audrey.text(f"/staff/audit/history?action=stop&until={past.day(4)}")


def test_history_goes_on_where_a_page_ends(audrey: StaffBrowser) -> None:
    page, seen = audrey.text("/staff/audit/history"), list[str]()
    while True:
        seen += re.findall(r'class="strong" href="/staff/audit/entry/(\d+)"', page)
        older = re.search(r'href="(\?[^"]*before=\d+)">Older', page)
        if older is None:
            break
        page = audrey.text(f"/staff/audit/history{older[1].replace('&amp;', '&')}")
    assert seen == [str(index) for index in reversed(range(len(seen)))]
    assert len(seen) > 250


@pytest.mark.parametrize(
    "asked",
    [
        "study=Kidneys!",
        "subject=Jane+Doe",
        f"subject={'a' * 31}",
        "action=nothing",
        "verdict=%3Cb%3E",
        "operation=a+b",
        "consent=1",
        "from=yesterday",
        "until=2026-13-01",
        "from=0001-01-01",
        "from=2026-03-04&until=2026-03-03",
    ],
)
def test_a_wrong_filter_is_told_and_not_repeated(audrey: StaffBrowser, asked: str) -> None:
    answer = audrey.get(f"/staff/audit/history?{asked}")
    page = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert "Something is to be corrected" in page
    assert "<title>Error:" in page
    value = asked.partition("=")[2].partition("&")[0]
    assert f'value="{value}"' not in page or "&" in asked
    assert 'class="ledger' not in page


@pytest.mark.parametrize("before", ["x", "-1", "9" * 30, "1e3", ""])
def test_a_page_that_begins_nowhere_begins_at_the_end(audrey: StaffBrowser, before: str) -> None:
    assert 'class="strong"' in audrey.text(f"/staff/audit/history?before={before}")


def test_as_of_a_day_says_whom_a_study_could_read(audrey: StaffBrowser, past: Past) -> None:
    for day, people in ((2, AGREED - 1), (6, AGREED - 4)):
        page = words(audrey.text(f"/staff/audit/as-of?study=kidneys&day={past.day(day)}"))
        assert f"kidneys could read records of {people} people" in page
        assert ("3 had stopped it STOPPED" in page) == (day == 6)
        assert "1 was erased since" in page
    assert "Now, kidneys can read records of 36 people" in words(
        audrey.text(f"/staff/audit/as-of?study=kidneys&day={past.day(14)}")
    )


def test_as_of_a_day_to_come_is_refused(audrey: StaffBrowser, past: Past) -> None:
    for asked, sentence in (
        (f"study=kidneys&day={past.day(15)}", "This day has not come yet"),
        (f"study=hearts&day={past.day(1)}", "Choose one of the studies"),
        ("study=kidneys&day=today", "Write a day as year, month and day"),
    ):
        answer = audrey.get(f"/staff/audit/as-of?{asked}")
        assert answer.status_code == 422
        assert sentence in answer.get_data(as_text=True)


def test_a_consent_is_shown_from_each_side_and_the_look_is_written(
    audited: Office, audrey: StaffBrowser, past: Past
) -> None:
    consent, size = past.consent_of(past.standing[0]), audited.log_size()
    page = words(audrey.text(f"/staff/audit/consents/{consent}"))
    assert "All sides agree" in page
    assert "They may use my age and sex, laboratory results and survival to teach a risk model." in page
    assert audited.log_size() == size + 1
    assert f'"consent":"{consent}"' in audited.log_end()
    assert '"actor":"auditor:audrey"' in audited.log_end()
    assert '"operation":"audit"' in audited.log_end()


def test_an_operator_who_looks_is_written_as_one(audited: Office, past: Past) -> None:
    olga = audited.somebody("olga", Role.OPERATOR)
    olga.text(f"/staff/audit/consents/{past.consent_of(past.standing[1])}")
    assert '"actor":"operator:olga"' in audited.log_end()


def test_of_an_erased_person_only_the_log_is_shown(audited: Office, audrey: StaffBrowser, past: Past) -> None:
    size = audited.log_size()
    page = words(audrey.text(f"/staff/audit/consents/{past.consent_of(past.erased)}"))
    assert "Erased: checkable no longer" in page
    assert "What was signed" not in page
    assert audited.log_size() == size


def test_two_consents_are_compared_and_both_looks_are_written(
    audited: Office, audrey: StaffBrowser, past: Past
) -> None:
    size, (a, b) = audited.log_size(), map(past.consent_of, past.standing[:2])
    page = words(audrey.text(f"/staff/audit/consents/diff?a={a}&b={b}"))
    assert "One thing differs" in page
    assert audited.log_size() == size + 2
    assert "Both say the same" in audrey.text(f"/staff/audit/consents/diff?a={a}&b={a}")
    gone = past.consent_of(past.erased)
    assert "cannot be opened" in audrey.text(f"/staff/audit/consents/diff?a={a}&b={gone}")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/staff/audit/consents/nothing", 404),
        (f"/staff/audit/consents/{'0' * 32}", 404),
        (f"/staff/audit/consents/diff?a={'0' * 32}&b={'1' * 32}", 422),
        ("/staff/audit/consents/diff?a=Jane&b=Joe", 422),
        ("/staff/audit/consents?search=Jane", 422),
        ("/staff/audit/consents?study=Jane", 422),
        ("/staff/audit/entry/999999999999", 404),
        ("/staff/audit/entry/x", 404),
        (f"/staff/audit/models/{'0' * 64}", 404),
        ("/staff/audit/models/x", 404),
    ],
)
def test_what_is_not_there_is_said_and_nothing_is_written(
    audited: Office, audrey: StaffBrowser, path: str, status: int
) -> None:
    size = audited.log_size()
    answer = audrey.get(path)
    assert answer.status_code == status
    assert "Jane" not in answer.get_data(as_text=True)
    assert audited.log_size() == size


def test_consents_are_found_by_a_beginning(audrey: StaffBrowser, past: Past) -> None:
    page = audrey.text(f"/staff/audit/consents?search={past.standing[0][:16]}")
    assert f"/staff/audit/consents/{past.consent_of(past.standing[0])}" in page
    assert "1 consent, the newest first" in words(page)


def test_agreement_models_checkpoints_and_erasures_say_how_things_are(audrey: StaffBrowser, past: Past) -> None:
    assert f"All sides agree on {AGREED} consents" in audrey.text("/staff/audit/reconcile")
    models = audrey.text("/staff/audit/models")
    assert f"4 of {AGREED} people have withdrawn since" in words(models)
    [model] = re.findall(r"/staff/audit/models/([0-9a-f]{64})", models)
    assert words(audrey.text(f"/staff/audit/models/{model}")).count("Stopped") >= 3
    assert "the log key" in audrey.text("/staff/audit/checkpoints")
    assert audrey.text("/staff/audit/checkpoints?only=proven").count("block ") >= 4
    erasures = words(audrey.text("/staff/audit/erasures"))
    assert "Key deleted" in erasures
    assert f"{past.erased[:8]}…" in erasures


def test_findings_are_run_when_asked_for(audited: Office, audrey: StaffBrowser) -> None:
    assert "Check everything" in audrey.text("/staff/audit/findings")
    page = words(audrey.post("/staff/audit/findings").get_data(as_text=True))
    assert "log.entries holds" in page
    assert "for audrey, auditor" in page


@pytest.mark.parametrize(("form", "kind"), [("csv", "text/csv"), ("ndjson", "application/x-ndjson")])
def test_history_leaves_as_a_file_and_the_log_says_so(
    audited: Office, audrey: StaffBrowser, form: str, kind: str
) -> None:
    answer = audrey.post("/staff/audit/history/export", page="/staff/audit/history", format=form, action="stop")
    assert answer.mimetype == kind
    assert answer.headers["Content-Disposition"] == f'attachment; filename="consentry-history.{form}"'
    assert answer.get_data(as_text=True).count("STOPPED") >= 3
    assert '"verdict":"HISTORY"' in audited.log_end()


def test_consents_leave_as_fhir(audrey: StaffBrowser) -> None:
    answer = audrey.post("/staff/audit/consents/export", page="/staff/audit/consents", study="kidneys")
    assert answer.mimetype == "application/fhir+ndjson"
    assert len(answer.get_data().splitlines()) == AGREED - 1


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("/staff/audit/history/export", {"format": "xlsx"}),
        ("/staff/audit/history/export", {"format": "csv", "subject": "Jane"}),
        ("/staff/audit/consents/export", {"study": "Jane Doe"}),
    ],
)
def test_what_cannot_be_given_out_is_not_written_either(
    audited: Office, audrey: StaffBrowser, path: str, form: dict[str, str]
) -> None:
    size = audited.log_size()
    assert audrey.post(path, page="/staff/audit/history", **form).status_code == 422
    assert audited.log_size() == size


def test_no_page_tells_what_records_hold_or_whose_they_are(audrey: StaffBrowser, past: Past) -> None:
    paths = [f"/staff/audit/{question}" for question in QUESTIONS]
    paths += [f"/staff/audit/consents/{past.consent_of(past.standing[0])}", "/staff/audit/entry/1", "/staff/audit"]
    for path in paths:
        page = audrey.text(path)
        assert CANARY_NAME not in page
        assert CANARY_VALUE not in page
        assert "hospital.example" not in page


def test_what_somebody_asks_is_shown_as_text(audrey: StaffBrowser) -> None:
    for path in ("history", "as-of", "consents", "consents/diff", "checkpoints"):
        names = ("study", "subject", "search", "a", "b", "day", "from", "only", "before", "page", "verdict")
        for name in names:
            answer = audrey.client.get(
                f"/staff/audit/{path}",
                base_url="https://api.localhost:8001",
                headers={"Accept": "text/html"},
                query_string={name: SCRIPT},
            )
            page = answer.get_data(as_text=True)
            assert answer.status_code in {200, 422}
            assert "<script>alert" not in page
            assert "<img src=x" not in page


def test_no_page_has_a_script_or_a_style_of_its_own(audrey: StaffBrowser) -> None:
    for question in QUESTIONS:
        page = audrey.text(f"/staff/audit/{question}")
        assert re.findall(r"<script(?![^>]* src=)", page) == []
        assert re.findall(r"<style|\sstyle=|\son[a-z]+=", page) == []


def test_what_differs_is_named_and_drilled_into(house: House) -> None:
    house.grant(*house.people[:3])
    house.publish()
    with served(house) as office:
        audrey = office.somebody("audrey", Role.AUDITOR)
        consent = house.open.book.entries(house.people[0])[0].id
        with house.open.store.begin() as unit:
            unit.connection.execute(update(consents).where(consents.c.id == consent).values(stopped=True))
        page = audrey.text("/staff/audit/reconcile")
        assert "1 consent does not agree" in page
        assert f'href="/staff/audit/consents/{consent}"' in page
        shown = words(audrey.text(f"/staff/audit/consents/{consent}"))
        assert "Sides differ" in shown
        assert "The row says stopped, and the log does not." in shown
        assert "consents.agree does not hold" in words(audrey.post("/staff/audit/findings").get_data(as_text=True))

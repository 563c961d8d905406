"""Installations to copy, for building one takes a second, and real nodes."""

import os
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from tests.anvil import Anvil
    from tests.databases import Kind
    from tests.services.house import House, Template

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
"""No test is timed: on a busy machine one example may take its time."""

ON_BOTH = {
    "test_accounts_of_the_erased",
    "test_activity",
    "test_activity_openings",
    "test_attaching",
    "test_backups",
    "test_consent_gate",
    "test_erasing",
    "test_erasure_requests",
    "test_granting",
    "test_importing",
    "test_letters",
    "test_new_keys",
    "test_notices",
    "test_own_records",
    "test_own_view",
    "test_replaying",
    "test_risk_pages",
    "test_rows_of_before",
    "test_stopping",
    "test_stopping_at_the_portal",
    "test_tokens",
}
"""The suites that run on both databases every time."""


def pytest_collection_finish() -> None:
    """Test modules import what raises the limit (`consent.domain.nesting`): no test is to rest on which did."""
    from consent.domain.nesting import limit_nesting

    limit_nesting()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where CONSENTRY_REQUIRE_ALL is set, a test that was skipped has failed."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and os.environ.get("CONSENTRY_REQUIRE_ALL"):
        report.outcome, report.longrepr = "failed", f"CONSENTRY_REQUIRE_ALL is set: {report.longreprtext}"
    if report.when == "call" and report.passed and _tells(report):
        report.outcome, report.longrepr = "failed", "this test printed or logged what stands in every record"
    return report


def _tells(report: pytest.TestReport) -> bool:
    """Say whether a canary is in what a test printed or logged on its way: it stands in every record."""
    said = "".join(content for _, content in report.sections)
    if not said:
        return False
    from tests.canaries import found_in

    return bool(found_in(said))


@pytest.fixture(scope="session", autouse=True)
def _passphrases() -> Iterator[None]:
    """A guess at a passphrase costs little where a test makes the file: opening an installation is mostly Argon2id."""
    from vault import Cost, PassphraseFile

    cheap = (Cost(iterations=1, lanes=1, memory_kib=8),)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PassphraseFile.create.__func__, "__defaults__", cheap)  # type: ignore[attr-defined]  # a class method
        yield


@pytest.fixture(autouse=True)
def _databases() -> Iterator[None]:
    """PostgreSQL databases go with the test that made them."""
    from tests.databases import ending_with_the_test

    with ending_with_the_test():
        yield


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run services on SQLite and on PostgreSQL; for most the second time is for `make soak`."""
    if "database_kind" not in metafunc.fixturenames:
        return
    test = metafunc.definition
    kinds = [pytest.param("sqlite", id="sqlite")]
    on_both = test.path.stem in ON_BOTH and test.path.parent.name != "browser"
    of_services = "services" in {test.path.parent.name, test.path.parent.parent.name}
    if (on_both or of_services) and test.get_closest_marker("sqlite_only") is None:
        marks = () if on_both else (pytest.mark.soak,)
        kinds.append(pytest.param("postgresql", id="postgresql", marks=marks))
    metafunc.parametrize("database_kind", kinds, indirect=True, scope="session")


@pytest.fixture(scope="session")
def database_kind(request: pytest.FixtureRequest) -> "Kind":
    """Which databases installations have."""
    chosen: Kind = request.param
    return chosen


@pytest.fixture(scope="session")
def template(database_kind: "Kind", tmp_path_factory: pytest.TempPathFactory) -> "Template":
    """Everyone imported and enrolled, the study approved, nobody asked yet."""
    from tests.services.house import Template

    return Template.built(tmp_path_factory.mktemp("template") / "home", kind=database_kind)


@pytest.fixture(scope="session")
def consenting(template: "Template", tmp_path_factory: pytest.TempPathFactory) -> "Template":
    """All but the last ten said yes to the study, and the chain knows."""
    from tests.services.house import House, Template

    home = tmp_path_factory.mktemp("consenting") / "home"
    with House.copied(template, home) as house:
        house.grant(*house.people[:-10])
        house.publish()
    return Template(home, template.wallets)


@pytest.fixture
def house(template: "Template", tmp_path: Path) -> "Iterator[House]":
    """An open copy of the template, the test's own."""
    from tests.services.house import House

    with House.copied(template, tmp_path / "home") as opened:
        yield opened


@pytest.fixture(scope="module")
def shared_house(template: "Template", tmp_path_factory: pytest.TempPathFactory) -> "Iterator[House]":
    """An open copy of the template for a module whose tests leave nothing behind."""
    from tests.services.house import House

    with House.copied(template, tmp_path_factory.mktemp("shared") / "home") as opened:
        yield opened


@pytest.fixture
def anvil(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[Anvil]":
    """A real node with a new chain, the test's own; it starts in some 25 ms."""
    from tests.anvil import Anvil

    with Anvil(tmp_path_factory.mktemp("anvil")) as node:
        yield node


@pytest.fixture(scope="session")
def shared_anvil(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[Anvil]":
    """A real node that tests share which only add to its chain."""
    from tests.anvil import Anvil

    with Anvil(tmp_path_factory.mktemp("anvil")) as node:
        yield node

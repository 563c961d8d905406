"""How a deployment is doing, over HTTP: for machines that watch it, and with nothing in it about anyone."""

import re
import threading
from dataclasses import dataclass, replace
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families

import migrations
from consent.ports import Condition, Store
from consent.services.health import Health
from consent.web import create_app
from consent.web.headers import SECURITY_HEADERS
from tests.services.deployments import GOOD, NOW, Deployment, health_of
from tests.services.house import House

PATHS = ["/healthz", "/readyz", "/metrics"]
LABELS = {
    "errand": {"grant", "revoke", "stop", "other"},
    "state": {"waiting", "running", "done", "failed", "cancelled", "other"},
    "role": {"operator", "relayer", "custodian", "anchor", "other"},
    "version": {version("consentry")},
}
GAUGES = {
    "ledger_head_block",
    "ledger_final_block",
    "ledger_head_age_seconds",
    "ledger_matches",
    "outbox_items",
    "outbox_overdue_seconds",
    "jobs",
    "anchor_lag_seconds",
    "log_entries",
    "log_unsigned_entries",
    "notices_waiting",
    "transactions_pending",
    "build_info",
}
SUBJECT = "5d41402abc4b2a76b9719d911017c592"


@dataclass(frozen=True)
class Watched:
    """A client, and the deployment whose condition the test can change."""

    client: FlaskClient
    deployment: Deployment
    key_file: Path

    def scraped(self) -> dict[str, dict[str, float]]:
        """Return each gauge's values by the value of its only label, `""` where it has none."""
        answer = self.client.get("/metrics")
        assert answer.status_code == 200
        families = text_string_to_metric_families(answer.get_data(as_text=True))
        return {
            family.name.removeprefix("consentry_"): {
                next(iter(sample.labels.values()), ""): sample.value for sample in family.samples
            }
            for family in families
        }


@pytest.fixture
def watched(shared_house: House, tmp_path: Path) -> Watched:
    key_file = tmp_path / "root-key.json"
    key_file.write_text("{}")
    here, deployment = shared_house.open, Deployment()
    app = create_app(here.store, here.log.origin, here.log.signer.public_key, health_of(deployment, key_file))
    return Watched(app.test_client(), deployment, key_file)


def test_a_good_deployment_is_alive_and_ready(watched: Watched) -> None:
    assert watched.client.get("/healthz").status_code == 200
    answer = watched.client.get("/readyz")
    assert (answer.status_code, answer.get_json()["ready"]) == (200, True)
    assert {"name": "ledger", "state": "ok", "word": "current"} in answer.get_json()["checks"]


def test_a_deployment_that_is_not_ready_says_which_check_failed_and_lives(watched: Watched) -> None:
    watched.deployment.becomes(head_age=9999)
    answer = watched.client.get("/readyz")
    assert (answer.status_code, answer.get_json()["ready"]) == (503, False)
    failed = [check for check in answer.get_json()["checks"] if check["state"] != "ok"]
    assert failed == [{"name": "ledger", "state": "failed", "word": "stale"}]
    assert watched.client.get("/healthz").status_code == 200


def test_without_its_database_a_process_lives_and_has_no_figures(watched: Watched) -> None:
    watched.deployment.now = None
    statuses = [watched.client.get(path).status_code for path in PATHS]
    assert statuses == [200, 503, 503]


@pytest.mark.parametrize("path", PATHS)
def test_every_answer_carries_the_security_headers_and_only_this_machines_names_count(
    watched: Watched, path: str
) -> None:
    answer = watched.client.get(path)
    assert {name: answer.headers.get(name) for name in SECURITY_HEADERS} == SECURITY_HEADERS
    assert watched.client.get(path, headers={"Host": "elsewhere.example"}).status_code == 400
    assert watched.client.post(path).status_code == 405


def test_a_scrape_holds_every_gauge(watched: Watched) -> None:
    scraped = watched.scraped()
    assert scraped.keys() == GAUGES
    assert scraped["ledger_head_block"] == {"": 120}
    assert scraped["ledger_final_block"] == {"": 118}
    assert scraped["ledger_head_age_seconds"] == {"": 7}
    assert scraped["ledger_matches"] == {"": 1}
    assert scraped["outbox_items"] == {"grant": 3, "revoke": 1, "stop": 0, "other": 0}
    assert scraped["outbox_overdue_seconds"] == {"": 0}
    assert scraped["jobs"] == {"waiting": 2, "running": 0, "done": 40, "failed": 0, "cancelled": 0, "other": 0}
    assert scraped["log_entries"] == {"": 5000}
    assert scraped["log_unsigned_entries"] == {"": 12}
    assert scraped["anchor_lag_seconds"] == {"": 40}
    assert scraped["notices_waiting"] == {"": 3}
    assert scraped["transactions_pending"] == {"operator": 1, "relayer": 0, "custodian": 0, "anchor": 0, "other": 0}
    assert scraped["build_info"] == {version("consentry"): 1}


def test_what_is_not_known_yet_has_no_line_and_does_not_match(watched: Watched) -> None:
    watched.deployment.becomes(head_block=None, final_block=None, head_age=None, matches=False)
    scraped = watched.scraped()
    assert scraped["ledger_head_block"] == scraped["ledger_final_block"] == scraped["ledger_head_age_seconds"] == {}
    assert scraped["ledger_matches"] == {"": 0}


def test_labels_are_from_fixed_lists_whatever_the_database_holds(watched: Watched) -> None:
    strange = {SUBJECT: 4, 'a"}\nodd{x="': 1}
    watched.deployment.becomes(outbox=strange, jobs={"done": 1} | strange, pending_transactions=strange)
    text = watched.client.get("/metrics").get_data(as_text=True)
    assert SUBJECT not in text
    assert "odd" not in text
    seen = re.findall(r'([a-z_]+)="([^"]*)"', text)
    assert {name for name, _ in seen} == LABELS.keys()
    assert all(value in LABELS[name] for name, value in seen)
    assert watched.scraped()["jobs"]["other"] == 5


def test_each_scrape_reads_once_and_keeps_nothing(watched: Watched) -> None:
    watched.scraped()
    watched.deployment.becomes(log_entries=5001)
    assert watched.scraped()["log_entries"] == {"": 5001}
    assert watched.deployment.asked == 2


def test_without_health_there_are_no_such_pages(shared_house: House) -> None:
    here = shared_house.open
    client = create_app(here.store, here.log.origin, here.log.signer.public_key).test_client()
    assert {client.get(path).status_code for path in PATHS} == {404}


@dataclass(frozen=True)
class ReadByStore:
    """Takes some figures from a real records database, as every reader must: in a transaction that only reads."""

    store: Store

    def condition(self, now: datetime) -> Condition:
        """Return the good condition with the real log's size and outbox."""
        with self.store.reading() as unit:
            return replace(GOOD, log_entries=unit.log.size(), outbox={"grant": unit.outbox.size()})


@pytest.fixture
def real(shared_house: House) -> FlaskClient:
    """Pages over a real installation: its databases, its schemas, its key file."""
    here = shared_house.open
    schemas = {"records": lambda: migrations.at_head(here.store.engine, "records")}
    health = Health(ReadByStore(here.store), lambda: NOW, here.places.root_key, schemas)
    return create_app(here.store, here.log.origin, here.log.signer.public_key, health).test_client()


def test_a_real_installation_is_ready(real: FlaskClient, shared_house: House) -> None:
    answer = real.get("/readyz")
    assert answer.status_code == 200, answer.get_json()
    with shared_house.open.store.reading() as unit:
        assert f"consentry_log_entries {float(unit.log.size())}" in real.get("/metrics").get_data(as_text=True)


def test_no_page_needs_the_write_lock(real: FlaskClient, shared_house: House) -> None:
    """While somebody else holds it, all three answer."""
    statuses: list[int] = []
    asking = threading.Thread(target=lambda: statuses.extend(real.get(path).status_code for path in PATHS))
    with shared_house.open.store.begin():
        asking.start()
        asking.join(5)
        assert statuses == [200, 200, 200]

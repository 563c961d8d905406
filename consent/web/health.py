"""How a deployment is doing, over HTTP, for whoever runs it. Counts and ages; no answer names anyone.

| path | gives |
| --- | --- |
| `/healthz` | 200: this process answers |
| `/readyz` | 200 when every check holds, else 503; the checks as JSON |
| `/metrics` | Prometheus' text format, read from the database as it is asked for |
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Final

from flask import Blueprint, Response, jsonify
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from consent.domain.errors import ConsentError
from consent.ports import Condition, Errand, JobState, Role
from consent.services.health import Health

ERRANDS: Final = tuple(errand.value for errand in Errand)
JOB_STATES: Final = tuple(state.value for state in JobState)
ROLES: Final = tuple(role.value for role in Role)
OTHER: Final = "other"
"""The label of whatever is on no list: a label's value never comes from the database."""


def health_pages(health: Health) -> Blueprint:
    """Return the pages over one deployment."""
    pages = Blueprint("health", __name__)

    @pages.get("/healthz")
    def healthz() -> Response:
        return Response("ok\n", mimetype="text/plain")

    @pages.get("/readyz")
    def readyz() -> tuple[Response, int]:
        checks = health.checks()
        ready = all(check.ok for check in checks)
        listed = [{"name": check.name, "state": "ok" if check.ok else "failed", "word": check.word} for check in checks]
        return jsonify(ready=ready, checks=listed), 200 if ready else 503

    @pages.get("/metrics")
    def metrics() -> Response:
        try:
            condition = health.condition()
        except ConsentError:
            return Response("unavailable\n", status=503, mimetype="text/plain")
        # A registry for each answer: nothing is shared between processes, and one reading serves all of its lines.
        registry = CollectorRegistry(auto_describe=False)
        registry.register(ConditionCollector(condition))
        return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)

    return pages


@dataclass(frozen=True, eq=False)  # a registry keeps collectors by identity
class ConditionCollector(Collector):
    """One condition as Prometheus' gauges; what is not known yet has no line."""

    condition: Condition

    def collect(self) -> Iterable[Metric]:
        """Yield every gauge."""
        yield from self._ledger()
        yield from self._outbox_and_jobs()
        yield _gauge("notices_waiting", "Letters to people that wait.", self.condition.notices)
        yield _gauge("log_entries", "Entries in the log.", self.condition.log_entries)
        yield _gauge("log_unsigned_entries", "Entries under no checkpoint yet.", self.condition.unsigned_entries)
        lag = "Seconds since the oldest entry that no anchor covers."
        yield _gauge("anchor_lag_seconds", lag, self.condition.anchor_lag)
        build = GaugeMetricFamily("consentry_build_info", "The version that runs; always 1.", labels=["version"])
        build.add_metric([version("consentry")], 1)
        yield build

    def _ledger(self) -> Iterator[Metric]:
        now = self.condition
        yield _gauge("ledger_head_block", "Newest block seen.", now.head_block)
        yield _gauge("ledger_final_block", "Newest final block in our copy.", now.final_block)
        yield _gauge("ledger_head_age_seconds", "Seconds since the last reading, or the final block.", now.head_age)
        yield _gauge("ledger_matches", "1 when our copy folds to the ledger's history hash.", int(now.matches))
        sent = "Transactions sent and not yet final, by the role of their key."
        yield _labelled("transactions_pending", sent, "role", ROLES, now.pending_transactions)

    def _outbox_and_jobs(self) -> Iterator[Metric]:
        now = self.condition
        yield _labelled("outbox_items", "Items that wait for the ledger.", "errand", ERRANDS, now.outbox)
        yield _gauge("outbox_overdue_seconds", "Seconds since the oldest waiting item was due.", now.outbox_overdue)
        yield _labelled("jobs", "Jobs by state.", "state", JOB_STATES, now.jobs)


def _gauge(name: str, meaning: str, value: int | None) -> Metric:
    gauge = GaugeMetricFamily(f"consentry_{name}", meaning)
    if value is not None:
        gauge.add_metric([], value)
    return gauge


def _labelled(name: str, meaning: str, label: str, known: Iterable[str], counts: Mapping[str, int]) -> Metric:
    """Return a gauge with a line for every known value of its label, and one for all others together."""
    gauge = GaugeMetricFamily(f"consentry_{name}", meaning, labels=[label])
    listed = {value: counts.get(value, 0) for value in known}
    for value, count in listed.items():
        gauge.add_metric([value], count)
    gauge.add_metric([OTHER], sum(counts.values()) - sum(listed.values()))
    return gauge

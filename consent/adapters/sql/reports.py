"""Reports, in SQL."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import ColumnElement, Connection, delete, insert, select, update

from consent.adapters.sql.portal_tables import reports
from consent.domain.terms import SubjectId
from consent.ports import StoredReport


@dataclass(frozen=True)
class SqlReports:
    """`Reports` on one transaction."""

    connection: Connection

    def add(self, report: StoredReport) -> None:
        """Store a report."""
        self.connection.execute(insert(reports), asdict(report))

    def get(self, report: str) -> StoredReport | None:
        """Return a report by its id."""
        return next(iter(self._where(reports.c.id == report)), None)

    def everything(self) -> Sequence[StoredReport]:
        """Return all reports, the oldest first."""
        return self._where()

    def of_subject(self, subject: SubjectId) -> Sequence[StoredReport]:
        """Return a person's reports, the oldest first."""
        return self._where(reports.c.subject == subject)

    def about(self, subject: SubjectId, entries: Collection[int]) -> Mapping[int, StoredReport]:
        """Return a person's reports about these entries, by the entry."""
        found = self._where(reports.c.subject == subject, reports.c.entry.in_(sorted(entries)))
        return {report.entry: report for report in found}

    def answer(self, report: str, answered: int, sealed: bytes) -> None:
        """Store an answer, in the place of an earlier one."""
        row = update(reports).where(reports.c.id == report)
        self.connection.execute(row.values(answered=answered, answer=sealed))

    def drop(self, subject: SubjectId) -> None:
        """Delete a person's reports."""
        self.connection.execute(delete(reports).where(reports.c.subject == subject))

    def _where(self, *conditions: ColumnElement[bool]) -> list[StoredReport]:
        query = select(reports).where(*conditions).order_by(reports.c.created, reports.c.id)
        return [StoredReport(**row._mapping) for row in self.connection.execute(query)]  # noqa: SLF001  # public API

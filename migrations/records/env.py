"""Runs the history of the records database on the connection that `migrations.upgrade` passes in."""

from alembic import context

from consent.adapters.sql.tables import metadata
from vault.tables import records_metadata

target_metadata = [records_metadata, metadata]

context.configure(connection=context.config.attributes["connection"], target_metadata=target_metadata)
with context.begin_transaction():
    context.run_migrations()

"""Runs the history of the keys database on the connection that `migrations.upgrade` passes in."""

from alembic import context

from vault.tables import keys_metadata

target_metadata = [keys_metadata]

context.configure(connection=context.config.attributes["connection"], target_metadata=target_metadata)
with context.begin_transaction():
    context.run_migrations()

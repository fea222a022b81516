"""Runs the steps on the connection it is given; there is no settings file and no database of its own."""

from alembic import context

from reconcile_app.storage.tables import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
with context.begin_transaction():
    context.run_migrations()

"""How Alembic runs the revisions: on the connection that it is handed."""

from alembic import context

from ticketcore.adapters.sql.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()

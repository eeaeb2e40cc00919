"""Alembic environment: migrates one namespace's SQL schema (see `conf.connections.postgres`).

Guarantee: of several that migrate a schema at the same moment one does and the others wait for it.
"""

from alembic import context
from sqlalchemy import Connection, text

connection: Connection = context.config.attributes["connection"]
schema: str = context.config.attributes["schema"]

# Held until the connection is closed: the statements below are several transactions.
connection.execute(
    text("SELECT pg_advisory_lock(hashtext(:name))"), {"name": f"nexthour-migration-{schema}"}
)
connection.execute(text(f'CREATE SCHEMA IF NOT EXISTS "{schema}"'))
connection.execute(text(f'SET search_path TO "{schema}"'))
connection.commit()
context.configure(connection=connection, version_table_schema=schema)
with context.begin_transaction():
    context.run_migrations()

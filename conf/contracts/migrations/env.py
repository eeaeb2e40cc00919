"""Alembic environment: migrates one namespace's SQL schema (see `conf.connections.postgres`)."""

from alembic import context
from sqlalchemy import Connection, text

connection: Connection = context.config.attributes["connection"]
schema: str = context.config.attributes["schema"]

connection.execute(text(f'CREATE SCHEMA IF NOT EXISTS "{schema}"'))
connection.execute(text(f'SET search_path TO "{schema}"'))
connection.commit()
context.configure(connection=connection, version_table_schema=schema)
with context.begin_transaction():
    context.run_migrations()

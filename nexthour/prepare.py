"""`python -m nexthour.prepare`: SQL schema, run row and topics of the namespace, before any part needs them."""

from __future__ import annotations

import sys

import psycopg2

from conf.connections.postgres import connect, migrate
from conf.names import Namespace
from conf.settings import KafkaSettings, PostgresSettings, RunSettings
from producers.errors import ProducerError
from producers.topics import ensure_topics


def prepare(run: RunSettings, kafka: KafkaSettings, postgres: PostgresSettings) -> None:
    """Make what all parts share; does nothing to what is there and equal.

    Raises:
        ProducerError: if a topic exists with other settings or of another venue.
        psycopg2.Error: if Postgres cannot be reached.
    """
    namespace = Namespace(run.namespace)
    migrate(postgres, namespace)
    connection = connect(postgres, namespace)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO run_info (namespace, venue, source_label, speed) "
                "VALUES (%s, %s, %s, %s) ON CONFLICT (only_row) DO UPDATE SET "
                "namespace = EXCLUDED.namespace, venue = EXCLUDED.venue, "
                "source_label = EXCLUDED.source_label, speed = EXCLUDED.speed, started_at = now()",
                (run.namespace, run.venue, run.source_label, run.speed),
            )
    finally:
        connection.close()
    ensure_topics(kafka, run)


def main() -> int:
    """Prepare from the environment; return the exit code."""
    try:
        prepare(RunSettings(), KafkaSettings(), PostgresSettings())
    except (ProducerError, psycopg2.Error) as error:
        sys.stderr.write(f"{str(error).splitlines()[0]}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Checks before a JVM is started: is every store there, and does it hold what the queries need?"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx
import psycopg2

from conf.connections.kafka import BrokerError, connected_admin
from conf.connections.postgres import connect
from streaming.client_log import CLIENT_LOG
from streaming.context import PipelineContext
from streaming.errors import NotReadyError, StartError

TIMEOUT_S = 5.0


def check_stores(context: PipelineContext) -> None:
    """Ask Kafka, HDFS and Postgres at once.

    Raises:
        StartError: naming the first store that is away or unprepared and what to do.
    """
    checks: tuple[Callable[[PipelineContext], None], ...] = (_kafka, _hdfs, _postgres)
    with ThreadPoolExecutor(len(checks)) as pool:
        for answer in [pool.submit(check, context) for check in checks]:
            answer.result()


def topic_partitions(context: PipelineContext, *topics: str) -> dict[str, int]:
    """Return how many partitions each topic has.

    Raises:
        NotReadyError: if no broker answers.
        StartError: if a topic is not there.
    """
    try:
        _, found = connected_admin(context.kafka, TIMEOUT_S, CLIENT_LOG)
    except BrokerError as error:
        raise NotReadyError(str(error)) from error
    for topic in topics:
        if topic not in found:
            servers = context.kafka.bootstrap_servers
            message = (
                f"Kafka at {servers} has no topic {topic}: run `python -m nexthour.prepare` first"
            )
            raise StartError(message)
    return {topic: len(found[topic].partitions) for topic in topics}


def _kafka(context: PipelineContext) -> None:
    topic_partitions(context, context.namespace.trades_topic, context.namespace.candles_topic)


def _hdfs(context: PipelineContext) -> None:
    url = context.hdfs.http_url
    try:
        answer = httpx.get(
            f"{url}/webhdfs/v1/",
            params={"op": "GETFILESTATUS", "user.name": context.hdfs.user},
            timeout=TIMEOUT_S,
        )
        answer.raise_for_status()
    except httpx.HTTPError as error:
        message = f"HDFS at {url} does not answer ({str(error).splitlines()[0]}): is it started, and is NEXTHOUR_HDFS_HTTP_URL right?"
        raise StartError(message) from error


def _postgres(context: PipelineContext) -> None:
    schema = context.namespace.sql_schema
    try:
        connection = connect(context.postgres, context.namespace)
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT to_regclass('sink_commit') IS NOT NULL")
                row = cursor.fetchone()
        finally:
            connection.close()
    except psycopg2.Error as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else "no reason given"
        message = f"Postgres does not answer ({reason}): is it started, and is NEXTHOUR_POSTGRES_URL right?"
        raise StartError(message) from error
    if not (row and row[0]):
        message = (
            f"Postgres has no tables in schema {schema}: run `python -m nexthour.prepare` first"
        )
        raise StartError(message)

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import psutil
import psycopg2
import pytest
from botocore.exceptions import ClientError
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from conf.connections.hdfs import open_hdfs, write_replacing
from conf.connections.hdfs_folders import ABANDONED_AFTER_S
from conf.connections.postgres import READER_ROLE, connect, migrate
from conf.connections.s3 import open_s3
from conf.local_stack import LocalStackSettings
from local.errors import LocalError
from local.stack import LocalStack
from streaming.candles.files import clear_up
from tests.support.bundle import ROOT, Bundle
from tests.support.eventually import eventually

pytestmark = pytest.mark.integration

PARTS = {"kafka", "namenode", "datanode", "postgres", "s3"}
PRECONDITION_FAILED = 412


def processes_of(folder: Path) -> list[psutil.Process]:
    """Every process whose command line names a stack's folder (zombies have none)."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        if any(str(folder) in word for word in process.info["cmdline"] or []):
            found.append(process)
    return found


def read_values(settings: Bundle, topic: str, isolation: str, count: int) -> list[bytes]:
    """Return the first `count` values of a one-partition topic, or what there is at its end."""
    consumer = Consumer(
        {
            **settings.kafka.client_config(),
            "group.id": uuid.uuid4().hex,
            "isolation.level": isolation,
            "auto.offset.reset": "earliest",
        }
    )
    consumer.subscribe([topic])
    values: list[bytes] = []

    def enough() -> bool:
        message = consumer.poll(0.2)
        if message is not None and not message.error():
            values.append(message.value())
        return len(values) >= count

    try:
        eventually(enough, 20, message=f"{count} records of {topic}")
    finally:
        consumer.close()
    return values


def test_every_part_runs_and_was_timed(stack: LocalStack) -> None:
    assert set(stack.pids()) == PARTS
    assert set(stack.start_seconds) == {"kafka", "hdfs", "postgres", "s3"}
    assert all(0 < seconds < 60 for seconds in stack.start_seconds.values())


def test_kafka_hides_what_was_aborted(settings: Bundle) -> None:
    topic = settings.namespace.trades_topic
    admin = AdminClient(settings.kafka.client_config())
    admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(10)
    producer = Producer(
        {**settings.kafka.client_config(), "transactional.id": settings.namespace.name}
    )
    producer.init_transactions(20)
    for value, is_kept in ((b"aborted", False), (b"kept", True)):
        producer.begin_transaction()
        producer.produce(topic, value, key=b"BTCUSDT")
        producer.flush(10)
        if is_kept:
            producer.commit_transaction(10)
        else:
            producer.abort_transaction(10)
    assert read_values(settings, topic, "read_committed", 1) == [b"kept"]
    assert read_values(settings, topic, "read_uncommitted", 2) == [b"aborted", b"kept"]


def test_hdfs_gives_back_what_was_written(settings: Bundle) -> None:
    files = open_hdfs(settings.hdfs)
    path = f"{settings.namespace.hdfs_root}/candles/date=2026-01-01/BTCUSDT-1-r1.parquet"
    write_replacing(files, path, b"first")
    write_replacing(files, path, b"second" * 100_000)
    assert files.cat_file(path) == b"second" * 100_000
    assert [info["name"] for info in files.ls(os.path.dirname(path), detail=True)] == [path]


def test_what_a_killed_writer_left_is_cleared_away_once_it_is_old(settings: Bundle) -> None:
    files, namespace = open_hdfs(settings.hdfs), settings.namespace
    assert clear_up(files, namespace, time.time()) == []
    path = namespace.candle_file("BTCUSDT", 1_767_225_600_000, 1)
    folder, name = os.path.split(path)
    left = f"{folder}/.{name}.0123.tmp"
    write_replacing(files, path, b"whole")
    files.pipe_file(left, b"ha")
    assert clear_up(files, namespace, time.time()) == []
    assert clear_up(files, namespace, time.time() + ABANDONED_AFTER_S + 60) == [left]
    assert files.ls(folder, detail=False) == [path]


def test_spark_and_webhdfs_see_the_same_files(hdfs_spark: object, settings: Bundle) -> None:
    path = f"{settings.namespace.hdfs_root}/numbers"
    hdfs_spark.range(5).write.parquet(path)  # type: ignore[attr-defined]
    names = [
        os.path.basename(info["name"]) for info in open_hdfs(settings.hdfs).ls(path, detail=True)
    ]
    assert "_SUCCESS" in names
    assert hdfs_spark.read.parquet(f"{settings.hdfs.url}{path}").count() == 5  # type: ignore[attr-defined]


def test_migrating_twice_changes_nothing(settings: Bundle) -> None:
    migrate(settings.postgres, settings.namespace)
    with connect(settings.postgres, settings.namespace) as writer, writer.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM alembic_version")
        assert cursor.fetchone() == (1,)
        cursor.execute("SELECT count(*) FROM candle")
        assert cursor.fetchone() == (0,)


def test_the_reader_may_read_only(settings: Bundle) -> None:
    reader = connect(settings.postgres, settings.namespace, role=READER_ROLE)
    with reader, reader.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM candle")
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            cursor.execute("DELETE FROM candle")


def test_s3_writes_once_and_swaps_only_what_was_seen(settings: Bundle) -> None:
    client = open_s3(settings.s3)
    bucket, key = settings.s3.bucket, f"{settings.namespace.s3_prefix}champion.json"

    def status_of_put(**condition: str) -> int:
        try:
            answer = client.put_object(Bucket=bucket, Key=key, Body=uuid.uuid4().bytes, **condition)  # type: ignore[arg-type]
        except ClientError as error:
            return int(error.response["ResponseMetadata"]["HTTPStatusCode"])
        return int(answer["ResponseMetadata"]["HTTPStatusCode"])

    assert status_of_put(IfNoneMatch="*") == 200
    assert status_of_put(IfNoneMatch="*") == PRECONDITION_FAILED
    seen = client.head_object(Bucket=bucket, Key=key)["ETag"]
    assert status_of_put(IfMatch=seen) == 200
    assert status_of_put(IfMatch=seen) == PRECONDITION_FAILED


def test_a_port_in_use_is_one_line_and_leaves_nothing(stack: LocalStack, tmp_path: Path) -> None:
    taken = int(stack.environment()["NEXTHOUR_KAFKA_BOOTSTRAP_SERVERS"].rsplit(":", 1)[1])
    settings = LocalStackSettings(
        run_dir=tmp_path / "second", jars_dir=ROOT / ".deps" / "jars", kafka_port=taken
    )
    second = LocalStack(settings)
    with pytest.raises(
        LocalError, match=f"^port {taken} .*in use.*NEXTHOUR_LOCAL_KAFKA_PORT"
    ) as error:
        second.up()
    assert "\n" not in str(error.value)
    assert processes_of(tmp_path / "second") == []


def test_one_folder_is_for_one_stack(stack: LocalStack) -> None:
    with pytest.raises(LocalError, match="already runs in"):
        LocalStack(stack.settings).up()
    assert set(stack.pids()) == PARTS


HOLDER = """
import json, sys, time
from pathlib import Path
from conf.connections.s3 import open_s3
from conf.local_stack import LocalStackSettings
from conf.settings import S3Settings
from local.stack import LocalStack
settings = LocalStackSettings(run_dir=Path(sys.argv[1]), jars_dir=Path(".deps/jars"), durable=False)
stack = LocalStack(settings).up()
print(json.dumps({"pids": stack.pids(), "environment": stack.environment()}), flush=True)
time.sleep(600)
"""


def test_nothing_is_left_when_the_owner_is_killed_and_a_second_start_finds_the_data(
    tmp_path: Path, stack: LocalStack
) -> None:
    """Two stacks side by side; the second one's owner dies by SIGKILL; its data survives."""
    folder = tmp_path / "second"
    owner = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder)], stdout=subprocess.PIPE, cwd=ROOT, text=True
    )
    try:
        assert owner.stdout is not None
        told = json.loads(owner.stdout.readline())
        assert set(told["pids"]) == PARTS
        assert not set(told["environment"].items()) & {
            item for item in stack.environment().items() if "127.0.0.1:" in item[1]
        }
        with psycopg2.connect(told["environment"]["NEXTHOUR_POSTGRES_URL"]) as connection:
            connection.cursor().execute("CREATE TABLE kept AS SELECT 7 AS number")
    finally:
        owner.send_signal(signal.SIGKILL)
        owner.wait()
    eventually(lambda: not processes_of(folder), 20, message="all servers of the killed owner end")

    settings = LocalStackSettings(run_dir=folder, jars_dir=ROOT / ".deps" / "jars", durable=False)
    again = LocalStack(settings)
    with again, psycopg2.connect(again.environment()["NEXTHOUR_POSTGRES_URL"]) as connection:
        cursor = connection.cursor()
        cursor.execute("SELECT number FROM kept")
        assert cursor.fetchone() == (7,)
    assert processes_of(folder) == []
    with pytest.raises(LocalError, match="not up"):
        again.environment()
    again.forget()
    assert set(stack.pids()) == PARTS

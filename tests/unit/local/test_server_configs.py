from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from local import hdfs, kafka, postgres, s3

pytestmark = pytest.mark.unit


@pytest.fixture
def kafka_plan(tmp_path: Path) -> kafka.KafkaPlan:
    return kafka.KafkaPlan(tmp_path / "kafka", 1001, 1002, 320, tmp_path / "jars")


@pytest.fixture
def hdfs_plan(tmp_path: Path) -> hdfs.HdfsPlan:
    return hdfs.HdfsPlan(tmp_path / "hdfs", 1, 2, 3, 4, 5, 128, 96, tmp_path / "jars")


def read_properties(path: Path) -> dict[str, str]:
    return dict(line.split("=", 1) for line in path.read_text().splitlines())


def read_site(path: Path) -> dict[str, str]:
    root = ElementTree.fromstring(path.read_text())
    return {row.findtext("name", ""): row.findtext("value", "") for row in root}


def test_every_internal_topic_of_kafka_lives_on_one_node(kafka_plan: kafka.KafkaPlan) -> None:
    kafka.write_config(kafka_plan)
    values = read_properties(kafka_plan.properties_file)
    factors = {name: value for name, value in values.items() if "replication.factor" in name}
    assert set(factors) == {
        "default.replication.factor",
        "offsets.topic.replication.factor",
        "transaction.state.log.replication.factor",
        "share.coordinator.state.topic.replication.factor",
    }
    assert set(factors.values()) == {"1"}
    assert values["transaction.state.log.min.isr"] == "1"
    assert values["share.coordinator.state.topic.min.isr"] == "1"


def test_kafka_listens_on_loopback_only(kafka_plan: kafka.KafkaPlan) -> None:
    values = kafka.properties(kafka_plan)
    assert values["listeners"] == "PLAINTEXT://127.0.0.1:1001,CONTROLLER://127.0.0.1:1002"
    assert values["advertised.listeners"] == "PLAINTEXT://127.0.0.1:1001"
    assert kafka_plan.bootstrap_servers == "127.0.0.1:1001"
    assert Path(values["log.dirs"]).is_relative_to(kafka_plan.folder.resolve())


def test_hdfs_listens_on_loopback_only(hdfs_plan: hdfs.HdfsPlan) -> None:
    hdfs.write_config(hdfs_plan)
    values = read_site(hdfs_plan.config_dir / "hdfs-site.xml")
    addresses = {name: value for name, value in values.items() if name.endswith("address")}
    assert addresses == {
        "dfs.namenode.rpc-address": "127.0.0.1:1",
        "dfs.namenode.http-address": "127.0.0.1:2",
        "dfs.datanode.address": "127.0.0.1:3",
        "dfs.datanode.ipc.address": "127.0.0.1:4",
        "dfs.datanode.http.address": "127.0.0.1:5",
    }
    core = read_site(hdfs_plan.config_dir / "core-site.xml")
    assert core["fs.defaultFS"] == hdfs_plan.url == "hdfs://127.0.0.1:1"
    assert hdfs_plan.http_url == "http://127.0.0.1:2"
    assert (hdfs_plan.config_dir / "webapps" / "datanode").is_dir()


def test_hadoop_configuration_survives_odd_folders() -> None:
    text = hdfs.site_xml({"dfs.data": "file:///a&b/<c>"})
    (row,) = ElementTree.fromstring(text)
    assert row.findtext("value") == "file:///a&b/<c>"


def test_s3_takes_one_key_pair_on_loopback(tmp_path: Path) -> None:
    values = s3.properties(s3.S3Plan(tmp_path, 1007, 64, "id", "secret", tmp_path))
    assert values["s3proxy.endpoint"] == "http://127.0.0.1:1007"
    assert values["s3proxy.authorization"] == "aws-v2-or-v4"
    assert (values["s3proxy.identity"], values["s3proxy.credential"]) == ("id", "secret")


@pytest.mark.parametrize(("durable", "is_off"), [(True, False), (False, True)])
def test_only_a_throwaway_postgres_skips_the_disk(
    tmp_path: Path, durable: bool, is_off: bool
) -> None:
    options = postgres.server_options(postgres.PostgresPlan(tmp_path, 1003, durable))
    assert ("fsync=off" in options) is is_off
    assert "listen_addresses=127.0.0.1" in options
    assert "port=1003" in options

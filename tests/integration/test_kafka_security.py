"""TLS, passwords and ACLs by configuration, against a broker that has them.

A broker of its own: clients come by SASL_SSL only (SCRAM-SHA-512 or PLAIN, an authority made here), and the
user may do what docs/consumers.md says that a producer needs, and nothing else.
"""

from __future__ import annotations

import asyncio
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)
from pyspark.sql import SparkSession

from conf.connections.kafka import BrokerError, connected_admin
from conf.contracts.trades import decode
from conf.names import HOUR_MS, Namespace
from conf.producer import ProducerSettings
from conf.settings import KafkaSettings, RunSettings
from local import kafka as local_kafka
from local.java import java_program
from local.launcher import Launcher
from local.ports import HOST, PortClaims
from producers.errors import StartupError
from producers.kafka_errors import CLIENT_LOG
from producers.kafka_producer import SinkConfig, open_producer
from producers.kafka_sink import KafkaSink
from producers.messages import Trade
from producers.tail import TailReader
from producers.topics import ensure_topics, topic_specs
from streaming.kafka_source import java_options
from tests.support.producer_runs import read_trades

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
H0 = 490_000 * HOUR_MS
STORE_PASSWORD = "changeit"
SCRAM = ("SCRAM-SHA-512", "producer", "s3cret with blank")
PLAIN = ("PLAIN", "reader", 'an0"th\\er')
# as a JAAS line wants it
JAAS_PASSWORD = PLAIN[2].replace("\\", "\\\\").replace('"', '\\"')
NAMESPACES = ("secure", "secure-spark", "secure-python")
CLEAR_S = 10.0


@dataclass(frozen=True)
class SecureBroker:
    """A running broker.

    Attributes:
        address: of the listener with TLS and passwords.
        ca: PEM file of the authority.
        internal: address without both, for the administrator.
    """

    address: str
    ca: Path
    internal: str

    def settings(self, login: tuple[str, str, str] = SCRAM, **changes: object) -> KafkaSettings:
        mechanism, user, password = login
        fields = {
            "bootstrap_servers": self.address,
            "security_protocol": "SASL_SSL",
            "sasl_mechanism": mechanism,
            "sasl_username": user,
            "sasl_password": password,
            "ssl_ca_location": str(self.ca),
        }
        return KafkaSettings.model_validate(fields | changes)


def keytool(folder: Path, *arguments: str) -> None:
    program = java_program().resolve().with_name("keytool")
    store = ["-storepass", STORE_PASSWORD, "-keystore", str(folder / "broker.p12")]
    subprocess.run(
        [str(program), "-J-XX:TieredStopAtLevel=1", *arguments, *store],
        check=True,
        capture_output=True,
        timeout=60,
    )


def make_certificate(folder: Path) -> Path:
    """Make the broker's key and a certificate that is its own authority; return it as PEM."""
    names = ["-alias", "broker", "-dname", "CN=nexthour test", "-ext", f"san=ip:{HOST}"]
    kind = ["-keyalg", "EC", "-validity", "2", "-storetype", "PKCS12", "-ext", "bc:c"]
    keytool(folder, "-genkeypair", *names, *kind)
    pem = folder / "ca.pem"
    keytool(folder, "-exportcert", "-rfc", "-alias", "broker", "-file", str(pem))
    return pem


def secure_plan(folder: Path, ports: PortClaims) -> tuple[local_kafka.KafkaPlan, int]:
    port, controller, secure = (ports.claim(0, "secure kafka") for _ in range(3))
    modules = "org.apache.kafka.common.security"
    store = f"{(folder / 'broker.p12').resolve()}"
    extra = {
        "listeners": f"PLAINTEXT://{HOST}:{port},CONTROLLER://{HOST}:{controller},SECURE://{HOST}:{secure}",
        "advertised.listeners": f"PLAINTEXT://{HOST}:{port},SECURE://{HOST}:{secure}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SECURE:SASL_SSL",
        "inter.broker.listener.name": "PLAINTEXT",
        "sasl.enabled.mechanisms": "SCRAM-SHA-512,PLAIN",
        "listener.name.secure.scram-sha-512.sasl.jaas.config": f"{modules}.scram.ScramLoginModule required;",
        "listener.name.secure.plain.sasl.jaas.config": f'{modules}.plain.PlainLoginModule required user_{PLAIN[1]}="{JAAS_PASSWORD}";',
        "listener.name.secure.ssl.keystore.type": "PKCS12",
        "listener.name.secure.ssl.keystore.location": store,
        "listener.name.secure.ssl.keystore.password": STORE_PASSWORD,
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS",  # the broker itself, and the administrator below
    }
    scram = f"{SCRAM[0]}=[name={SCRAM[1]},password={SCRAM[2]}]"
    plan = local_kafka.KafkaPlan(
        folder / "kafka",
        port,
        controller,
        256,
        ROOT / ".deps" / "jars" / "kafka",
        extra,
        ("--add-scram", scram),
    )
    return plan, secure


def allow(broker: SecureBroker, namespace: str) -> None:
    """Give both users what the documentation says that they need, and nothing else."""
    topic, group, transaction = (
        ResourceType.TOPIC,
        ResourceType.GROUP,
        ResourceType.TRANSACTIONAL_ID,
    )
    prefix = f"{namespace}."
    wanted = [
        (SCRAM[1], topic, prefix, operation)
        for operation in ("CREATE", "WRITE", "READ", "DESCRIBE", "DESCRIBE_CONFIGS")
    ]
    wanted += [(SCRAM[1], transaction, f"{prefix}producer.", op) for op in ("WRITE", "DESCRIBE")]
    wanted += [(SCRAM[1], group, prefix, "READ")]
    wanted += [(PLAIN[1], topic, prefix, operation) for operation in ("READ", "DESCRIBE")]
    wanted += [(PLAIN[1], group, "", "READ")]
    bindings = [
        AclBinding(
            resource,
            name or "*",
            ResourcePatternType.PREFIXED if name else ResourcePatternType.LITERAL,
            f"User:{user}",
            "*",
            AclOperation[operation],
            AclPermissionType.ALLOW,
        )
        for user, resource, name, operation in wanted
    ]
    admin = AdminClient({"bootstrap.servers": broker.internal})
    for future in admin.create_acls(bindings, request_timeout=20).values():
        future.result()


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureBroker]:
    folder = tmp_path_factory.mktemp("secure")
    ports = PortClaims()
    launcher = Launcher(folder / "logs", 60, 15)
    try:
        ca = make_certificate(folder)
        plan, secure = secure_plan(folder, ports)
        local_kafka.start(plan, launcher)
        running = SecureBroker(f"{HOST}:{secure}", ca, plan.bootstrap_servers)
        for namespace in NAMESPACES:
            allow(running, namespace)
        yield running
    finally:
        launcher.stop_all()
        ports.release()


def write(settings: KafkaSettings, namespace: Namespace, ids: range) -> None:
    config = SinkConfig(
        settings, ProducerSettings.model_validate({}), namespace, "binance-spot", "1/1"
    )

    async def run() -> None:
        sink = KafkaSink(config, open_producer(config))
        await sink.put([Trade("BTCUSDT", i, 100, 7, True, H0, H0, H0, "STREAM") for i in ids])
        await sink.close()

    asyncio.run(run())


def test_a_producer_works_with_tls_a_password_and_only_its_rights(broker: SecureBroker) -> None:
    settings, namespace = broker.settings(), Namespace("secure")
    run = RunSettings(namespace=namespace.name)
    ensure_topics(settings, run)
    ensure_topics(settings, run)
    listed = AdminClient(settings.client_config()).list_topics(timeout=10).topics
    assert {spec.name for spec in topic_specs(settings, namespace)} <= set(listed)
    write(settings, namespace, range(1, 4))
    with TailReader(settings, namespace.trades_topic, "binance-spot") as reader:
        assert reader.read(["BTCUSDT"])["BTCUSDT"].last_id == 3
    reader_settings = broker.settings(PLAIN)
    series = read_trades(reader_settings, namespace.trades_topic)
    assert [record.trade_id for record in series["BTCUSDT"]] == [1, 2, 3]


@pytest.mark.filterwarnings("ignore:.*_text is deprecated:DeprecationWarning")
def test_kafka_python_reads_with_the_options_that_the_documentation_names(
    broker: SecureBroker,
) -> None:
    from kafka import KafkaConsumer  # warns as it is imported

    namespace, settings = Namespace("secure-python"), broker.settings()
    ensure_topics(settings, RunSettings(namespace=namespace.name))
    write(settings, namespace, range(1, 4))
    mechanism, user, password = PLAIN
    consumer = KafkaConsumer(
        namespace.trades_topic,
        bootstrap_servers=broker.address,
        security_protocol="SASL_SSL",
        sasl_mechanism=mechanism,
        sasl_plain_username=user,
        sasl_plain_password=password,
        ssl_cafile=str(broker.ca),
        isolation_level="read_committed",
        auto_offset_reset="earliest",
    )
    messages = [next(consumer) for _ in range(3)]
    consumer.close()
    assert [decode(message.value, 1).trade_id for message in messages] == [1, 2, 3]


def test_spark_reads_with_the_same_settings(broker: SecureBroker, spark: SparkSession) -> None:
    namespace = Namespace("secure-spark")
    settings = broker.settings()
    ensure_topics(settings, RunSettings(namespace=namespace.name))
    write(settings, namespace, range(5, 8))
    for login in (SCRAM, PLAIN):
        rows = (
            spark.read.format("kafka")
            .options(**java_options(broker.settings(login)))
            .option("subscribe", namespace.trades_topic)
            .option("kafka.isolation.level", "read_committed")
            .load()
            .select("value")
            .collect()
        )
        ids = [decode(bytes(row.value), settings.trades_schema_id).trade_id for row in rows]
        assert ids == [5, 6, 7]


def test_other_namespaces_are_refused(broker: SecureBroker) -> None:
    with pytest.raises(StartupError, match=r"(?i)authori[sz]ation failed") as error:
        ensure_topics(broker.settings(), RunSettings(namespace="foreign"))
    assert "\n" not in str(error.value)


WRONG: dict[str, tuple[dict[str, object], str]] = {
    "password": ({"sasl_password": "wrong"}, r"credentials.*SASL_USERNAME, _PASSWORD"),
    "user of another mechanism": ({"sasl_mechanism": "PLAIN"}, r"Invalid username.*_MECHANISM"),
    "mechanism": ({"sasl_mechanism": "SCRAM-SHA-256"}, r"supported mechanisms.*_MECHANISM"),
    "authority": ({"ssl_ca_location": None}, r"certificate.*SSL_CA_LOCATION"),
    "file": ({"ssl_ca_location": "/nowhere.pem"}, r"ssl\.ca\.location.*settings"),
    "protocol": ({"security_protocol": "PLAINTEXT"}, r"SECURITY_PROTOCOL"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_one_clear_line_soon(broker: SecureBroker, what: str) -> None:
    changes, complaint = WRONG[what]
    started_s = time.monotonic()
    with pytest.raises(BrokerError, match=complaint) as error:
        connected_admin(broker.settings(**changes), 3, CLIENT_LOG)
    assert time.monotonic() - started_s < CLEAR_S
    assert "\n" not in str(error.value)
    assert SCRAM[2] not in str(error.value)


def test_a_certificate_for_another_name_is_refused(broker: SecureBroker) -> None:
    address = broker.address.replace(HOST, "localhost")
    with pytest.raises(BrokerError, match="certificate verify failed"):
        connected_admin(broker.settings(bootstrap_servers=address), 3, CLIENT_LOG)


def test_a_producer_with_a_wrong_password_does_not_start(broker: SecureBroker) -> None:
    started_s = time.monotonic()
    with pytest.raises(StartupError, match=r"no Kafka at.*credentials") as error:
        ensure_topics(broker.settings(sasl_password="wrong"), RunSettings(namespace="secure"))
    assert time.monotonic() - started_s < CLEAR_S
    assert "\n" not in str(error.value)

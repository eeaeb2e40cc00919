"""Kafka and schema registry by the environment; nothing secret in what is printed."""

import pytest

from conf.settings import KafkaSettings

pytestmark = pytest.mark.unit

SECURE = {
    "NEXTHOUR_KAFKA_BOOTSTRAP_SERVERS": "a:9093,b:9093",
    "NEXTHOUR_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
    "NEXTHOUR_KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
    "NEXTHOUR_KAFKA_SASL_USERNAME": "me",
    "NEXTHOUR_KAFKA_SASL_PASSWORD": "s3cret",
    "NEXTHOUR_KAFKA_SSL_CA_LOCATION": "ca.pem",
    "NEXTHOUR_KAFKA_SCHEMA_REGISTRY_URL": "https://registry:8081",
    "NEXTHOUR_KAFKA_SCHEMA_REGISTRY_USERNAME": "key",
    "NEXTHOUR_KAFKA_SCHEMA_REGISTRY_PASSWORD": "t0psecret",
}


@pytest.fixture
def secure(monkeypatch):
    for name, value in SECURE.items():
        monkeypatch.setenv(name, value)
    return KafkaSettings()


def test_every_client_gets_login_and_authority(secure):
    assert secure.client_config() == {
        "bootstrap.servers": "a:9093,b:9093",
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": "me",
        "sasl.password": "s3cret",
        "ssl.ca.location": "ca.pem",
    }


def test_a_registry_is_named_by_the_environment(secure):
    assert secure.schema_registry_url == "https://registry:8081"
    assert secure.schema_registry_username == "key"
    assert secure.schema_registry_password.get_secret_value() == "t0psecret"


def test_secrets_are_masked(secure):
    assert "s3cret" not in repr(secure)
    assert "t0psecret" not in f"{secure} {secure.model_dump()}"


def test_without_settings_there_is_a_plain_broker_and_no_registry():
    plain = KafkaSettings()
    assert plain.client_config() == {
        "bootstrap.servers": "127.0.0.1:9092",
        "security.protocol": "PLAINTEXT",
    }
    assert plain.schema_registry_url is None

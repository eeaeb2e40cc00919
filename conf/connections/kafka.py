"""An admin client that says why no broker can be had.

A call of librdkafka that no broker answers says only that; the reason (a password, a certificate, a name)
goes to a callback, which is served here.
"""

from __future__ import annotations

import logging
import time

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, TopicMetadata

from conf.settings import KafkaSettings

ONE_TRY_S = 1.0
# Asking again changes nothing about these.
_FINAL = (KafkaError._AUTHENTICATION, KafkaError._SSL)  # noqa: SLF001 - librdkafka's local codes
_EMPTY = (KafkaError._ALL_BROKERS_DOWN,)  # noqa: SLF001 - says no more than the call itself
_WHAT_TO_DO = {
    KafkaError._AUTHENTICATION: "are NEXTHOUR_KAFKA_SASL_USERNAME, _PASSWORD and _MECHANISM right?",  # noqa: SLF001
    KafkaError._SSL: "is NEXTHOUR_KAFKA_SSL_CA_LOCATION the brokers' authority, and do they speak TLS?",  # noqa: SLF001
    KafkaError._INVALID_ARG: "look at the NEXTHOUR_KAFKA_SASL_… and _SSL_… settings",  # noqa: SLF001
}
_OTHERWISE = (
    "start a broker or set NEXTHOUR_KAFKA_BOOTSTRAP_SERVERS and NEXTHOUR_KAFKA_SECURITY_PROTOCOL"
)


class BrokerError(RuntimeError):
    """No broker can be had; one line that says why and what to do."""


def connected_admin(
    kafka: KafkaSettings, timeout_s: float, logger: logging.Logger
) -> tuple[AdminClient, dict[str, TopicMetadata]]:
    """Return an admin client of which a broker has answered, and the topics it may see by name.

    Args:
        kafka: where and how.
        timeout_s: how long a broker may take; a refused login or certificate ends the wait at once.
        logger: takes the client's own lines.

    Raises:
        BrokerError: if no broker answers, refuses the login, or the settings make no client.
    """
    reasons: list[KafkaError] = []
    try:
        options = kafka.client_config() | {"error_cb": reasons.append}
        admin = AdminClient(options, logger=logger)
    except KafkaException as error:
        raise BrokerError(_line(kafka, error.args[0])) from error
    give_up_s = time.monotonic() + timeout_s
    while True:
        left_s = give_up_s - time.monotonic()
        try:
            return admin, admin.list_topics(timeout=min(ONE_TRY_S, max(left_s, 0.01))).topics
        except KafkaException as error:
            admin.poll(0)
            final = [reason for reason in reasons if reason.code() in _FINAL]
            if final or left_s <= ONE_TRY_S:
                telling = final or [one for one in reasons if one.code() not in _EMPTY]
                raise BrokerError(_line(kafka, (telling or [error.args[0]])[0])) from error


def _line(kafka: KafkaSettings, error: KafkaError) -> str:
    text = " ".join(error.str().split())
    hint = _WHAT_TO_DO.get(error.code(), _OTHERWISE)
    return f"no Kafka at {kafka.bootstrap_servers} ({text}): {hint}"

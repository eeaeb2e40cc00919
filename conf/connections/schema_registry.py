"""The schema registry of the topic `trades`, over the Confluent REST API (also of Karapace, Redpanda, Apicurio).

Registering is idempotent: the same schema under the same subject has the same id whoever asks.
"""

from __future__ import annotations

import ssl
from typing import Any
from urllib.parse import quote

import httpx
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from conf.contracts.errors import ContractError
from conf.contracts.trade_schemas import TRADE_SCHEMA_JSON
from conf.contracts.trades import writer_schemas
from conf.settings import KafkaSettings

CONTENT_TYPE = "application/vnd.schemaregistry.v1+json"
TIMEOUT_S = 3.0
ATTEMPTS = 3
WAIT_CAP_S = 1.0
MESSAGE_LENGTH = 300
MAX_ID = 2**31 - 1  # four bytes of a signed number stand in front of each record

_WHAT_TO_DO = {
    401: "set NEXTHOUR_KAFKA_SCHEMA_REGISTRY_USERNAME and _PASSWORD",
    403: "this user may not do that: give it the rights, or use another one",
    404: "nothing is there: is NEXTHOUR_KAFKA_SCHEMA_REGISTRY_URL right, and was it registered?",
    409: "the subject holds a schema that does not fit: another NEXTHOUR_NAMESPACE has its own",
    422: "the registry refuses the schema itself",
}


class SchemaRegistryError(RuntimeError):
    """The registry gave no answer that can be used; one line that says what to do."""


def trades_subject(topic: str) -> str:
    """Return the subject of a topic's values, as the default naming strategy of all clients."""
    return f"{topic}-value"


def registered_schema_id(
    kafka: KafkaSettings, subject: str, schema_json: str = TRADE_SCHEMA_JSON
) -> int:
    """Register a schema under a subject and return its id; the id it has if it is there already.

    Blocks for about ten seconds at most; call it from a thread.

    Raises:
        SchemaRegistryError: if none is configured, it does not answer, or refuses the schema.
    """
    path = f"/subjects/{quote(subject, safe='')}/versions"
    answer = _ask(kafka, "POST", path, {"schema": schema_json})
    found = answer.get("id")
    if not isinstance(found, int) or not 0 <= found <= MAX_ID:
        message = f"schema registry at {_place(kafka)} answers without a usable id: {str(answer)[:MESSAGE_LENGTH]}"
        raise SchemaRegistryError(message)
    return found


def schema_of_id(kafka: KafkaSettings, schema_id: int) -> str:
    """Return the JSON of the schema that records with this id were written with.

    Raises:
        SchemaRegistryError: if none is configured, it does not answer, or does not know the id.
    """
    answer = _ask(kafka, "GET", f"/schemas/ids/{schema_id}", None)
    schema = answer.get("schema")
    if not isinstance(schema, str):
        message = f"schema registry at {_place(kafka)} answers without a schema: {str(answer)[:MESSAGE_LENGTH]}"
        raise SchemaRegistryError(message)
    return schema


def subject_schemas(kafka: KafkaSettings, subject: str) -> dict[int, str]:
    """Return the JSON of each of a subject's versions, by schema id.

    Raises:
        SchemaRegistryError: if none is configured, it does not answer, or a version is no schema.
    """
    path = f"/subjects/{quote(subject, safe='')}/versions"
    versions = _ask(kafka, "GET", path, None).get("answer")
    if not isinstance(versions, list):
        raise SchemaRegistryError(_senseless(kafka, versions))
    schemas: dict[int, str] = {}
    for version in versions:
        answer = _ask(kafka, "GET", f"{path}/{version}", None)
        schema_id, schema = answer.get("id"), answer.get("schema")
        if not isinstance(schema_id, int) or not isinstance(schema, str):
            raise SchemaRegistryError(_senseless(kafka, answer))
        schemas[schema_id] = schema
    try:
        writer_schemas(schemas)
    except ContractError as error:
        message = f"schema registry at {_place(kafka)}, subject {subject}: {error}"
        raise SchemaRegistryError(message) from error
    return schemas


def with_registered_id(kafka: KafkaSettings, topic: str) -> KafkaSettings:
    """Return settings with the registry's ids of the schema and of all versions of its subject.

    Unchanged if no registry is configured. The released schemas stay known by their numbers, so that
    a topic that was written to without a registry before is read; where an id means both, the
    registry's counts.

    Raises:
        SchemaRegistryError: as `registered_schema_id` and `subject_schemas`.
    """
    if kafka.schema_registry_url is None:
        return kafka
    subject = trades_subject(topic)
    found = registered_schema_id(kafka, subject)
    schemas = kafka.trades_writer_schemas | subject_schemas(kafka, subject)
    return kafka.model_copy(update={"trades_schema_id": found, "trades_writer_schemas": schemas})


def _senseless(kafka: KafkaSettings, answer: object) -> str:
    return f"schema registry at {_place(kafka)} answers without schemas: {str(answer)[:MESSAGE_LENGTH]}"


def _ask(
    kafka: KafkaSettings, method: str, path: str, body: dict[str, str] | None
) -> dict[str, Any]:
    url = kafka.schema_registry_url
    if not url:
        message = "no schema registry: set NEXTHOUR_KAFKA_SCHEMA_REGISTRY_URL"
        raise SchemaRegistryError(message)
    try:
        with _client(kafka) as client:
            response = _with_retries(client, method, url.rstrip("/") + path, body)
        answer = response.json()
    except httpx.HTTPStatusError as error:
        raise SchemaRegistryError(_refusal(_place(kafka), error.response)) from error
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
        reason = str(error) or type(error).__name__
        message = f"no schema registry at {_place(kafka)} ({_one_line(reason)}): is it started, and is NEXTHOUR_KAFKA_SCHEMA_REGISTRY_URL right?"
        raise SchemaRegistryError(message) from error
    return answer if isinstance(answer, dict) else {"answer": answer}


def _client(kafka: KafkaSettings) -> httpx.Client:
    user, password = kafka.schema_registry_username, kafka.schema_registry_password
    return httpx.Client(
        timeout=TIMEOUT_S,
        headers={"Accept": CONTENT_TYPE},
        auth=(user, password.get_secret_value() if password else "") if user else None,
        verify=_authority(kafka.schema_registry_ca_location),
    )


def _authority(ca: str | None) -> ssl.SSLContext | bool:
    try:
        return ssl.create_default_context(cafile=ca) if ca else True
    except (OSError, ValueError) as error:
        message = (
            f"{ca} is no authority ({error}): look at NEXTHOUR_KAFKA_SCHEMA_REGISTRY_CA_LOCATION"
        )
        raise SchemaRegistryError(message) from error


def _with_retries(
    client: httpx.Client, method: str, url: str, body: dict[str, str] | None
) -> httpx.Response:
    retrying = Retrying(
        retry=retry_if_exception(_may_pass),
        stop=stop_after_attempt(ATTEMPTS),
        wait=wait_random_exponential(multiplier=0.1, max=WAIT_CAP_S),
        reraise=True,
    )
    for attempt in retrying:
        with attempt:
            headers = {"Content-Type": CONTENT_TYPE} if body else None
            response = client.request(method, url, json=body, headers=headers)
            response.raise_for_status()
            return response
    raise AssertionError


def _may_pass(error: BaseException) -> bool:
    """Tell whether asking again can help: no answer, overload, or a registry without its leader."""
    if isinstance(error, httpx.HTTPStatusError):
        return error.response.status_code == 429 or error.response.status_code >= 500
    return isinstance(error, httpx.TransportError)


def _place(kafka: KafkaSettings) -> str:
    """Return the URL without a login that may stand in it."""
    scheme, _, rest = (kafka.schema_registry_url or "").rpartition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}" if scheme else rest


def _refusal(place: str, response: httpx.Response) -> str:
    try:
        answer = response.json()
        said = str(answer.get("message", "")) if isinstance(answer, dict) else ""
    except ValueError:
        said = ""
    said = _one_line(said or response.text or response.reason_phrase)
    hint = _WHAT_TO_DO.get(response.status_code, "look after the registry")
    return f"schema registry at {place} answers {response.status_code} ({said}): {hint}"


def _one_line(text: str) -> str:
    return " ".join(text.split())[:MESSAGE_LENGTH]

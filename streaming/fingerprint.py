"""What a query's checkpoint was made by, kept beside it: a changed query never reads an old state.

Spark itself notices little: a state of the same width is read whatever it meant. So the query's shape is
written to HDFS before its first start and compared at each later one.

What must not change on a checkpoint: topic, partitions, grouping keys, aggregates, watermark, schema
version, shuffle partitions, state format, and Spark's major and minor version. What may: rate limits,
trigger, memory, Spark's patch version, the code of sinks and verdicts, the bounds of good records.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pyspark
import structlog

from conf.connections.hdfs import exists, open_hdfs, read_file, write_replacing
from streaming.context import PipelineContext
from streaming.errors import StartError

if TYPE_CHECKING:
    from py4j.java_gateway import JavaObject
    from pyspark.sql import DataFrame, SparkSession

log = structlog.get_logger(__name__)

Parts = Mapping[str, Any]

# Numbers that Spark gives to columns anew in each process, and a column's watermark, which is compared
# by itself.
_NOISE = re.compile(r"#\d+L?|-T\d+ms")
_STATE_SETTINGS = {
    "shuffle_partitions": "spark.sql.shuffle.partitions",
    "state_store": "spark.sql.streaming.stateStore.providerClass",
    "state_format": "spark.sql.streaming.aggregation.stateFormatVersion",
}


def guard_checkpoint(
    context: PipelineContext, query_name: str, parts: Parts, *, is_stateful: bool = True
) -> None:
    """Compare a query with what its checkpoint was made by; write that down if it is new.

    A checkpoint without a fingerprint was made by an older installation: one with state is
    refused, since nothing tells what its state means; one without is adopted.

    Args:
        context: whose checkpoint.
        query_name: the query; its checkpoint is `Namespace.checkpoint(query_name)`.
        parts: what the checkpoint depends on, JSON values by name; nested ones are compared one
            by one. Spark's version is added.
        is_stateful: whether Spark keeps state for the query.

    Raises:
        StartError: if the checkpoint was made by another query; one line that says what differs
            and what to do.
        OSError: if HDFS does not answer.
    """
    namespace = context.namespace
    path, checkpoint = namespace.fingerprint_file(query_name), namespace.checkpoint(query_name)
    wanted = {"query": query_name, **parts, "spark": spark_release(pyspark.__version__)}
    text = json.dumps(wanted, indent=1, sort_keys=True)
    files = open_hdfs(context.hdfs)
    known = read_file(files, path) if exists(files, path) else None
    if exists(files, checkpoint):
        if known is None and is_stateful:
            raise StartError(_refusal(query_name, checkpoint, ["it has no fingerprint"]))
        if known is not None:
            found = differences(json.loads(known), json.loads(text))
            if found:
                raise StartError(_refusal(query_name, checkpoint, found))
            return
        log.info("checkpoint_adopted", query=query_name, checkpoint=checkpoint)
    write_replacing(files, path, text.encode())


def differences(known: Parts, wanted: Parts, prefix: str = "") -> list[str]:
    """Return one short text for each value that differs, nested ones by their path. Pure."""
    found = []
    for name in sorted({*known, *wanted}):
        before, now = known.get(name), wanted.get(name)
        if isinstance(before, dict) and isinstance(now, dict):
            found += differences(before, now, f"{prefix}{name}.")
        elif before != now:
            found.append(f"{prefix}{name} was {_short(before)}, is {_short(now)}")
    return found


def spark_release(version: str) -> str:
    """Return major and minor version; patch versions read each other's checkpoints."""
    return ".".join(version.split(".")[:2])


def state_parts(session: SparkSession, frame: DataFrame) -> dict[str, Any]:
    """Return what the state of a streaming aggregation depends on, from its plan and settings.

    Args:
        session: where the query will run.
        frame: the frame that is written; it holds one aggregation with a watermark.
    """
    parts: dict[str, Any] = {
        name: session.conf.get(key, None) for name, key in _STATE_SETTINGS.items()
    }
    for node in _nodes(frame._jdf.queryExecution().analyzed()):  # noqa: SLF001 - no public way
        if node.nodeName() == "Aggregate":
            parts["keys"] = _texts(node.groupingExpressions())
            expressions = _texts(node.aggregateExpressions())
            # By name, so that a refusal says which one differs.
            parts["aggregates"] = {text.rsplit(" AS ", 1)[-1]: text for text in expressions}
        elif node.nodeName() == "EventTimeWatermark":
            parts["watermark"] = f"{_text(node.eventTime())}: {node.delay().toString()}"
    return parts


def _nodes(plan: JavaObject) -> list[Any]:
    children = plan.children()
    below = [_nodes(children.apply(number)) for number in range(children.size())]
    return [plan, *(node for nodes in below for node in nodes)]


def _texts(expressions: JavaObject) -> list[str]:
    return [_text(expressions.apply(number)) for number in range(expressions.size())]


def _text(expression: Any) -> str:
    return _NOISE.sub("", str(expression.toString()))


def _short(value: object) -> str:
    text = "absent" if value is None else json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "…"


def _refusal(query: str, checkpoint: str, found: list[str]) -> str:
    shown = "; ".join(found[:3]) + (f"; and {len(found) - 3} more" if len(found) > 3 else "")
    return (
        f"query {query} does not fit its checkpoint {checkpoint}: {shown}. Go back to what it was, or "
        f"raise CHECKPOINT_VERSIONS[{query!r}] in conf/names.py and choose where the new checkpoint "
        "starts (docs/operations.md, Changing a query)"
    )

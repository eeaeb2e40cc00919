"""How a batch of the topic is cut: a long partition is read in pieces, each record still once."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pyspark.sql import functions as F  # noqa: N812 - the name that every Spark program uses

from producers.topics import ensure_topics
from streaming import kafka_source
from streaming.kafka_source import read_stream
from tests.support.bundle import Bundle
from tests.support.candle_records import trade
from tests.support.candle_topic import TradeWriter

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

pytestmark = pytest.mark.integration

PIECE = 20
TRADES = 150


def test_a_long_partition_is_read_in_pieces_of_equal_length(
    spark: SparkSession, settings: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ends of transactions take offsets, too, and lie wherever a piece begins or ends."""
    monkeypatch.setattr(kafka_source, "PIECE_RECORDS", PIECE)
    ensure_topics(settings.kafka, settings.run)
    topic = settings.namespace.trades_topic
    writer = TradeWriter(settings.kafka, settings.namespace)
    for first in range(0, TRADES, 30):
        writer.write([trade(number, "100") for number in range(first, first + 30)])
    pieces: Counter[int] = Counter()
    offsets: list[int] = []

    def keep(frame: DataFrame, _batch_id: int) -> None:
        for row in frame.select("offset", F.spark_partition_id().alias("piece")).collect():
            pieces[row.piece] += 1
            offsets.append(row.offset)

    rows = read_stream(spark, settings.kafka, topic, max_offsets_per_trigger=10 * TRADES)
    query = (
        rows.writeStream.foreachBatch(keep)
        .option("checkpointLocation", f"file://{tmp_path / 'checkpoint'}")
        .trigger(availableNow=True)
        .start()
    )
    query.awaitTermination(60)
    assert query.exception() is None
    assert len(offsets) == len(set(offsets)) == TRADES
    assert len(pieces) >= TRADES / PIECE
    assert max(pieces.values()) <= PIECE

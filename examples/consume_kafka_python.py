"""Read the topic `trades` with kafka-python and check that no trade is missing.

    python examples/consume_kafka_python.py 127.0.0.1:9092 live.trades

Goes on until nothing comes for 10 s, then prints what it saw of each symbol. Needs the package lz4.
"""

import io
import sys
from collections import Counter
from pathlib import Path

import fastavro
from kafka import KafkaConsumer

servers, topic = sys.argv[1:]
schema = fastavro.schema.load_schema(Path(__file__).parents[1] / "conf/contracts/trade.avsc")
# read_committed: else trades of aborted transactions come, too
options = {"isolation_level": "read_committed", "auto_offset_reset": "earliest"}
consumer = KafkaConsumer(topic, bootstrap_servers=servers, consumer_timeout_ms=10_000, **options)
last, trades = {}, Counter()
for message in consumer:
    body = io.BytesIO(message.value[5:])  # after magic byte 0 and four bytes of schema id
    record = fastavro.schemaless_reader(body, schema, schema)
    symbol, gap = record["symbol"], record["gap"]
    if record["kind"] == "TRADE" or gap:  # a GAP: ids that will never come, told once for each hour
        first, end = (gap["first_id"], gap["last_id"]) if gap else (record["trade_id"],) * 2
        before = last.get(symbol, first - 1)
        if first > before + 1 or (first <= before and not gap):
            sys.exit(f"{symbol}: id {first} after {before}")
        last[symbol] = max(before, end)
        trades[symbol] += not gap
for symbol in sorted(last):
    print(f"{symbol}: {trades[symbol]} trades without a hole, last id {last[symbol]}")

"""Read the topic `trades` with kafka-python and check that no trade is missing.

    python examples/consume_kafka_python.py 127.0.0.1:9092 live.trades

Goes on until nothing comes for 10 s, then prints what it saw of each symbol. Needs the package lz4.
"""

import io
import sys
from pathlib import Path

import fastavro
from kafka import KafkaConsumer

servers, topic = sys.argv[1:]
files = Path(__file__).parents[1].glob("conf/contracts/released/trade-v*.avsc")
released = {int(path.stem[7:]): fastavro.schema.load_schema(path) for path in files}
# read_committed: else trades of aborted transactions come, too
options = {"isolation_level": "read_committed", "auto_offset_reset": "earliest"}
consumer = KafkaConsumer(topic, bootstrap_servers=servers, consumer_timeout_ms=10_000, **options)
last, trades = {}, {}
for message in consumer:
    # after magic byte 0 the schema's id: a released number, or one that a registry gave
    schema = released.get(int.from_bytes(message.value[1:5]), released[2])
    record = fastavro.schemaless_reader(io.BytesIO(message.value[5:]), schema, None)
    symbol, gap = record["symbol"], record["gap"]
    if record["kind"] == "TRADE" or gap:  # a GAP: ids that will never come, told once for each hour
        first, end = (gap["first_id"], gap["last_id"]) if gap else (record["trade_id"],) * 2
        before = last.get(symbol, first - 1)
        if first > before + 1 or (first <= before and not gap):
            sys.exit(f"{symbol}: id {first} after {before}")
        last[symbol] = max(before, end)
        trades[symbol] = trades.get(symbol, 0) + (not gap)
for symbol in sorted(last):
    print(f"{symbol}: {trades[symbol]} trades without a hole, last id {last[symbol]}")

"""Read the topic `trades` with confluent-kafka and check that no trade is missing.

    python examples/consume_confluent.py 127.0.0.1:9092 live.trades

Goes on until nothing comes for 10 s, then prints what it saw of each symbol.
"""

import io
import sys
import uuid
from pathlib import Path

import fastavro
from confluent_kafka import Consumer

servers, topic = sys.argv[1:3]
schema = fastavro.schema.load_schema(Path(__file__).parents[1] / "conf/contracts/trade.avsc")
consumer = Consumer(
    {
        "bootstrap.servers": servers,
        "group.id": f"example-{uuid.uuid4()}",  # its own: reads all, waits for no earlier run
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
        "isolation.level": "read_committed",  # else trades of aborted transactions come, too
    }
)
consumer.subscribe([topic])
last: dict[str, int] = {}
counts: dict[str, int] = {}
while message := consumer.poll(10):
    if message.error():
        sys.exit(str(message.error()))
    body = io.BytesIO(message.value()[5:])  # after magic byte 0 and four bytes of schema id
    record = fastavro.schemaless_reader(body, schema, schema)
    symbol, gap = record["symbol"], record["gap"]
    if record["kind"] == "TRADE":
        if record["trade_id"] != last.get(symbol, record["trade_id"] - 1) + 1:
            sys.exit(f"{symbol}: id {record['trade_id']} after {last[symbol]}")
        last[symbol] = record["trade_id"]
        counts[symbol] = counts.get(symbol, 0) + 1
    elif gap and symbol in last:  # ids that will never come; one record for each hour concerned
        last[symbol] = max(last[symbol], gap["last_id"])
for symbol in sorted(last):
    print(f"{symbol}: {counts[symbol]} trades without a hole, last id {last[symbol]}")
consumer.close()

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

servers, topic = sys.argv[1:]
files = Path(__file__).parents[1].glob("conf/contracts/released/trade-v*.avsc")
released = {int(path.stem[7:]): fastavro.schema.load_schema(path) for path in files}
# read_committed: else trades of aborted transactions come, too; a group of its own reads all
options = {"isolation.level": "read_committed", "auto.offset.reset": "earliest"}
consumer = Consumer({"bootstrap.servers": servers, "group.id": str(uuid.uuid4()), **options})
consumer.subscribe([topic])
last, trades = {}, {}
while message := consumer.poll(10):
    if message.error():
        sys.exit(str(message.error()))
    # after magic byte 0 the schema's id: a released number, or one that a registry gave
    schema = released.get(int.from_bytes(message.value()[1:5]), released[2])
    record = fastavro.schemaless_reader(io.BytesIO(message.value()[5:]), schema, None)
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
consumer.close()

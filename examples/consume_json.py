"""Print messages of `candles`, `forecasts`, `incidents`, `feed` or `trades.dead`, one a line.

    python examples/consume_json.py 127.0.0.1:9092 live.candles

Goes on until nothing comes for 10 s. Of a candle the highest revision counts; a lower one that
comes again is left out. Prices and volumes are strings, to be read as decimals. Needs lz4.
"""

import json
import sys

from kafka import KafkaConsumer

servers, topic = sys.argv[1:]
options = {"isolation_level": "read_committed", "auto_offset_reset": "earliest"}
consumer = KafkaConsumer(topic, bootstrap_servers=servers, consumer_timeout_ms=10_000, **options)
revisions = {}
for message in consumer:
    key = message.key.decode() if message.key else "-"
    value = json.loads(message.value)
    if "revision" in value:
        if value["revision"] < revisions.get(key, 0):
            continue
        revisions[key] = value["revision"]
    print(key, json.dumps(value))

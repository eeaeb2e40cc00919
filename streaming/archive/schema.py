"""What a file of the archive holds: the columns of trades and of markers. Pure."""

from __future__ import annotations

import pyarrow as pa

_TIME = pa.timestamp("us", tz="UTC")
PRICE = pa.decimal128(20, 8)
"""Wide enough for any scaled 64-bit integer."""

TRADES = pa.schema(
    [
        ("symbol", pa.string()),
        ("trade_id", pa.int64()),
        ("price", PRICE),
        ("quantity", PRICE),
        ("buyer_is_maker", pa.bool_()),
        ("trade_time", _TIME),
        ("event_time", _TIME),
        ("received_time", _TIME),
        ("source", pa.string()),
        ("kafka_partition", pa.int32()),
        ("kafka_offset", pa.int64()),
    ]
)
"""One row per TRADE record. `event_time` is null from REST, and where it is no possible time."""

MARKERS = pa.schema(
    [
        ("symbol", pa.string()),
        ("kind", pa.string()),
        ("trade_time", _TIME),
        ("event_time", _TIME),
        ("received_time", _TIME),
        ("source", pa.string()),
        ("open_time_ms", pa.int64()),
        ("witness", pa.string()),
        ("first_id", pa.int64()),
        ("last_id", pa.int64()),
        ("trades", pa.int64()),
        ("open", PRICE),
        ("high", PRICE),
        ("low", PRICE),
        ("close", PRICE),
        ("volume", pa.string()),
        ("quote_volume", pa.string()),
        ("taker_buy_volume", pa.string()),
        ("taker_buy_quote_volume", pa.string()),
        ("begins_at_id", pa.int64()),
        ("reason", pa.string()),
        ("kafka_partition", pa.int32()),
        ("kafka_offset", pa.int64()),
    ]
)
"""One row per CLOSE or GAP record: `first_id` and `last_id` are the hour's or the gap's; volumes are
the exchange's own decimal strings, so that no digit is lost."""

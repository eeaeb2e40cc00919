"""The document of `/v1/status`, made of rows. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from api.queries.base import Row
from api.wire import parsed_time
from conf.exchange_time import Sighting, exchange_now, freshness


def status_document(
    run: Row, sightings: Sequence[Row], feeds: Sequence[Row], jobs: Sequence[Row]
) -> dict[str, Any]:
    """Return the answer of `/v1/status`.

    Args:
        run: source, start and wall time.
        sightings: pairs of exchange time and wall time.
        feeds: how each symbol is doing; the newest candle of any tells the age of the data.
        jobs: last report of each query and job.
    """
    source = {name: run[name] for name in ("namespace", "venue", "source_label", "speed")}
    wall_now = parsed_time(run["wall_time"])
    written = [row["newest_candle_updated_at"] for row in feeds]
    age = min((wall_now - parsed_time(text) for text in written if text), default=None)
    seen = [Sighting(parsed_time(row["exchange"]), parsed_time(row["wall"])) for row in sightings]
    now = exchange_now(seen, wall_now, float(run["speed"]), age)
    data = {
        "wall_time": run["wall_time"],
        "exchange_time": None if now is None else iso_time(now),
        "started_at": run["started_at"],
        "data_age_s": None if age is None else round(age.total_seconds(), 3),
        "freshness": freshness(age),
        "feeds": feeds,
        "jobs": jobs,
    }
    return {"source": source, "data": data}


def iso_time(time: datetime) -> str:
    """Return an aware time as the wire writes it, to the millisecond."""
    text = time.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.removesuffix("+00:00") + "Z"

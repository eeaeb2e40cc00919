"""How many records the running query has filtered, as its metrics tell."""

from __future__ import annotations

from collections import Counter

import httpx
from prometheus_client.parser import text_string_to_metric_families

from streaming.trades.predicate import REASONS

METRIC = "nexthour_query_observed_total"
LABELS = {"query": "candles", "observation": "records"}
ASK_S = 2.0


def filtered_so_far(metrics_url: str) -> Counter[str]:
    """Return what a process has filtered since its start, by reason; without what was never.

    Raises:
        httpx.HTTPError: if it does not answer.
    """
    answer = httpx.get(metrics_url, timeout=ASK_S, trust_env=False)
    answer.raise_for_status()
    return filtered_in(answer.text)


def filtered_in(text: str) -> Counter[str]:
    """Return the filtered records of a scrape, by reason. Pure."""
    counts: Counter[str] = Counter()
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            reason = sample.labels.get("name", "")
            is_wanted = sample.name == METRIC and sample.labels.items() >= LABELS.items()
            if is_wanted and reason in REASONS:
                counts[reason] += int(sample.value)
    return +counts

"""What a measured process says of itself when it ends, and the rate that follows. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, Field


class Sample(BaseModel):
    """Where a process stood: rows read so far, wall seconds, processor seconds of all its threads."""

    rows: int
    at_s: float
    cpu_s: float


class Outcome(BaseModel):
    """The last line that a measured process prints."""

    samples: list[Sample] = Field(description="By time.")
    verdicts: dict[str, int] = Field(default_factory=dict, description="Of final hours.")
    doubts: list[str] = Field(default_factory=list, description="Some that are not complete.")
    hours: int = Field(0, description="Candles that it made, final or not.")
    peak_mib: int = Field(description="Resident memory of the process and its children.")


class Rate(BaseModel):
    """How fast rows were read between two of them."""

    rows: int = Field(description="Rows measured.")
    per_s: int = Field(description="By the wall clock.")
    cpu_us: float = Field(description="Processor time of all its threads, microseconds a row.")


def rate(samples: Sequence[Sample], after: int, until: int | None = None) -> Rate:
    """Return the rate from the first sample at `after` rows to the last, or the last up to `until`.

    Raises:
        ValueError: if fewer than two samples lie there.
    """
    last = until if until is not None else samples[-1].rows
    within = [sample for sample in samples if after <= sample.rows <= last]
    if len(within) < 2:
        message = f"{len(within)} samples between {after:,} and {last:,} rows: nothing to measure"
        raise ValueError(message)
    first, end = within[0], within[-1]
    rows = end.rows - first.rows
    return Rate(
        rows=rows,
        per_s=round(rows / (end.at_s - first.at_s)),
        cpu_us=round((end.cpu_s - first.cpu_s) / rows * 1e6, 3),
    )

"""Kafka's own key hash (murmur2), so that we know where a symbol lives. Pure."""

from __future__ import annotations

from collections.abc import Sequence

_MASK = 0xFFFFFFFF
_MULTIPLIER = 0x5BD1E995
_SEED = 0x9747B28C


def murmur2(key: bytes) -> int:
    """Return the hash that Java's default partitioner uses, made positive as it does."""
    length = len(key)
    value = (_SEED ^ length) & _MASK
    whole = length - length % 4
    for start in range(0, whole, 4):
        part = int.from_bytes(key[start : start + 4], "little") * _MULTIPLIER & _MASK
        part = (part ^ part >> 24) * _MULTIPLIER & _MASK
        value = (value * _MULTIPLIER & _MASK) ^ part
    if whole < length:
        value = (value ^ int.from_bytes(key[whole:], "little")) * _MULTIPLIER & _MASK
    value = (value ^ value >> 13) * _MULTIPLIER & _MASK
    return (value ^ value >> 15) & 0x7FFFFFFF


def partition_of(symbol: str, partitions: int) -> int:
    """Return the partition of a symbol's records."""
    return murmur2(symbol.encode()) % partitions


def symbols_of_shard(symbols: Sequence[str], shard: str) -> tuple[str, ...]:
    """Return the symbols of shard ``k/n``, in their order.

    By the same hash as the partitions: with as many shards as partitions each shard writes one
    partition, and no shard's open transaction holds back the readers of another's. A symbol keeps
    its shard when others come or go.

    Raises:
        ValueError: if `k` is not between 1 and `n`.
    """
    number, count = (int(part) for part in shard.split("/"))
    if not 1 <= number <= count:
        message = f"shard {shard}: the first number must be from 1 to {count}"
        raise ValueError(message)
    return tuple(s for s in symbols if murmur2(s.encode()) % count == number - 1)

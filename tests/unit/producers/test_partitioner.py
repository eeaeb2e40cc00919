from __future__ import annotations

import pytest

from conf.settings import DEFAULT_SYMBOLS
from producers.partitioner import murmur2, partition_of, symbols_of_shard

pytestmark = pytest.mark.unit


# From Kafka's own UtilsTest.testMurmur2, made positive.
@pytest.mark.parametrize(
    ("key", "value"),
    [
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_hash_is_kafkas(key: bytes, value: int) -> None:
    assert murmur2(key) == value & 0x7FFFFFFF


def test_shards_share_all_symbols_and_none_twice() -> None:
    for count in (1, 2, 3, 8):
        shards = [symbols_of_shard(DEFAULT_SYMBOLS, f"{k}/{count}") for k in range(1, count + 1)]
        assert sorted(s for shard in shards for s in shard) == sorted(DEFAULT_SYMBOLS)


def test_as_many_shards_as_partitions_write_one_partition_each() -> None:
    for k in range(1, 9):
        partitions = {partition_of(s, 8) for s in symbols_of_shard(DEFAULT_SYMBOLS, f"{k}/8")}
        assert len(partitions) <= 1


def test_a_symbol_keeps_its_shard_when_others_come() -> None:
    before = symbols_of_shard(DEFAULT_SYMBOLS, "2/3")
    after = symbols_of_shard((*DEFAULT_SYMBOLS, "PEPEUSDT", "LTCUSDT"), "2/3")
    assert set(before) <= set(after)


@pytest.mark.parametrize("shard", ["0/2", "3/2"])
def test_impossible_shards(shard: str) -> None:
    with pytest.raises(ValueError, match="first number"):
        symbols_of_shard(DEFAULT_SYMBOLS, shard)

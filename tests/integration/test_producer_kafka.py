"""Topics, transactional sink and tail against a real broker."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType

from conf.contracts.trades import Close, Gap, TradeRecord, encode
from conf.names import HOUR_MS
from conf.producer import ProducerSettings
from conf.settings import RunSettings
from producers.dead_letters import dead_letter
from producers.errors import BadMessage, FencedError, Reason, StartupError
from producers.kafka_producer import SinkConfig, open_producer
from producers.kafka_sink import MOST_RECORDS, Item, KafkaSink
from producers.messages import Trade
from producers.partitioner import partition_of
from producers.tail import FIRST_STEP, Tail, TailReader
from producers.topics import ensure_topics, topic_specs
from tests.support.bundle import Bundle
from tests.support.producer_runs import read_dead, read_topic, read_trades

pytestmark = pytest.mark.integration

H0 = 490_000 * HOUR_MS


def trade(trade_id: int, symbol: str = "BTCUSDT") -> Trade:
    return Trade(symbol, trade_id, 100 + trade_id, 7, True, H0 + trade_id, H0, H0, "STREAM")


def close(last_id: int, symbol: str = "BTCUSDT") -> TradeRecord:
    witness = Close(H0, "STREAM", 1, last_id, last_id, 1, 1, 1, 1, "1", "1", "1", "1")
    return TradeRecord("CLOSE", symbol, H0 + HOUR_MS - 1, H0, "STREAM", close=witness)


def sink_config(settings: Bundle, **changes: object) -> SinkConfig:
    ensure_topics(settings.kafka, settings.run)
    producer_settings = ProducerSettings.model_validate(changes)
    return SinkConfig(settings.kafka, producer_settings, settings.namespace, "binance-spot", "1/1")


def write(config: SinkConfig, items: Sequence[Item]) -> None:
    async def run() -> None:
        sink = KafkaSink(config, open_producer(config))
        await sink.put(items)
        await sink.close()

    asyncio.run(run())


def read_tail(settings: Bundle, *symbols: str, venue: str = "binance-spot") -> dict[str, Tail]:
    with TailReader(settings.kafka, settings.namespace.trades_topic, venue) as reader:
        return reader.read(symbols)


def test_a_backlog_is_written_in_bounded_transactions(settings: Bundle) -> None:
    """Whatever waits, no transaction is larger than a bound, and order and count are kept."""
    config = sink_config(settings)

    async def run() -> KafkaSink:
        producer = open_producer(config)
        sink = KafkaSink(config, producer)
        for first in range(1, 30_001, 100):
            sink.offer([trade(i) for i in range(first, first + 100)])
        await sink.close()
        return sink

    sink = asyncio.run(run())
    assert sink.counts.records == 30_000
    assert sink.counts.transactions >= 30_000 // MOST_RECORDS
    series = read_trades(settings.kafka, settings.namespace.trades_topic)["BTCUSDT"]
    assert [record.trade_id for record in series] == list(range(1, 30_001))


def test_topics_are_made_as_designed_and_a_second_call_changes_nothing(settings: Bundle) -> None:
    ensure_topics(settings.kafka, settings.run)
    ensure_topics(settings.kafka, settings.run)
    admin = AdminClient(settings.kafka.client_config())
    topics = admin.list_topics(timeout=10).topics
    names = settings.namespace
    assert len(topics[names.trades_topic].partitions) == 8
    for name in (names.dead_topic, names.candles_topic, names.forecasts_topic):
        assert len(topics[name].partitions) == 1
    expected = {
        names.trades_topic: ("delete", 7, "LogAppendTime", "lz4"),
        names.dead_topic: ("delete", 30, "CreateTime", "producer"),
        names.candles_topic: ("compact,delete", 90, "CreateTime", "producer"),
        names.forecasts_topic: ("delete", 90, "CreateTime", "producer"),
    }
    resources = [ConfigResource(ResourceType.TOPIC, name) for name in expected]
    for resource, future in admin.describe_configs(resources).items():
        found = {option: entry.value for option, entry in future.result().items()}
        policy, days, stamp, compression = expected[resource.name]
        assert sorted(found["cleanup.policy"].split(",")) == sorted(policy.split(","))
        assert int(found["retention.ms"]) == days * 86_400_000
        assert found["message.timestamp.type"] == stamp
        assert found["compression.type"] == compression


def test_several_producers_may_start_at_once(settings: Bundle) -> None:
    """Who comes second meets topics that are made but not yet everywhere known."""
    names = [f"{settings.namespace.name}-{number}" for number in range(5)]
    with ThreadPoolExecutor(4) as pool:
        for name in names:
            run = RunSettings(namespace=name)
            for start in [pool.submit(ensure_topics, settings.kafka, run) for _ in range(4)]:
                start.result()


@pytest.mark.parametrize(
    ("partitions", "config", "complaint"),
    [
        (3, {"message.timestamp.type": "LogAppendTime"}, "has 3 partitions, not 8"),
        (8, {"message.timestamp.type": "CreateTime"}, "message.timestamp.type=CreateTime"),
    ],
)
def test_a_topic_that_does_not_fit_is_refused(
    settings: Bundle, partitions: int, config: dict[str, str], complaint: str
) -> None:
    admin = AdminClient(settings.kafka.client_config())
    topic = NewTopic(settings.namespace.trades_topic, partitions, 1, config=config)
    for future in admin.create_topics([topic]).values():
        future.result()
    with pytest.raises(StartupError, match=complaint):
        ensure_topics(settings.kafka, settings.run)


def test_an_operators_retention_is_respected(settings: Bundle) -> None:
    spec = topic_specs(settings.kafka, settings.namespace)[0]
    admin = AdminClient(settings.kafka.client_config())
    topic = NewTopic(spec.name, 8, 1, config=spec.config | {"retention.ms": "1000000"})
    for future in admin.create_topics([topic]).values():
        future.result()
    ensure_topics(settings.kafka, settings.run)


def test_no_broker_is_one_clear_line(settings: Bundle) -> None:
    kafka = settings.kafka.model_copy(update={"bootstrap_servers": "127.0.0.1:9"})
    with pytest.raises(StartupError, match="NEXTHOUR_KAFKA_BOOTSTRAP_SERVERS"):
        ensure_topics(kafka, settings.run)


def test_records_arrive_in_order_in_the_symbols_partition(settings: Bundle) -> None:
    config = sink_config(settings)
    gap = TradeRecord("GAP", "BTCUSDT", H0, H0, "REST", gap=Gap(4, 6, "away"))
    letter = dead_letter(BadMessage(Reason.BAD_PRICE, "'abc'", "BTCUSDT"), b"raw", 17)
    items: list[Item] = [trade(1), trade(1, "ETHUSDT"), trade(2), letter, trade(3), gap, close(6)]
    write(config, items)
    series = read_trades(settings.kafka, settings.namespace.trades_topic)
    assert [r.trade_id for r in series["BTCUSDT"]] == [1, 2, 3, None, None]
    assert series["BTCUSDT"][3:] == [gap, close(6)]
    assert [r.trade_id for r in series["ETHUSDT"]] == [1]
    first = series["BTCUSDT"][0]
    assert (first.price, first.quantity, first.buyer_is_maker) == (101, 7, True)
    assert (first.trade_time_ms, first.event_time_ms, first.source) == (H0 + 1, H0, "STREAM")
    (dead,) = read_dead(settings.kafka, settings.namespace.dead_topic)
    assert dead["reason"] == "bad_price: 'abc'"
    for message in read_topic(settings.kafka, settings.namespace.trades_topic):
        assert message.partition() == partition_of(message.key().decode(), 8)


def test_put_waits_while_too_much_is_uncommitted(settings: Bundle) -> None:
    """Memory stays bounded: nothing is dropped, the socket is read more slowly."""
    config = sink_config(settings, queue_limit=50)
    worst = 0

    async def run() -> None:
        nonlocal worst
        sink = KafkaSink(config, open_producer(config))
        for trade_id in range(1, 2_001):
            await sink.put([trade(trade_id)])
            worst = max(worst, sink.uncommitted)
        await sink.close()
        assert sink.uncommitted == 0

    asyncio.run(run())
    assert worst <= 51
    series = read_trades(settings.kafka, settings.namespace.trades_topic)
    assert [r.trade_id for r in series["BTCUSDT"]] == list(range(1, 2_001))


def test_the_newer_producer_fences_the_older_and_reads_all_it_committed(settings: Bundle) -> None:
    config = sink_config(settings)

    async def run() -> None:
        older = KafkaSink(config, open_producer(config))
        await older.put([trade(1), trade(2)])
        while older.uncommitted:
            await asyncio.sleep(0.01)
        newer_producer = open_producer(config)
        await older.put([trade(3)])
        with pytest.raises(FencedError):
            await asyncio.wait_for(older.failure, 20)
        with pytest.raises(FencedError):
            await older.put([trade(4)])
        tail = await asyncio.to_thread(read_tail, settings, "BTCUSDT")
        assert tail["BTCUSDT"].last_id == 2
        newer = KafkaSink(config, newer_producer)
        await newer.put([trade(3)])
        await newer.close()

    asyncio.run(run())
    series = read_trades(settings.kafka, settings.namespace.trades_topic)
    assert [r.trade_id for r in series["BTCUSDT"]] == [1, 2, 3]


def test_a_transaction_left_open_by_a_dead_producer_is_not_seen(settings: Bundle) -> None:
    config = sink_config(settings)
    write(config, [trade(1)])
    dead = open_producer(config)
    dead.begin_transaction()
    record = TradeRecord("TRADE", "BTCUSDT", H0, H0, "STREAM", 2, 1, 1, False)
    dead.produce(settings.namespace.trades_topic, encode(record, 1), b"BTCUSDT")
    assert dead.flush(10) == 0
    open_producer(config)
    assert read_tail(settings, "BTCUSDT")["BTCUSDT"].last_id == 1


def test_tail_waits_for_another_shards_open_transaction(settings: Bundle) -> None:
    """Our committed records can lie behind it; a reader that stops at its start would repeat them."""
    config = sink_config(settings)
    other = open_producer(dataclasses.replace(config, shard="2/2"))
    other.begin_transaction()
    record = TradeRecord("TRADE", "XUSDT", H0, H0, "STREAM", 2, 1, 1, False)
    partition = partition_of("BTCUSDT", 8)
    topic = settings.namespace.trades_topic
    other.produce(topic, encode(record, 1), b"XUSDT", partition=partition)
    assert other.flush(10) == 0
    write(config, [trade(1), trade(2)])

    async def run() -> dict[str, Tail]:
        reading = asyncio.create_task(asyncio.to_thread(read_tail, settings, "BTCUSDT"))
        done, _ = await asyncio.wait([reading], timeout=1.0)
        assert not done, "it must not be content with the end of what is committed"
        await asyncio.to_thread(other.commit_transaction, 10)
        return await reading

    assert asyncio.run(run())["BTCUSDT"].last_id == 2


def test_tail_of_an_empty_topic(settings: Bundle) -> None:
    ensure_topics(settings.kafka, settings.run)
    assert read_tail(settings, "BTCUSDT", "ETHUSDT") == {"BTCUSDT": Tail(), "ETHUSDT": Tail()}


def test_tail_reaches_back_as_far_as_it_must(settings: Bundle) -> None:
    """The quiet symbol's records lie further back than the first step reads."""
    config = sink_config(settings)
    busy, quiet = (
        "BTCUSDT",
        next(
            name
            for name in (f"Q{i}USDT" for i in range(100))
            if partition_of(name, 8) == partition_of("BTCUSDT", 8)
        ),
    )
    count = 3 * FIRST_STEP
    items: list[Item] = [trade(7, quiet), close(7, quiet), trade(8, quiet)]
    items += [trade(i) for i in range(1, count + 1)]
    write(config, [*items, close(count)])
    tails = read_tail(settings, busy, quiet)
    assert (tails[busy].last_id, tails[busy].last_close_id) == (count, count)
    assert (tails[quiet].last_id, tails[quiet].last_close_id) == (8, 7)
    assert tails[quiet].last_time_ms == H0 + 8


def test_a_topic_of_another_venue_is_refused(settings: Bundle) -> None:
    write(sink_config(settings), [trade(1)])
    with pytest.raises(StartupError, match="holds trades of binance-spot, not of kraken"):
        read_tail(settings, "BTCUSDT", venue="kraken")


def test_a_strangers_records_are_no_part_of_the_series(settings: Bundle) -> None:
    """Copies in the wrong order and garbage, the newest records of the topic: the series goes on."""
    write(sink_config(settings), [trade(1), trade(2), trade(3)])
    stranger = Producer(settings.kafka.client_config() | {"partitioner": "murmur2_random"})
    copy = TradeRecord(
        "TRADE", "BTCUSDT", H0 + 1, H0, "STREAM", trade_id=1, price=1, quantity=1,
        buyer_is_maker=True,
    )  # fmt: skip
    for value in (encode(copy, settings.kafka.trades_schema_id), b"garbage"):
        stranger.produce(settings.namespace.trades_topic, value, "BTCUSDT")
    assert stranger.flush(10) == 0
    assert read_tail(settings, "BTCUSDT")["BTCUSDT"].last_id == 3


def test_run_settings_name_the_venue() -> None:
    """The header that the tests write is the default of the settings."""
    assert RunSettings.model_fields["venue"].default == "binance-spot"

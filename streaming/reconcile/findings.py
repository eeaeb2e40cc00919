"""What the stores say of each hour against the exchange and against each other. Pure."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from conf.contracts.candles import DECIMAL_FIELDS, Candle, decimal_text
from streaming.candles.verdict import NOTIONAL_ROUNDING
from streaming.reconcile.compare import FIGURES, ID_FIELDS, Figures, Key
from streaming.reconcile.outcome import Finding, Outcome, Remark, State
from streaming.reconcile.ranges import day_of

NOTIONALS = ("quote_volume", "taker_buy_quote_volume")


@dataclass(slots=True)
class StoreContent:
    """Newest revision of each hour in a store, and what could not be read, one line each."""

    candles: dict[Key, Candle] = field(default_factory=dict)
    unreadable: dict[Key, str] = field(default_factory=dict)

    def add(self, candle: Candle) -> None:
        """Take a candle, unless a newer revision of its hour is known."""
        key = (candle.symbol, candle.open_time_ms)
        known = self.candles.get(key)
        if known is None or candle.revision >= known.revision:
            self.candles[key] = candle

    def without(self, days: Container[int]) -> StoreContent:
        """Return what it says of the hours that lie in none of these days (UTC epoch ms)."""
        return StoreContent(
            {key: one for key, one in self.candles.items() if day_of(key[1]) not in days},
            {key: text for key, text in self.unreadable.items() if day_of(key[1]) not in days},
        )

    def all_keys(self) -> set[Key]:
        """Return the hours that the store says anything of."""
        return self.candles.keys() | self.unreadable.keys()


def judge_stores(
    symbols: Sequence[str],
    stores: Mapping[str, StoreContent],
    exchange: Mapping[Key, Figures] | None,
) -> Outcome:
    """Compare every store with the exchange and with the others, digit for digit.

    Args:
        symbols: which ones; other symbols in a store are not looked at.
        stores: by name; of equal revisions the first store's is the one the others must equal.
        exchange: its closed hours, all of which are expected. None: not asked, then every hour
            is expected that any store has.
    """
    wanted = set(symbols)
    seen = {key for content in stores.values() for key in content.all_keys() if key[0] in wanted}
    expected = set(exchange) if exchange is not None else seen
    outcome = Outcome.of(symbols, stores)
    for key in sorted(expected | seen, key=lambda key: (key[1], key[0])):
        newest = _newest(key, stores)
        figures = exchange.get(key) if exchange is not None else None
        for store, content in stores.items():
            tally = outcome.tallies[key[0], store]
            tally.expected += key in expected
            found = _judge(key, content, newest, figures, is_expected=key in expected)
            if found is not None:
                outcome.note(Finding(*key, store, *found))
            elif key in expected:
                tally.equal += 1
        outcome.remarks += _remarks(key, newest, figures)
    return outcome


def _newest(key: Key, stores: Mapping[str, StoreContent]) -> tuple[str, Candle] | None:
    """Return the newest revision of an hour and the first store that has it."""
    newest: tuple[str, Candle] | None = None
    for store, content in stores.items():
        candle = content.candles.get(key)
        if candle is not None and (newest is None or candle.revision > newest[1].revision):
            newest = (store, candle)
    return newest


def _judge(
    key: Key,
    content: StoreContent,
    newest: tuple[str, Candle] | None,
    figures: Figures | None,
    *,
    is_expected: bool,
) -> tuple[State, str] | None:
    if key in content.unreadable:
        return State.DIFFERENT, content.unreadable[key]
    candle = content.candles.get(key)
    if candle is None:
        return (State.MISSING, "no candle") if is_expected else None
    if not is_expected:
        return State.SURPLUS, "the exchange has no such hour"
    differences = list(_between(candle, newest))
    if figures is not None:
        differences += figure_differences(candle, figures)
    if not differences:
        return None
    return State.DIFFERENT, f"{', '.join(differences)} ({_verdict(candle)})"


def figure_differences(candle: Candle, figures: Figures) -> list[str]:
    """Return one phrase per figure in which a candle is not equal to the exchange's.

    Equal is equal to the digit. Quote volumes alone may be off by 10^-8 per trade: where tick ×
    step is finer than that, the exchange rounds each trade's, and the candle says so.
    """
    return [
        f"{name.replace('_', ' ')} {_text(getattr(candle, name))} instead of "
        f"{_text(getattr(figures, name))}"
        for name in FIGURES
        if not (name in ID_FIELDS and not figures.has_ids) and _differs(name, candle, figures)
    ]


def _differs(name: str, candle: Candle, figures: Figures) -> bool:
    ours, theirs = getattr(candle, name), getattr(figures, name)
    if name in NOTIONALS and ours is not None:
        return bool(abs(ours - theirs) > candle.trades * NOTIONAL_ROUNDING)
    return bool(ours != theirs)


def _between(candle: Candle, newest: tuple[str, Candle] | None) -> Iterator[str]:
    assert newest is not None
    store, other = newest
    if candle.revision != other.revision:
        yield f"revision {candle.revision}, {store} has {other.revision}"
    elif not candle.same_content(other):
        names = [
            name.replace("_", " ")
            for name in (*DECIMAL_FIELDS, "trades", *ID_FIELDS, "verdict", "reason", "witness")
            if getattr(candle, name) != getattr(other, name)
        ]
        yield f"{', '.join(names) or 'source'} not as in {store}"


def _remarks(
    key: Key, newest: tuple[str, Candle] | None, figures: Figures | None
) -> Iterable[Remark]:
    if newest is None or newest[1].verdict in ("complete", "quiet"):
        return
    candle = newest[1]
    if figures is None:
        yield Remark(*key, _verdict(candle))
    elif not figure_differences(candle, figures):
        yield Remark(*key, f"{_verdict(candle)}, yet equal to the exchange's kline")


def _verdict(candle: Candle) -> str:
    return f"{candle.verdict}: {candle.reason}" if candle.reason else candle.verdict


def _text(value: object) -> str:
    return decimal_text(value) if isinstance(value, Decimal) else str(value)

"""What the exchange lists: tick, step and the character of each symbol's market. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from exchange.errors import StandInError

WIRE_DECIMALS = 8


@dataclass(frozen=True, slots=True)
class Listing:
    """One symbol. Prices are whole ticks of 10^-price_decimals, quantities whole steps.

    `mean_move` is the mean absolute hourly return (a fraction), `market_correlation` the
    correlation with BTC, `hourly_turnover` the mean quote volume of an hour, `activity` the share
    of all trades. Where price and quantity decimals sum to more than 8, quote amounts have more
    than 8 decimals on the wire, so that they stay exact (the real exchange cuts them).
    """

    symbol: str
    base: str
    price_decimals: int
    quantity_decimals: int
    start_price: float = 1.0
    mean_move: float = 0.006
    market_correlation: float = 0.7
    hourly_turnover: float = 1e6
    activity: float = 0.02
    is_stable: bool = False
    quote: str = "USDT"

    def price_text(self, ticks: int) -> str:
        """Return a price in Binance's notation: 8 decimals."""
        return decimal_text(ticks, self.price_decimals)

    def quantity_text(self, steps: int) -> str:
        """Return a quantity in Binance's notation: 8 decimals."""
        return decimal_text(steps, self.quantity_decimals)

    def quote_text(self, tick_steps: int) -> str:
        """Return a quote amount, given in tick × step units, exactly and with 8 decimals."""
        return decimal_text(tick_steps, self.price_decimals + self.quantity_decimals)


def decimal_text(value: int, decimals: int) -> str:
    """Return ``value`` × 10^-``decimals`` with 8 decimals: (6168599, 2) → '61685.99000000'.

    Where 8 decimals do not hold it, it has as many as it needs.
    """
    shown = max(decimals, WIRE_DECIMALS)
    whole, fraction = divmod(value * 10 ** (shown - decimals), 10**shown)
    return f"{whole}.{fraction:0{shown}d}"


# Levels: forecasting.md 2.4 (mean move, correlation with BTC) and the recorded hours of 2023-2024
# (price, turnover). Ticks and steps are those of the exchange at the end of 2024.
_KNOWN = (
    Listing("BTCUSDT", "BTC", 2, 5, 93_576.00, 0.00406, 1.00, 100e6, 0.24),
    Listing("ETHUSDT", "ETH", 2, 4, 3_337.78, 0.00526, 0.88, 40e6, 0.19),
    Listing("XRPUSDT", "XRP", 4, 1, 2.0836, 0.00633, 0.64, 12e6, 0.12),
    Listing("BNBUSDT", "BNB", 2, 3, 702.30, 0.00523, 0.76, 8.7e6, 0.09),
    Listing("DOGEUSDT", "DOGE", 5, 0, 0.31600, 0.00729, 0.65, 10.7e6, 0.10),
    Listing("ADAUSDT", "ADA", 4, 1, 0.8451, 0.00668, 0.73, 3.2e6, 0.06),
    Listing("POLUSDT", "POL", 4, 1, 0.4512, 0.00831, 0.75, 3.0e6, 0.03),
    Listing("DOTUSDT", "DOT", 3, 2, 6.643, 0.00710, 0.75, 1.7e6, 0.03),
    Listing("SOLUSDT", "SOL", 2, 3, 189.31, 0.00877, 0.71, 18.7e6, 0.10),
    Listing("USDCUSDT", "USDC", 4, 0, 1.0, 0.00009, 0.0, 13.5e6, 0.04, is_stable=True),
    Listing("MATICUSDT", "MATIC", 4, 1, 1.0014, 0.00831, 0.75, 3.0e6, 0.03),
    Listing("LTCUSDT", "LTC", 2, 3, 103.20, 0.00650, 0.72, 2.5e6, 0.03),
    Listing("AVAXUSDT", "AVAX", 2, 2, 35.60, 0.00800, 0.74, 3.5e6, 0.03),
    Listing("LINKUSDT", "LINK", 2, 2, 20.02, 0.00760, 0.72, 3.0e6, 0.03),
)
KNOWN_LISTINGS = {listing.symbol: listing for listing in _KNOWN}


def select_listings(symbols: Sequence[str]) -> tuple[Listing, ...]:
    """Return the listings of some symbols, in their order.

    Raises:
        StandInError: if a symbol is not known or named twice.
    """
    unknown = [symbol for symbol in symbols if symbol not in KNOWN_LISTINGS]
    if unknown:
        message = (
            f"unknown symbol {', '.join(unknown)}; set NEXTHOUR_STANDIN_SYMBOLS to some of "
            f"{', '.join(KNOWN_LISTINGS)}"
        )
        raise StandInError(message)
    if not symbols or len(set(symbols)) != len(symbols):
        message = "NEXTHOUR_STANDIN_SYMBOLS must name at least one symbol, and each only once"
        raise StandInError(message)
    return tuple(KNOWN_LISTINGS[symbol] for symbol in symbols)

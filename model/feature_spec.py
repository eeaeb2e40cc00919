"""What a model's rows mean: names, order and widths of the features, and whose they are. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

CONTEXT_HOURS = 48
VOLATILITY_HOURS = 336
HALF_LIFE_HOURS = 24
MIN_VOLATILITY_HOURS = 24  # a coin with fewer valid hours in the window has no sigma: masked
VOLUME_HOURS = 168
SIGMA_FLOOR = 1e-5
CLIP = 8.0
FEATURE_VERSION = 1

SEQUENCE_NAMES = (
    "own_return",
    "market_return",
    "lead_return",
    "lead_present",
    "breadth",
    "range",
    "close_location",
    "volume_z",
    "hour_sin",
    "hour_cos",
)
STATIC_NAMES = (
    "volatility_6h",
    "volatility_168h",
    "parkinson_24h",
    "momentum_3h",
    "momentum_24h",
    "momentum_168h",
    "relative_strength_24h",
    "target_hour_sin",
    "target_hour_cos",
    "target_weekday_sin",
    "target_weekday_cos",
    "target_is_weekend",
)


@dataclass(frozen=True)
class FeatureSpec:
    """What a model expects of its rows; stored with it and compared before it is used.

    Attributes:
        symbols: vocabulary of coins; the position is the coin's index and its place in the block
            of connected coins and in `mask`.
        lead: whose return is a feature of all.
        stable: coins left out of the market's return and scored by their own rule.
        exogenous: names of hourly columns from outside of the market (`model.exogenous`).
    """

    symbols: tuple[str, ...]
    lead: str = "BTCUSDT"
    stable: tuple[str, ...] = ("USDCUSDT",)
    exogenous: tuple[str, ...] = ()

    @property
    def sequence_width(self) -> int:
        """Number of features per step."""
        return len(SEQUENCE_NAMES)

    @property
    def own_width(self) -> int:
        """Number of static features of the coin and the hour; the connected block follows them.

        Those of `STATIC_NAMES`, then of each exogenous column its value and whether there is one.
        """
        return len(STATIC_NAMES) + 2 * len(self.exogenous)

    @property
    def connected_width(self) -> int:
        """Length of the block of connected coins: latest scaled returns, then their mask."""
        return 2 * len(self.symbols)

    @property
    def static_width(self) -> int:
        """Length of the column `static`."""
        return self.own_width + self.connected_width

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON value that `from_dict` reads; holds all that fixes the rows' meaning."""
        return {
            "version": FEATURE_VERSION,
            "symbols": list(self.symbols),
            "lead": self.lead,
            "stable": list(self.stable),
            "context_hours": CONTEXT_HOURS,
            "volatility_hours": VOLATILITY_HOURS,
            "half_life_hours": HALF_LIFE_HOURS,
            "sequence": list(SEQUENCE_NAMES),
            "static": list(STATIC_NAMES),
            "dtype": "float32",
            **({"exogenous": list(self.exogenous)} if self.exogenous else {}),
        }

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> FeatureSpec:
        """Return the spec of a stored model.

        Raises:
            ValueError: if the model was made for features that this code does not make.
        """
        spec = cls(
            tuple(value["symbols"]),
            value["lead"],
            tuple(value["stable"]),
            tuple(value.get("exogenous", ())),
        )
        if spec.to_dict() != dict(value):
            message = f"the model expects features {value!r}, this code makes {spec.to_dict()!r}"
            raise ValueError(message)
        return spec

"""The Avro schema of the topic `trades` and its released versions, as texts. Pure.

The file `trade.avsc` beside this module is the contract; its released versions lie in `released/`, and
where no registry gives ids their numbers are the schema ids.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from types import MappingProxyType

TRADE_SCHEMA_JSON: str = files(__package__).joinpath("trade.avsc").read_text(encoding="utf-8")
TRADE_SCHEMA_VERSION = 2
"""Number of the schema above among the released ones."""


def _released() -> dict[int, str]:
    folder = files(__package__).joinpath("released")
    numbers = range(1, TRADE_SCHEMA_VERSION + 1)
    return {
        number: folder.joinpath(f"trade-v{number}.avsc").read_text(encoding="utf-8")
        for number in numbers
    }


RELEASED_SCHEMAS: Mapping[int, str] = MappingProxyType(_released())
"""JSON of each released schema by its number, the current one included."""

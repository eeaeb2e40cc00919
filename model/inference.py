"""Scoring of one hour: features on disk → Petastorm → the champion → prices."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from model.features import FeatureSpec


@dataclass(frozen=True)
class Scored:
    """Forecast of one coin's next close (grain: symbol; the hour is the file's).

    Attributes:
        symbol: the coin.
        quantiles: level (0.05, 0.25, 0.5, 0.75, 0.95) → price in quote units, not rounded.
    """

    symbol: str
    quantiles: dict[float, float]


class Scorer:
    """One loaded version of the model.

    Attributes:
        version: its name in the registry; '' for a folder that was never published.
        spec: the features that it expects; pass it to `build_rows`.
    """

    version: str
    spec: FeatureSpec

    @classmethod
    def load(cls, local_dir: Path) -> Scorer:
        """Load a verified folder (`Registry.fetch`) and warm it up. Imports TensorFlow."""
        raise NotImplementedError

    def score(self, features_dir: Path) -> list[Scored]:
        """Score the usable rows of the Parquet file(s) of one hour; see `write_features`."""
        raise NotImplementedError

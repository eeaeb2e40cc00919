"""Fitted forecasters from the files of a registry's version. Pure apart from the files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from model.forecasters.forecaster import Fitted, ForecasterError


def _network(folder: Path, entry: Mapping[str, Any]) -> Fitted:
    from model.forecasters.recurrent import FittedNetwork  # imports TensorFlow

    return FittedNetwork.load(folder, entry)


def _trees(folder: Path, entry: Mapping[str, Any]) -> Fitted:
    from model.forecasters.boosting import TreeQuantiles

    return TreeQuantiles.load(folder, entry)


def _linear(folder: Path, entry: Mapping[str, Any]) -> Fitted:
    from model.forecasters.quantile_regression import LinearQuantiles

    return LinearQuantiles.load(folder, entry)


LOADERS: dict[str, Callable[[Path, Mapping[str, Any]], Fitted]] = {
    "network": _network,
    "trees": _trees,
    "linear": _linear,
}
"""By the `kind` of an entry that `Servable.save` returned."""


def load_fitted(folder: Path, entry: Mapping[str, Any]) -> Fitted:
    """Return a fitted forecaster; what it imports is imported now.

    Args:
        folder: verified files of a version (`Registry.fetch`).
        entry: as `Servable.save` returned it.

    Raises:
        ForecasterError: if this code has no such kind, or a file is none of it.
    """
    loader = LOADERS.get(str(entry.get("kind")))
    if loader is None:
        message = f"a member of kind {entry.get('kind')!r}; this code loads {', '.join(LOADERS)}"
        raise ForecasterError(message)
    return loader(folder, entry)

"""Models by the names that `--models` takes."""

from __future__ import annotations

from model.evaluation.forecaster import Forecaster
from model.evaluation.forecasters import FORECASTERS
from model.evaluation.lstm import Lstm
from model.evaluation.predictions import BASELINE

DEFAULT = "naive,rule,lstm"


class UnknownModelError(Exception):
    """A name that no model has; one line that lists those there are."""


def catalogue() -> dict[str, Forecaster]:
    """Return all models by name; importing them needs no TensorFlow."""
    networks: tuple[Forecaster, ...] = (Lstm(),)
    return {**FORECASTERS, **{network.name: network for network in networks}}


def choose(names: str) -> list[Forecaster]:
    """Return the models of a comma separated list, each once, the baseline first.

    The baseline is there even if it is not named: every ratio is taken against it.

    Raises:
        UnknownModelError: if a name is not in the catalogue or the list is empty.
    """
    known = catalogue()
    asked = [name.strip().lower() for name in names.split(",") if name.strip()]
    if "all" in asked:
        asked = list(known)
    unknown = [name for name in asked if name not in known]
    if unknown or not asked:
        what = f"no model is called {', '.join(unknown)}" if unknown else "no model is named"
        message = f"--models: {what}; there are all, {', '.join(known)}"
        raise UnknownModelError(message)
    return [known[name] for name in dict.fromkeys([BASELINE, *asked])]

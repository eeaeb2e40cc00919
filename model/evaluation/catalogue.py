"""Models by the names that `--models` takes."""

from __future__ import annotations

from conf.champion import ChampionSettings
from conf.model import CELLS, ModelSettings
from model.evaluation.champion import Champion, Model
from model.evaluation.predictions import BASELINE
from model.forecasters.families import FORECASTERS, SPARK_FORECASTERS
from model.forecasters.forecaster import Kind
from model.forecasters.recurrent import Recurrent

DEFAULT = "naive,rule,lstm,champion"
ENSEMBLE = "ensemble"
"""The champion's members and nothing else: what λ, guard and calibration add is the difference."""


class UnknownModelError(Exception):
    """A name that no model has; one line that lists those there are."""


def catalogue(settings: ChampionSettings | None = None) -> dict[str, Model]:
    """Return all models by name; importing them needs neither TensorFlow nor Spark.

    Args:
        settings: of the champion; by default those of the environment.

    Raises:
        UnknownModelError: if a member of the champion is not there.
    """
    # Read here: a Spark task elsewhere has another environment, and kept fits are named by them.
    own = ModelSettings(threads=1)
    networks = [Recurrent(cell, own) for cell in CELLS]
    fitted: dict[str, Kind] = {
        **FORECASTERS,
        **SPARK_FORECASTERS,
        **{network.name: network for network in networks},
    }
    settings = settings or ChampionSettings()
    unknown = [name for name in settings.members if name not in fitted]
    if unknown:
        message = (
            f"NEXTHOUR_CHAMPION_MEMBERS: no model is called {', '.join(unknown)}; "
            f"there are {', '.join(fitted)}"
        )
        raise UnknownModelError(message)
    members = tuple(fitted[name] for name in settings.members)
    plain = {"is_shrunk": False, "is_guarded": False, "is_calibrated": False}
    composed = (
        Champion(members, settings.model_copy(update=plain), ENSEMBLE),
        Champion(members, settings),
    )
    return {**fitted, **{model.name: model for model in composed}}


def choose(names: str, settings: ChampionSettings | None = None) -> list[Model]:
    """Return the models of a comma separated list, each once, the baseline first.

    The baseline is there even if it is not named: every ratio is taken against it.

    Args:
        names: as typed.
        settings: of the champion; by default those of the environment.

    Raises:
        UnknownModelError: if a name is not in the catalogue or the list is empty.
    """
    known = catalogue(settings)
    asked = [name.strip().lower() for name in names.split(",") if name.strip()]
    if "all" in asked:
        asked = list(known)
    unknown = [name for name in asked if name not in known]
    if unknown or not asked:
        what = f"no model is called {', '.join(unknown)}" if unknown else "no model is named"
        message = f"--models: {what}; there are all, {', '.join(known)}"
        raise UnknownModelError(message)
    return [known[name] for name in dict.fromkeys([BASELINE, *asked])]

"""Models by name."""

from __future__ import annotations

import subprocess
import sys

import pytest
from typer.main import get_command

from conf.champion import ChampionSettings
from model.evaluation.catalogue import DEFAULT, UnknownModelError, catalogue, choose
from model.evaluation.champion import Champion
from model.forecasters.recurrent import Recurrent
from nexthour.cli import app

pytestmark = pytest.mark.unit


def names(text: str) -> list[str]:
    return [forecaster.name for forecaster in choose(text)]


def test_each_is_chosen_once_and_the_baseline_is_always_first() -> None:
    assert names("rule, RULE,lstm,") == ["naive", "rule", "lstm"]
    assert names("lstm,naive") == ["naive", "lstm"]


def test_all_are_all() -> None:
    assert names("all") == names("rule,all") == list(catalogue())
    assert {"naive", "arima", "rf", "lstm", "gru", "bilstm", "ensemble", "champion"} <= set(
        names("all")
    )
    assert all(name == forecaster.name for name, forecaster in catalogue().items())


def test_networks_carry_the_settings_of_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """A task elsewhere has another environment, and a kept fit must not be taken for another."""
    monkeypatch.setenv("NEXTHOUR_MODEL_EPOCHS", "3")
    networks = [model for model in catalogue().values() if isinstance(model, Recurrent)]
    assert [network.name for network in networks] == ["lstm", "gru", "bilstm"]
    settings = [network.settings for network in networks]
    assert [(own.epochs, own.threads) for own in settings if own is not None] == [(3, 1)] * 3


def test_an_unknown_name_lists_those_there_are() -> None:
    with pytest.raises(UnknownModelError) as caught:
        choose("rule,prophet,oracle")
    line = str(caught.value)
    assert line.startswith("--models: no model is called prophet, oracle; there are all, naive, ")
    assert all(name in line for name in catalogue())


def test_the_default_is_the_command_line_s() -> None:
    (parameter,) = [p for p in get_command(app).commands["evaluate"].params if p.name == "models"]  # type: ignore[attr-defined]
    assert parameter.default == DEFAULT == "naive,rule,lstm,champion"
    assert names(DEFAULT) == DEFAULT.split(",")


def test_the_ensemble_is_the_champion_without_all_that_is_done_to_it() -> None:
    settings = ChampionSettings(members=("lad", "rf"))
    _, ensemble, champion = choose("ensemble,champion", settings)
    assert isinstance(ensemble, Champion)
    assert isinstance(champion, Champion)
    assert ensemble.members == champion.members
    own = ensemble.settings
    assert [own.is_shrunk, own.is_guarded, own.is_calibrated] == [False] * 3
    assert champion.settings == settings


def test_the_champion_is_made_of_the_models_of_the_catalogue() -> None:
    settings = ChampionSettings(members=("lad", "rule"))
    _, lad, champion = choose("lad,champion", settings)
    assert isinstance(champion, Champion)
    assert [member.name for member in champion.members] == ["lad", "rule"]
    assert champion.members[0] is lad
    with pytest.raises(UnknownModelError) as caught:
        choose("naive", ChampionSettings(members=("rule", "oracle")))
    line = str(caught.value)
    assert line.startswith("NEXTHOUR_CHAMPION_MEMBERS: no model is called oracle; there are naive,")


def test_choosing_imports_neither_tensorflow_nor_spark() -> None:
    """A JVM is started where TensorFlow's threads do not run, and only where it is needed."""
    code = (
        "import sys; from model.evaluation.catalogue import choose; "
        "import model.evaluation.walk, nexthour.evaluate_command; "
        "choose('all'); sys.exit(bool({'tensorflow', 'pyspark', 'statsforecast'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

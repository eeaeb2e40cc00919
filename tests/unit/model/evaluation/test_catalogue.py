"""Models by name."""

from __future__ import annotations

import subprocess
import sys

import pytest

from model.evaluation.catalogue import UnknownModelError, catalogue, choose

pytestmark = pytest.mark.unit


def names(text: str) -> list[str]:
    return [forecaster.name for forecaster in choose(text)]


def test_each_is_chosen_once_and_the_baseline_is_always_first() -> None:
    assert names("rule, RULE,lstm,") == ["naive", "rule", "lstm"]
    assert names("lstm,naive") == ["naive", "lstm"]


def test_all_are_all() -> None:
    assert names("all") == names("rule,all") == list(catalogue())
    assert {"naive", "drift", "rule", "lstm"} <= set(names("all"))
    assert all(name == forecaster.name for name, forecaster in catalogue().items())


def test_an_unknown_name_lists_those_there_are() -> None:
    with pytest.raises(UnknownModelError) as caught:
        choose("rule,prophet,oracle")
    line = str(caught.value)
    assert line.startswith("--models: no model is called prophet, oracle; there are all, naive, ")
    assert all(name in line for name in catalogue())


def test_choosing_imports_no_tensorflow() -> None:
    """Workers are forked from this process, which TensorFlow's threads would not survive."""
    code = (
        "import sys; from model.evaluation.catalogue import choose; "
        "import model.evaluation.walk, nexthour.evaluate_command; "
        "choose('all'); sys.exit('tensorflow' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

"""Replaced symbols: the rows make sense, and people are told."""

from __future__ import annotations

import pytest

from conf.symbol_changes import SYMBOL_CHANGES, successor_hint

pytestmark = pytest.mark.unit


def test_rows_are_in_order_of_time_and_name_each_symbol_once() -> None:
    for change in SYMBOL_CHANGES:
        assert change.old_ended < change.new_began
        assert change.ratio > 0
    assert len({change.old for change in SYMBOL_CHANGES}) == len(SYMBOL_CHANGES)


def test_the_hint_names_the_successor() -> None:
    assert successor_hint("MATICUSDT") == (
        "MATICUSDT ended on 2024-09-10 03:00 UTC and goes on as POLUSDT since 2024-09-13 10:00 UTC, 1:1"
    )
    assert successor_hint("BTCUSDT") == ""

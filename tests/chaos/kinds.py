"""Which kinds of faults a run uses, as its options name them. Pure."""

from __future__ import annotations

import argparse
from collections.abc import Iterable


def add_options(parser: argparse.ArgumentParser, kinds: Iterable[str]) -> None:
    """Add what every run is asked: its seed and its kinds."""
    parser.add_argument("--seed", type=int, default=1, help="which plan and which trades")
    parser.add_argument("--kinds", help=f"only these, comma separated: {', '.join(kinds)}")
    parser.add_argument("--without", help="all but these; such a run is no proof either")


def chosen(options: argparse.Namespace, kinds: Iterable[str]) -> list[str] | None:
    """Return the names of the kinds to use, None for all."""
    if not options.kinds and not options.without:
        return None
    left_out = set(options.without.split(",")) if options.without else set()
    wanted = options.kinds.split(",") if options.kinds else kinds
    return [name for name in wanted if name not in left_out]

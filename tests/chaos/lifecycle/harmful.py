"""A version that does harm: the champion's own files, with a member that is far too wide and one-sided."""

from __future__ import annotations

import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from conf.contracts.forecasts import QUANTILES
from model.inference import SIGNATURE
from model.registry import MANIFEST, SUMS, Registry

BANDS = (-1.0, 1.5, 4.0, 6.5, 9.0)
"""Quantiles of z whatever the inputs are: a median four sigmas away."""


def publish_harmful(registry: Registry) -> tuple[str, dict[str, Any]]:
    """Publish it beside the champion; return its name and its manifest.

    Its median is no sane one, which the shadow would find: it must be promoted by hand, with force.
    """
    champion = registry.champion()
    assert champion is not None
    with tempfile.TemporaryDirectory() as name:
        folder = registry.fetch(champion.version, Path(name) / "champion")
        harmful = Path(name) / "harmful"
        shutil.copytree(folder, harmful)
        (harmful / SUMS).unlink()
        signature = orjson.loads((harmful / SIGNATURE).read_bytes())
        level = [{"columns": [], "weights": [], "intercept": band} for band in BANDS]
        fit = {"kind": "linear", "models": level}
        signature |= {"members": [{"name": "harmful", "fits": [fit]}], "median_weight": 1.0}
        assert len(BANDS) == len(QUANTILES)
        (harmful / SIGNATURE).write_bytes(orjson.dumps(signature))
        manifest = orjson.loads((harmful / MANIFEST).read_bytes())
        manifest |= {
            "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "weights_hash": "bad0bad0",
            "members": ["harmful"],
        }
        return registry.publish(harmful, manifest), manifest

"""From a fit to the files of a version and its row in `model_version`."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from datetime import datetime
from importlib.metadata import version as library_version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
from psycopg2.extras import Json

from conf.contracts.forecasts import QUANTILES
from conf.model import ModelSettings
from conf.names import HOUR_MS, utc_time
from model.dataset import read_columns
from model.features import FeatureSpec
from model.inference import SIGNATURE
from model.model_card import render_card
from model.registry import MODEL, ChampionRef, version_name
from model.stable import StableRule, fit_stable
from model.validation import Judgement
from model.windows import Snapshot

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own name

    from model.training import Fit

LIBRARIES = ("tensorflow", "keras", "numpy", "pandas", "petastorm", "pyarrow", "pyspark")


def fit_stable_coins(
    windows_dir: Path, spec: FeatureSpec, base: tuple[float, ...]
) -> dict[str, StableRule]:
    """Return the rule of each stable coin, fitted on ``part=stable-train``."""
    folder = windows_dir / "part=stable-train"
    known = read_columns(folder, ("symbol", "target_z", "last_close")) if folder.is_dir() else None
    rules = {}
    for symbol in spec.symbols:
        if symbol in spec.stable:
            rows = known["symbol"] == symbol if known else np.zeros(0, dtype=bool)
            z = known["target_z"][rows].astype(np.float64) if known else np.zeros(0)
            closes = known["last_close"][rows].astype(np.float64) if known else np.zeros(0)
            rules[symbol] = fit_stable(z, closes, QUANTILES, base)
    return rules


def build_manifest(
    fit: Fit,
    judgement: Judgement,
    snapshot: Snapshot,
    spec: FeatureSpec,
    settings: ModelSettings,
    *,
    created_at: datetime,
    weights_hash: str,
) -> dict[str, Any]:
    """Return everything that is known of a version, as JSON."""
    plan = snapshot.plan
    return {
        "created_at": created_at.isoformat(timespec="seconds"),
        "weights_hash": weights_hash,
        "snapshot": snapshot.name,
        "commit": current_commit(),
        "seed": settings.seed,
        "settings": settings.model_dump(mode="json", exclude={"staging_dir"}),
        "libraries": {name: _library_version(name) for name in LIBRARIES},
        "spec": spec.to_dict(),
        "trained_from_ms": plan.first_ms,
        "trained_until_ms": plan.train_until_ms,
        "validation_from_ms": plan.validation_from_ms,
        "validation_until_ms": plan.last_ms,
        "expires_ms": plan.last_ms + (1 + settings.expiry_days * 24) * HOUR_MS,
        "is_short_history": plan.is_short,
        "train_rows": fit.train_rows,
        "validation_rows": len(fit.validation.z),
        "metrics": judgement.to_dict(),
        "best_epoch": fit.best,
        "median_weight": fit.median_weight,
        "epochs": [
            {"number": e.number, "train": _number(e.train_pinball), "validation": e.val_pinball}
            for e in fit.epochs
        ],
        "fit_seconds": round(fit.seconds, 2),
    }


def write_version_files(
    folder: Path,
    fit: Fit,
    rules: Mapping[str, StableRule],
    spec: FeatureSpec,
    manifest: Mapping[str, Any],
    snapshot: Snapshot,
) -> None:
    """Write the files of a version; `Registry.publish` adds the manifest and the sums."""
    from model.network import save_network

    folder.mkdir(parents=True, exist_ok=True)
    save_network(fit.network, folder / MODEL)
    signature = {
        "spec": spec.to_dict(),
        "levels": list(QUANTILES),
        "base": list(fit.base),
        "median_weight": fit.median_weight,
        "stable": {symbol: rule.to_dict() for symbol, rule in rules.items()},
        "expires_ms": manifest["expires_ms"],
    }
    version = version_name(str(manifest["created_at"]), str(manifest["weights_hash"]))
    _write_json(folder / SIGNATURE, signature)
    _write_json(folder / "metrics.json", manifest["metrics"])
    _write_json(folder / "windows.json", snapshot.manifest)
    (folder / "card.md").write_text(render_card(version, manifest))


def record_version(
    connection: Connection,
    version: str,
    status: str,
    sha256: str,
    manifest: Mapping[str, Any],
    replaced: ChampionRef | None,
) -> None:
    """Write the version's row; the version that it replaced becomes `previous`. One transaction.

    Repeating it for the same version leaves the same row.
    """
    metrics = manifest["metrics"]
    with connection, connection.cursor() as cursor:
        if replaced is not None and replaced.version != version and status == "bootstrap":
            cursor.execute(
                "UPDATE model_version SET status = 'previous' WHERE version = %s",
                (replaced.version,),
            )
        cursor.execute(
            "INSERT INTO model_version (version, status, created_at, sha256, weights_hash, trained_from,"
            " trained_until, train_rows, val_pinball, ewma_pinball, val_rmae, fit_seconds, manifest)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
            " ON CONFLICT (version) DO UPDATE SET status = excluded.status",
            (
                version,
                status,
                datetime.fromisoformat(manifest["created_at"]),
                sha256,
                manifest["weights_hash"],
                utc_time(manifest["trained_from_ms"]),
                utc_time(manifest["trained_until_ms"]),
                manifest["train_rows"],
                metrics["val_pinball"],
                metrics["ewma_pinball"],
                metrics["val_rmae"],
                manifest["fit_seconds"],
                Json(dict(manifest), dumps=lambda value: orjson.dumps(value).decode()),
            ),
        )


def current_commit() -> str:
    """Return the commit of the working tree, or 'unknown' outside one."""
    try:
        answer = subprocess.run(
            ["git", "rev-parse", "HEAD"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            timeout=5,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return answer.stdout.strip()


def _library_version(name: str) -> str:
    try:
        return library_version(name)
    except ModuleNotFoundError:  # tensorflow-cpu is the same library under another name
        return library_version(f"{name}-cpu")


def _number(value: float) -> float | None:
    return None if np.isnan(value) else value


def _write_json(path: Path, value: object) -> None:
    path.write_bytes(orjson.dumps(value, option=orjson.OPT_INDENT_2))

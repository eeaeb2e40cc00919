"""From a fit to the files of a version and its row in `model_version`."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Iterator, Mapping
from datetime import datetime
from importlib.metadata import version as library_version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import orjson
from psycopg2.extras import Json

from conf.champion import ChampionSettings
from conf.contracts.forecasts import QUANTILES
from conf.model import ModelSettings
from conf.names import HOUR_MS, utc_time
from model.comparison import Comparison
from model.features import FeatureSpec
from model.forecasters.forecaster import Fitted, Servable
from model.inference import CALIBRATION, INPUTS, SIGNATURE
from model.model_card import render_card
from model.registry import version_name
from model.validation import Judgement
from model.windows import Snapshot

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own name

    from model.champion_fit import ChampionFit

LIBRARIES = (
    "tensorflow",
    "keras",
    "lightgbm",
    "numpy",
    "pandas",
    "petastorm",
    "pyarrow",
    "pyspark",
)


def build_manifest(
    fit: ChampionFit,
    judgement: Judgement,
    snapshot: Snapshot,
    spec: FeatureSpec,
    settings: ModelSettings,
    champion: ChampionSettings,
    *,
    created_at: datetime,
    against: Comparison | None = None,
) -> dict[str, Any]:
    """Return everything that is known of a version, as JSON."""
    plan = snapshot.plan
    return {
        "created_at": created_at.isoformat(timespec="seconds"),
        "weights_hash": weights_hash(fit),
        "snapshot": snapshot.name,
        "commit": current_commit(),
        "seeds": list(fit.seeds),
        "members": [member.name for member in fit.composed.members],
        "composition": champion.model_dump(mode="json"),
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
        "rows": {str(s): int(n) for s, n in _counts(fit.validation.symbols)},
        "metrics": judgement.to_dict(),
        "against": against.to_dict() if against else None,
        "median_weight": fit.composed.weight,
        "epochs": [
            {
                "member": told.member,
                "seed": told.seed,
                "number": told.epoch.number,
                "train": _number(told.epoch.train_pinball),
                "validation": told.epoch.val_pinball,
            }
            for told in fit.epochs
        ],
        "fit_seconds": round(fit.seconds, 2),
    }


def weights_hash(fit: ChampionFit) -> str:
    """Return SHA-256 of all that was learned; unlike the files it holds no date."""
    digest = hashlib.sha256()
    for member in fit.composed.members:
        for fitted in member.fits:
            digest.update(f"{member.name}:{servable(fitted).digest}".encode())
    digest.update(orjson.dumps([fit.composed.weight, *fit.base]))
    return digest.hexdigest()


def servable(fitted: Fitted) -> Servable:
    """Return a fit that can be kept; the composition was checked before anything was fitted."""
    assert isinstance(fitted, Servable)
    return fitted


def write_version_files(
    folder: Path,
    fit: ChampionFit,
    spec: FeatureSpec,
    champion: ChampionSettings,
    manifest: Mapping[str, Any],
    snapshot: Snapshot,
) -> None:
    """Write the files of a version; `Registry.publish` adds the manifest and the sums."""
    folder.mkdir(parents=True, exist_ok=True)
    members = []
    for member in fit.composed.members:
        stems = [f"{member.name}-{seed}" for seed in fit.seeds[: len(member.fits)]]
        entries = [
            servable(fitted).save(folder, stem)
            for fitted, stem in zip(member.fits, stems, strict=True)
        ]
        members.append({"name": member.name, "fits": entries})
    signature = {
        "spec": spec.to_dict(),
        "levels": list(QUANTILES),
        "base": list(fit.base),
        "members": members,
        "median_weight": fit.composed.weight,
        "is_guarded": champion.is_guarded,
        "is_calibrated": champion.is_calibrated,
        "stable": {symbol: rule.to_dict() for symbol, rule in fit.stable.items()},
        "expires_ms": manifest["expires_ms"],
    }
    version = version_name(str(manifest["created_at"]), str(manifest["weights_hash"]))
    _write_json(folder / SIGNATURE, signature)
    _write_json(
        folder / CALIBRATION, {symbol: state.to_dict() for symbol, state in fit.states.items()}
    )
    _write_json(folder / INPUTS, fit.inputs.to_dict())
    _write_json(folder / "metrics.json", manifest["metrics"])
    _write_json(folder / "windows.json", snapshot.manifest)
    (folder / "card.md").write_text(render_card(version, manifest))


def record_version(
    connection: Connection,
    version: str,
    status: str,
    sha256: str,
    manifest: Mapping[str, Any],
) -> None:
    """Write the version's row in one transaction. Repeating it leaves the same row."""
    metrics = manifest["metrics"]
    with connection, connection.cursor() as cursor:
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


def _counts(symbols: npt.NDArray[np.object_]) -> Iterator[tuple[object, int]]:
    names, counts = np.unique(symbols.astype(str), return_counts=True)
    return zip(names.tolist(), counts.tolist(), strict=True)


def _number(value: float) -> float | None:
    return None if np.isnan(value) else value


def _write_json(path: Path, value: object) -> None:
    path.write_bytes(orjson.dumps(value, option=orjson.OPT_INDENT_2))

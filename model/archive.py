"""What a `.keras` archive may hold, checked before anything opens it. Pure apart from the file.

Keras's own `safe_mode` refuses pickled lambdas but has been bypassed before; a list of the layers
that our network is made of is short and closes the rest.
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import orjson

MEMBERS = frozenset({"metadata.json", "config.json", "model.weights.h5"})
ALLOWED = frozenset(
    {
        "keras:Functional",
        "keras.src.models.functional:Functional",
        "keras.layers:InputLayer",
        "keras.layers:Embedding",
        "keras.layers:LSTM",
        "keras.layers:GRU",
        "keras.layers:Bidirectional",
        "keras.layers:Dense",
        "keras.layers:Dropout",
        "keras.layers:Concatenate",
        "keras.layers:Flatten",
        "model.network:QuantileHead",
        "keras:DTypePolicy",
        "None:__keras_tensor__",
        "keras.initializers:Zeros",
        "keras.initializers:GlorotUniform",
        "keras.initializers:Orthogonal",
        "keras.initializers:RandomUniform",
    }
)
_MAX_BYTES = 64 * 1024 * 1024


class ArchiveError(Exception):
    """A model file that must not be opened."""


def check_archive(path: Path) -> None:
    """Refuse a file that is not a plain `.keras` archive of allowed classes.

    Raises:
        ArchiveError: saying what was found.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = {info.filename for info in archive.infolist()}
            size = sum(info.file_size for info in archive.infolist())
            if names != MEMBERS or size > _MAX_BYTES:
                message = (
                    f"{path.name} holds {sorted(names)} ({size} bytes), which is no model of ours"
                )
                raise ArchiveError(message)
            config = orjson.loads(archive.read("config.json"))
    except (OSError, zipfile.BadZipFile, orjson.JSONDecodeError) as error:
        message = f"{path.name} is no .keras archive: {error}"
        raise ArchiveError(message) from error
    foreign = sorted(classes_of(config) - ALLOWED)
    if foreign:
        message = f"{path.name} holds classes that are not on the allow-list: {', '.join(foreign)}"
        raise ArchiveError(message)


def classes_of(config: Any) -> set[str]:
    """Return every class that a Keras config names, as ``module:Class``, however deep.

    A `registered_name` is another way to name a class, so it counts unless it repeats the first.
    """
    found: set[str] = set()
    if isinstance(config, dict):
        if "class_name" in config:
            name = config["class_name"]
            found.add(f"{config.get('module')}:{name}")
            registered = config.get("registered_name")
            if registered not in (None, name, f"nexthour>{name}"):
                found.add(f"registered:{registered}")
        for value in config.values():
            found |= classes_of(value)
    elif isinstance(config, list):
        for value in config:
            found |= classes_of(value)
    return found

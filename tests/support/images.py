"""Reads `docker/` for its tests: Dockerfiles, the compose file, and what an entry point imports."""

from __future__ import annotations

import ast
import re
import shlex
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
DOCKER = ROOT / "docker"
ROLES = ("producer", "spark", "training", "dashboard", "exchange", "api")
_VARIABLE = re.compile(r"\$\{(?P<name>[A-Z0-9_]+)(?::(?P<kind>[-?])(?P<rest>[^}]*))?\}")


@dataclass(frozen=True)
class Instruction:
    """One instruction of a Dockerfile, continuation lines joined."""

    name: str
    value: str


def instructions(dockerfile: Path) -> list[Instruction]:
    """Return the instructions of a Dockerfile in order."""
    text = re.sub(r"^\s*#.*$", "", dockerfile.read_text(), flags=re.MULTILINE)
    text = re.sub(r"\\\n", " ", text)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return [Instruction(*line.split(maxsplit=1)) for line in lines]


def copied_from_context(dockerfile: Path) -> list[str]:
    """Return the sources of all COPY from the build context."""
    sources = []
    for step in instructions(dockerfile):
        words = shlex.split(step.value)
        if step.name == "COPY" and not any(word.startswith("--from") for word in words):
            sources += [word for word in words[:-1] if not word.startswith("--")]
    return sources


def final_stage(dockerfile: Path) -> list[Instruction]:
    """Return the instructions of the last stage."""
    steps = instructions(dockerfile)
    last = max(number for number, step in enumerate(steps) if step.name == "FROM")
    return steps[last:]


def compose() -> dict[str, Any]:
    """Return the compose file, anchors and merges resolved, variables not."""
    document: dict[str, Any] = yaml.safe_load((DOCKER / "compose.yaml").read_text())
    return document


def interpolate(value: Any, variables: Mapping[str, str]) -> str:
    """Return a value as compose would hand it on.

    Raises:
        KeyError: if a variable without a default is not set.
    """

    def replacement(match: re.Match[str]) -> str:
        given = variables.get(match["name"])
        if given:
            return given
        if match["kind"] == "-":
            return match["rest"]
        raise KeyError(match["name"])

    text = str(value).lower() if isinstance(value, bool) else str(value)
    return _VARIABLE.sub(replacement, text)


def env_file(path: Path) -> dict[str, str]:
    """Return the assignments of an env file."""
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def pins(lock: Path) -> dict[str, tuple[str, frozenset[str]]]:
    """Return version and hashes by normalised name of a hash-locked requirements file."""
    found: dict[str, tuple[str, frozenset[str]]] = {}
    for block in re.split(r"\n(?=[A-Za-z0-9])", lock.read_text()):
        match = re.match(r"([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;\\]+)", block)
        if match:
            hashes = frozenset(re.findall(r"--hash=(sha256:[0-9a-f]{64})", block))
            found[normalised(match[1])] = (match[2], hashes)
    return found


def normalised(name: str) -> str:
    """Return a distribution's name as package indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


@dataclass(frozen=True)
class Imports:
    """What some modules import when they are used: own files and foreign distributions."""

    files: frozenset[Path]
    distributions: Mapping[str, str]
    """Name of a distribution → the file that wants it."""


def imports_of(entries: list[Path]) -> Imports:
    """Follow all imports, late ones too, from entry files of the repository."""
    by_module = packages_distributions()
    todo, files, distributions = list(entries), set(entries), dict[str, str]()
    while todo:
        file = todo.pop()
        for module in _imported(file):
            top = module.split(".")[0]
            if top in sys.stdlib_module_names:
                continue
            if not (ROOT / top).is_dir():
                for name in by_module.get(top, [top]):
                    distributions.setdefault(normalised(name), str(file.relative_to(ROOT)))
                continue
            for path in _own_files(module):
                if path not in files:
                    files.add(path)
                    todo.append(path)
    return Imports(frozenset(files), distributions)


def module_file(module: str) -> Path | None:
    """Return the file that ``python -m MODULE`` runs, None if there is none."""
    base = ROOT.joinpath(*module.split("."))
    for path in (base / "__main__.py", base.with_suffix(".py")):
        if path.is_file():
            return path
    return None


def _own_files(module: str) -> Iterator[Path]:
    parts = module.split(".")
    for end in range(1, len(parts) + 1):
        base = ROOT.joinpath(*parts[:end])
        if (base / "__init__.py").is_file():
            yield base / "__init__.py"
        elif base.with_suffix(".py").is_file():
            yield base.with_suffix(".py")


def _imported(file: Path) -> Iterator[str]:
    for node in _running_nodes(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _running_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """Walk a tree without what is there for type checkers only."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        yield child
        yield from _running_nodes(child)

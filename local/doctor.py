"""Checks whether this machine can run the local stack; each failure says what to do."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from conf.local_stack import LocalStackSettings
from local.errors import LocalError
from local.jars import missing_configurations
from local.java import HOW_TO_INSTALL, SPARK_MODULE, SUPPORTED, Java, find_java
from local.ports import is_free

GIB = 1024**3
NEEDED_DISK_BYTES = 3 * GIB
# 6 GiB, less what firmware and kernel keep of a machine sold with that
NEEDED_MEMORY_BYTES = int(5.5 * GIB)
PYTHON = (3, 11)
CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")


@dataclass(frozen=True)
class Check:
    """One result.

    Attributes:
        name: what was looked at.
        is_ok: whether it will do.
        detail: what was found, one line.
        advice: what to do, one line; empty if it will do.
    """

    name: str
    is_ok: bool
    detail: str
    advice: str = ""

    @property
    def line(self) -> str:
        """One line for a person."""
        return f"{self.name}: {self.detail}" + (f": {self.advice}" if self.advice else "")


@dataclass(frozen=True)
class Port:
    """A port that a part will listen on; 0 means any.

    Attributes:
        purpose: who will listen.
        number: the port.
        variable: the environment variable that moves it.
    """

    purpose: str
    number: int
    variable: str


def check_python(version: tuple[int, int] = sys.version_info[:2]) -> Check:
    """Check the Python version: Petastorm and Spark 4.0 leave 3.11 only."""
    found = f"{version[0]}.{version[1]}"
    if version == PYTHON:
        return Check("Python", True, found)
    return Check("Python", False, found, "install Python 3.11 and make the environment with it")


def check_java(find: Callable[[], Java] = find_java) -> Check:
    """Check for a full Java 17 or 21 runtime."""
    try:
        java = find()
    except LocalError as error:
        return Check("Java", False, str(error))
    found = f"version {java.major} ({java.program})"
    if java.major not in SUPPORTED:
        return Check("Java", False, found, HOW_TO_INSTALL)
    if not java.has_spark_module:
        return Check("Java", False, f"{found} lacks the module {SPARK_MODULE}", HOW_TO_INSTALL)
    return Check("Java", True, found)


def _existing(path: Path) -> Path:
    while not path.exists() and path != path.parent:
        path = path.parent
    return path


def free_disk_bytes(folder: Path) -> int:
    """Return the free space where a folder is or would be."""
    return shutil.disk_usage(_existing(folder.absolute())).free


def check_disk(folder: Path, free: Callable[[Path], int] = free_disk_bytes) -> Check:
    """Check the free space of a folder's disk."""
    size = free(folder)
    found = f"{size / GIB:.1f} GiB free for {folder}"
    if size >= NEEDED_DISK_BYTES:
        return Check("disk", True, found)
    return Check("disk", False, found, f"free {NEEDED_DISK_BYTES / GIB:.0f} GiB there")


def memory_bytes(cgroup_limit: Path = CGROUP_LIMIT) -> int:
    """Return the memory that this process may use: the machine's, or its container's if less."""
    total = int(psutil.virtual_memory().total)
    try:
        return min(total, int(cgroup_limit.read_text()))
    except (OSError, ValueError):  # no such file, or "max"
        return total


def check_memory(size: Callable[[], int] = memory_bytes) -> Check:
    """Check the machine's memory."""
    found = f"{size() / GIB:.1f} GiB"
    if size() >= NEEDED_MEMORY_BYTES:
        return Check("memory", True, found)
    return Check("memory", False, found, "6 GiB are needed: use a larger machine or container")


def stack_ports(settings: LocalStackSettings) -> list[Port]:
    """Return the ports of the local stack."""
    return [
        Port(name.removesuffix("_port").replace("_", " "), value, f"NEXTHOUR_LOCAL_{name.upper()}")
        for name, value in settings.model_dump().items()
        if name.endswith("_port")
    ]


def check_port(port: Port, is_free_now: Callable[[int], bool] = is_free) -> Check:
    """Check that a fixed port can be listened on."""
    name = f"port {port.number}"
    if is_free_now(port.number):
        return Check(name, True, f"free for {port.purpose}")
    advice = f"stop what listens there or set {port.variable}"
    return Check(name, False, f"in use, wanted for {port.purpose}", advice)


def check_jars(
    jars_dir: Path, missing: Callable[[Path], list[str]] = missing_configurations
) -> Check:
    """Check that all jars of the manifest are there."""
    names = missing(jars_dir)
    if not names:
        return Check("jars", True, str(jars_dir))
    return Check("jars", False, f"{', '.join(names)} missing", "run `python -m local.jars`")


def check_writable(folder: Path) -> Check:
    """Check that a folder can be made and written into."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(b"x" * 4096)
            probe.flush()
    except OSError as error:
        advice = "make it writable or set NEXTHOUR_VAR_DIR and NEXTHOUR_LOCAL_RUN_DIR"
        return Check("folder", False, f"cannot write into {folder} ({error.strerror})", advice)
    return Check("folder", True, f"{folder} is writable")


def examine(settings: LocalStackSettings, var_dir: Path, ports: Sequence[Port] = ()) -> list[Check]:
    """Run every check.

    Args:
        settings: of the local stack.
        var_dir: where the run writes.
        ports: further fixed ports, for example the dashboard's.

    Returns:
        All results, failures among them, in the order in which to read them.
    """
    fixed = [port for port in (*stack_ports(settings), *ports) if port.number]
    return [
        check_python(),
        check_java(),
        check_disk(var_dir),
        check_memory(),
        check_writable(var_dir),
        check_jars(settings.jars_dir),
        *(check_port(port) for port in fixed),
    ]

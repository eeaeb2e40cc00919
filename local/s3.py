"""An S3 server (s3proxy on a folder of files) on loopback.

Honours ``If-None-Match: *`` and ``If-Match`` on writes, on which the model registry relies.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from local.java import JVM_ENVIRONMENT, class_path, java_program, small_server_options
from local.kafka import properties_text
from local.launcher import Launcher
from local.ports import HOST
from local.process import answers

MAIN_CLASS = "org.gaul.s3proxy.Main"


@dataclass(frozen=True)
class S3Plan:
    """Where the server listens and what it may use.

    Attributes:
        folder: configuration and objects.
        port: HTTP.
        heap_mb: heap in MiB.
        access_key: the one key id that it accepts.
        secret_key: its secret.
        jars: folder of the server's jar.
    """

    folder: Path
    port: int
    heap_mb: int
    access_key: str
    secret_key: str
    jars: Path

    @property
    def endpoint_url(self) -> str:
        """Address for clients."""
        return f"http://{HOST}:{self.port}"


def properties(plan: S3Plan) -> dict[str, str]:
    """Return the server's configuration. Pure."""
    return {
        "s3proxy.endpoint": plan.endpoint_url,
        "s3proxy.authorization": "aws-v2-or-v4",
        "s3proxy.identity": plan.access_key,
        "s3proxy.credential": plan.secret_key,
        "jclouds.provider": "filesystem-nio2",
        "jclouds.identity": plan.access_key,
        "jclouds.credential": plan.secret_key,
        "jclouds.filesystem.basedir": str((plan.folder / "objects").resolve()),
    }


def start(plan: S3Plan, launcher: Launcher) -> None:
    """Write the configuration, start the server and wait until it answers.

    Raises:
        LocalError: one line if it does not come up.
    """
    (plan.folder / "objects").mkdir(parents=True, exist_ok=True)
    config = plan.folder / "s3proxy.properties"
    config.write_text(properties_text(properties(plan)))
    config.chmod(0o600)
    command = [str(java_program()), *small_server_options(plan.heap_mb)]
    command += ["-DLOG_LEVEL=WARN", "-cp", class_path(plan.jars), MAIN_CLASS]
    command += ["--properties", str(config)]
    server = launcher.start("s3", command, env=JVM_ENVIRONMENT, cwd=plan.folder)
    # without a signature any answer is a refusal; that it answers is what counts
    server.wait_ready(answers(plan.endpoint_url, lambda _: True), launcher.start_timeout_s)

"""Commands as a person or a scheduler runs them: to their end, with what they said."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence

from tests.support.bundle import ROOT


def run_command(
    command: Sequence[str], environment: Mapping[str, str], timeout_s: float = 240
) -> subprocess.CompletedProcess[str]:
    """Run a command in the repository, with the environment on top of this process's own."""
    return subprocess.run(
        command,
        env={**os.environ, **environment},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )


def check_refusal(command: Sequence[str], environment: Mapping[str, str], words: str) -> None:
    """Demand that a command ends with exit code 2 and one line with these words on stderr."""
    ended = run_command(command, environment, timeout_s=60)
    assert ended.returncode == 2, ended.stderr
    (line,) = ended.stderr.strip().splitlines()
    assert words in line, line

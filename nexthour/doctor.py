"""`nexthour doctor`, and the same checks before anything is started."""

from __future__ import annotations

import os
from pathlib import Path

from conf.local_stack import LocalStackSettings
from conf.settings import RunSettings
from local.doctor import Check, Port, examine
from local.errors import LocalError
from nexthour.progress import Steps


def checks(var_dir: Path) -> list[Check]:
    """Look at everything that a start needs."""
    port = os.environ.get("NEXTHOUR_DASHBOARD_PORT", "0")
    dashboard = Port("dashboard", int(port), "NEXTHOUR_DASHBOARD_PORT")
    return examine(LocalStackSettings(), var_dir, [dashboard])


def run_doctor() -> bool:
    """Print every check; return whether all will do."""
    steps = Steps()
    found = checks(RunSettings().var_dir.resolve())
    for check in found:
        steps.say(f" {'[green]✓[/green]' if check.is_ok else '[red]✗[/red]'} {check.line}")
    return all(check.is_ok for check in found)


def require_healthy(var_dir: Path) -> None:
    """Demand that the machine will do, before anything is started.

    Raises:
        LocalError: with the first check's line that will not do.
    """
    for check in checks(var_dir):
        if not check.is_ok:
            raise LocalError(check.line)

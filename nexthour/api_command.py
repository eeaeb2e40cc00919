"""`nexthour api`: the read API alone, for the environment's run or one that is up here."""

from __future__ import annotations

from api.server import PortTakenError, serve
from conf.api import ApiSettings
from conf.logs import configure_logging
from local.errors import LocalError


def run_api(host: str | None, port: int | None) -> None:
    """Serve until interrupted.

    Args:
        host: address to listen on; the setting's if None.
        port: where to listen; the setting's if None.

    Raises:
        LocalError: one line, if the port cannot be opened.
        pydantic.ValidationError: if the environment's settings are wrong.
    """
    given = {"host": host, "port": port}
    settings = ApiSettings.model_validate(
        {name: value for name, value in given.items() if value is not None}
    )
    configure_logging()
    try:
        serve(settings)
    except PortTakenError as error:
        raise LocalError(str(error)) from error

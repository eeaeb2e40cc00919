"""``python -m exchange``: the stand-in exchange, set up by NEXTHOUR_STANDIN_* variables.

Prints its addresses as one JSON line on stdout when it is ready; logs go to stderr. SIGTERM and
SIGINT stop it with exit code 0; what keeps it from starting is one line and exit code 2.
"""

from __future__ import annotations

import asyncio
import signal
import sys

import orjson
import structlog
from pydantic import ValidationError

from conf.logs import configure_logging
from conf.standin import StandInSettings
from exchange.errors import StandInError
from exchange.server import running


async def serve(settings: StandInSettings) -> None:
    """Run until a signal comes.

    Raises:
        StandInError: if the exchange cannot start.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with running(settings) as exchange:
        addresses = {
            "rest_url": exchange.rest_url,
            "ws_url": exchange.ws_url,
            "control_url": exchange.control_url,
        }
        structlog.get_logger().info("exchange ready", mode=exchange.book.mode, **addresses)
        sys.stdout.write(orjson.dumps(addresses).decode() + "\n")
        sys.stdout.flush()
        waits = {asyncio.create_task(stop.wait()), asyncio.create_task(exchange.failed())}
        done, pending = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        for task in done:
            task.result()


def main() -> int:
    """Run the exchange; return the process's exit code."""
    configure_logging()
    try:
        asyncio.run(serve(StandInSettings()))
    except ValidationError as error:
        first = error.errors()[0]
        name = "_".join(str(part) for part in first["loc"]).upper()
        setting = f"NEXTHOUR_STANDIN_{name}: " if name else ""
        sys.stderr.write(f"exchange: {setting}{first['msg']}\n")
        return 2
    except StandInError as error:
        sys.stderr.write(f"exchange: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())

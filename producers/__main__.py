"""``python -m producers [--shard 2/8] [--standby]``: everything else comes from the environment.

Exit codes: 0 stopped or series ended, 2 cannot start, 3 a newer instance took over the shard.
Logs are JSON lines on stderr; at a clean end one JSON line with the totals goes to stdout.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import sys
from dataclasses import replace

import orjson
import structlog
from pydantic import ValidationError

from conf.logs import configure_logging
from conf.producer import ProducerSettings
from conf.settings import CandleSettings, ExchangeSettings, KafkaSettings, RunSettings
from producers.app import Application, Config
from producers.errors import FencedError, ProducerError

EXIT_OK, EXIT_STARTUP, EXIT_FENCED = 0, 2, 3


def main(arguments: list[str] | None = None) -> int:
    """Run a producer and return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m producers", description=__doc__)
    parser.add_argument("--shard", help="share of the symbols, such as 2/8 (default: settings)")
    parser.add_argument(
        "--standby", action="store_true", help="wait until the shard's active producer is gone"
    )
    options = parser.parse_args(arguments)
    try:
        config = _config(options.shard, is_standby=options.standby)
        configure_logging(logging.getLevelNamesMapping()[config.producer.log_level.upper()])
        application = Application(config)
        asyncio.run(_until_stopped(application))
    except ValidationError as error:
        return _one_line(_setting_line(error), EXIT_STARTUP)
    except FencedError as error:
        return _one_line(str(error), EXIT_FENCED)
    except ProducerError as error:
        return _one_line(str(error), EXIT_STARTUP)
    sys.stdout.buffer.write(orjson.dumps(application.totals.summary()) + b"\n")
    sys.stdout.flush()
    return EXIT_OK


def _config(shard: str | None, *, is_standby: bool) -> Config:
    config = Config.from_environment()
    given: dict[str, object] = {"shard": shard} if shard is not None else {}
    given |= {"standby": True} if is_standby else {}
    return replace(config, producer=ProducerSettings.model_validate(given)) if given else config


async def _until_stopped(application: Application) -> None:
    """Run until done, SIGTERM or SIGINT."""
    work = asyncio.create_task(application.run())
    loop = asyncio.get_running_loop()

    def stop() -> None:
        application.is_stopping = True
        work.cancel()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    try:
        await work
    except asyncio.CancelledError:
        structlog.get_logger(__name__).info("stopped")


def _setting_line(error: ValidationError) -> str:
    """Return which environment variable is wrong, and why."""
    first = error.errors()[0]
    classes = (RunSettings, ExchangeSettings, KafkaSettings, CandleSettings, ProducerSettings)
    prefixes = {kind.__name__: kind.model_config.get("env_prefix", "") for kind in classes}
    name = "_".join(str(part) for part in first["loc"]).upper()
    return f"setting {prefixes.get(error.title, '')}{name}: {first['msg']}"


def _one_line(text: str, code: int) -> int:
    print(f"producers: {' '.join(text.split())}", file=sys.stderr)
    return code


if __name__ == "__main__":
    exit_code = main()
    sys.stderr.flush()
    # Not sys.exit: threads inside the Kafka client that wait for a dead broker would delay the end.
    os._exit(exit_code)

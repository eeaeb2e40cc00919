"""The running exchange: the book, its clock, one port for clients and one for control."""

from __future__ import annotations

import asyncio
import errno
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import structlog
from aiohttp import WSCloseCode, web

from conf.names import HOUR_MS
from conf.standin import StandInSettings
from exchange.bars import HourState
from exchange.book import Book, recorded_book, synthetic_book
from exchange.broadcast import Broadcast
from exchange.capture import Capture, capture_series, read_capture
from exchange.clock import Clock
from exchange.control import ControlApi
from exchange.dumps import DumpFiles
from exchange.errors import StandInError
from exchange.extras import abort_points
from exchange.fault_desk import FaultDesk
from exchange.hub import Hub
from exchange.player import LivePlayer
from exchange.replay import ReplayPlayer
from exchange.rest import RestApi
from exchange.rest_faults import RestFaults
from exchange.scenario import Scenario, read_scenario
from exchange.series import Series
from exchange.sockets import Sockets
from exchange.statuses import Statuses
from exchange.tickers import MiniTickers
from exchange.trade_faults import TradeFaults
from exchange.wire import SHUTDOWN_STREAM, shutdown_event

_log = structlog.get_logger(__name__)

END_REASON = "end of capture"
_STOP_S = 3.0
# What a client is likely to ask for first, made before it asks.
_WARM_HOURS = 24 * 100


class Exchange:
    """A started exchange and its addresses.

    Use `running`; its `rest_url` and `ws_url` are what clients are configured with.
    """

    def __init__(self, settings: StandInSettings, book: Book, capture: Capture | None) -> None:
        """Put the parts together.

        Raises:
            StandInError: if the scenario or a trade to abort at makes no sense.
        """
        self.book = book
        self.clock = Clock(book.live_start_ms, settings.clock_speed, hold=settings.hold)
        injected: Counter[str] = Counter()
        self.broadcast = Broadcast(Hub(), TradeFaults(injected))
        self.sockets = Sockets(self.broadcast.hub, settings)
        self.statuses = Statuses(book.series, self.clock)
        rest_faults = RestFaults(injected, settings.rest_lag_ms)
        self.desk = FaultDesk(
            book, self.clock, self.broadcast, self.sockets, self.statuses, rest_faults, injected
        )
        for symbol, trade_id in abort_points(settings, tuple(book.series)):
            self.desk.cut_after(symbol, trade_id)
        entries = read_scenario(settings.scenario, book.series) if settings.scenario else []
        self._scenario = Scenario(entries, self.desk, self.broadcast.faults)
        self._rest = RestApi(book, self.clock, settings, self.statuses, rest_faults)
        self.rest_url = self.ws_url = self.control_url = ""
        self._settings = settings
        self._capture = capture
        self._runners: list[web.AppRunner] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._is_stopping = False

    async def start(self) -> None:
        """Open both ports and start playing.

        Raises:
            StandInError: if a port is taken.
        """
        client_app, control_app = web.Application(), web.Application()
        self._rest.add_routes(client_app)
        DumpFiles(self.book, self.clock).add_routes(client_app)
        self.sockets.add_routes(client_app)
        control_api = ControlApi(self.book, self.clock, self.broadcast, self.sockets, self.desk)
        control_api.add_routes(control_app)
        port = await self._listen(client_app, self._settings.port, "NEXTHOUR_STANDIN_PORT")
        control = await self._listen(
            control_app, self._settings.control_port, "NEXTHOUR_STANDIN_CONTROL_PORT"
        )
        host = self._settings.host
        self.rest_url, self.ws_url = f"http://{host}:{port}", f"ws://{host}:{port}"
        self.control_url = f"http://{host}:{control}"
        self._tasks = [
            asyncio.create_task(self._play()),
            asyncio.create_task(asyncio.to_thread(self._warm)),
            asyncio.create_task(self._scenario.run(self.clock)),
        ]
        if self._capture is None:
            self._tasks.append(asyncio.create_task(self._mini_tickers().run()))

    async def stop(self) -> None:
        """Announce the end, close every websocket (1001) and both ports."""
        self._is_stopping = True
        for task in self._tasks:
            task.cancel()
        await self.desk.connections.stop()
        self.broadcast.hub.announce(SHUTDOWN_STREAM, shutdown_event(self.clock.now_ms()))
        self.broadcast.hub.flush()
        with suppress(asyncio.TimeoutError):
            async with asyncio.timeout(_STOP_S):
                await self.sockets.close_all(WSCloseCode.GOING_AWAY, "server shutdown")
        for runner in self._runners:
            await runner.cleanup()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def failed(self) -> None:
        """Wait for ever, unless the player fails; raise its error then."""
        await self._tasks[0]
        await asyncio.Event().wait()

    async def _listen(self, app: web.Application, port: int, setting: str) -> int:
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=_STOP_S)
        await runner.setup()
        self._runners.append(runner)
        site = web.TCPSite(runner, self._settings.host, port)
        try:
            await site.start()
        except OSError as error:
            where = f"port {port} on {self._settings.host}"
            if error.errno == errno.EADDRINUSE:
                message = f"{where} is in use; set {setting} to a free one (0 takes any)"
            else:
                message = f"{where} cannot be opened: {error.strerror}; set {setting}"
            raise StandInError(message) from error
        address: tuple[str, int] = runner.addresses[0]
        return address[1]

    async def _play(self) -> None:
        interval_s = self._settings.kline_interval_s
        player: LivePlayer | ReplayPlayer
        if self._capture is None:
            is_listed = self.statuses.is_listed
            player = LivePlayer(self.book, self.clock, self.broadcast, interval_s, is_listed)
        else:
            series = capture_series(self._capture)
            player = ReplayPlayer(self._capture, series, self.clock, self.broadcast, interval_s)
        await player.run()
        await self.sockets.end(END_REASON)

    def _mini_tickers(self) -> MiniTickers:
        return MiniTickers(
            self.book.series,
            self.broadcast.hub,
            self.clock,
            self._settings.ticker_interval_s,
            self.statuses.is_listed,
        )

    def _warm(self) -> None:
        """Make the bars of the recent past, latest first, in a thread of its own."""
        for series in self.book.series.values():
            for hours in range(1, _WARM_HOURS + 1):
                open_ms = self.book.live_start_ms - hours * HOUR_MS
                if self._is_stopping or open_ms < series.first_open_ms:
                    break
                if series.state(open_ms) is not HourState.ABSENT:
                    series.closed_bar(open_ms)


def make_book(settings: StandInSettings) -> tuple[Book, Capture | None]:
    """Return the book that the settings ask for, and the capture if it comes from one.

    Raises:
        StandInError: on an unknown symbol, or a file that cannot be used.
    """
    if settings.capture is not None:
        capture = read_capture(settings.capture)
        if capture.bad_lines:
            _log.warning("lines of the capture passed over", count=capture.bad_lines)
        series: dict[str, Series] = dict(capture_series(capture))
        return Book("capture", series, capture.start_ms), capture
    if settings.history_dir is not None:
        book = recorded_book(settings)
        missing = [symbol for symbol in settings.symbols if symbol not in book.series]
        if missing:
            _log.warning("symbols without a record are not listed", symbols=missing)
        return book, None
    return synthetic_book(settings), None


@asynccontextmanager
async def running(settings: StandInSettings) -> AsyncIterator[Exchange]:
    """Run an exchange inside this process; use port 0 in tests.

    Raises:
        StandInError: if it cannot start; the message says what to change.
    """
    book, capture = make_book(settings)
    exchange = Exchange(settings, book, capture)
    try:
        await exchange.start()
        yield exchange
    finally:
        await exchange.stop()

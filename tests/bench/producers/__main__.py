"""``python -m tests.bench.producers [--seed N]``: exit code 0 if every target is met, 1 if not."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rich.console import Console

from nexthour.reports import Machine, write_report
from tests.bench.producers.latency import measure_latency
from tests.bench.producers.peers import PEERS, measure_peer
from tests.bench.producers.report import ProducerBench, print_report, targets
from tests.bench.producers.stages import measure_stages
from tests.bench.producers.sustained import measure_sustained
from tests.bench.producers.world import exchange_at, running_broker, running_world
from tests.support.own_settings import forget_own_settings

REPORT = Path("var/reports/bench-producers.json")
# The market is livelier in some hours than in others: these give 5,000 trades/s in its first ones,
# between 15,000 and 50,000 over some minutes, and more than any client takes.
STEADY_OFFER, LIVELY_OFFER, FLOOD_OFFER = 8_000, 32_000, 100_000


def main() -> int:
    """Measure, print the table, write the report."""
    options = _options()
    console = Console()
    forget_own_settings()
    with running_broker() as (broker, folder, ports):
        console.print("latency and a burst")
        with running_world(broker, folder, ports, "steady", STEADY_OFFER, options.seed) as world:
            latency, burst, problems = measure_latency(world, options.seconds)
            console.print(
                f"{latency.per_s:,}/s: p99 {latency.p99_ms:.0f} ms; burst {burst.slowest_ms:.0f} ms"
            )
            stages = measure_stages(world)
        console.print(f"sustained, {options.offer:,}/s offered")
        with running_world(broker, folder, ports, "flood", options.offer, options.seed) as world:
            sustained = measure_sustained(world, options.trades, console.print)
        console.print("receive paths of others")
        peers = {}
        for name in PEERS:
            with exchange_at(FLOOD_OFFER, options.seed, folder, ports) as exchange:
                exchange.post("/clock/start")
                peers[name] = measure_peer(name, exchange, 15.0)
    report = ProducerBench(
        meets=targets(sustained, latency, burst),
        seed=options.seed,
        sustained=sustained,
        latency=latency,
        burst=burst,
        stages_us=stages,
        peers_per_s=peers,
        problems=problems,
        machine=Machine.here(),
    )
    write_report(report, REPORT)
    print_report(report, console)
    console.print(str(REPORT))
    return 0 if all(report.meets.values()) and not problems else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.producers", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="of the exchange's trades")
    parser.add_argument("--seconds", type=float, default=60.0, help="of steady latency")
    parser.add_argument("--trades", type=int, default=5_200_000, help="of the sustained run")
    parser.add_argument("--offer", type=int, default=LIVELY_OFFER, help="trades/s on average")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

import gzip
import json

import pytest

from nexthour.capture import count_trades

pytestmark = pytest.mark.unit


def line(stream, **data):
    return json.dumps({"stream": stream, "data": data})


LINES = [
    line("btcusdt@trade", e="trade", s="BTCUSDT", t=7),
    line("btcusdt@trade", e="trade", s="BTCUSDT", t=8),
    line("btcusdt@trade", e="trade", s="BTCUSDT", t=8),
    line("ethusdt@trade", e="trade", s="ETHUSDT", t=8),
    line("btcusdt@bookTicker", u=1, s="BTCUSDT"),
    json.dumps({"stream": "!ticker@arr", "data": [1, 2]}),
    "no json",
    json.dumps([1]),
    "",
]


@pytest.mark.parametrize("zipped", [False, True])
def test_counts_trades_amid_other_streams(tmp_path, zipped):
    content = "\n".join(LINES).encode()
    file = tmp_path / "capture"  # the name says nothing of gzip
    file.write_bytes(gzip.compress(content) if zipped else content)
    count = count_trades(file)
    assert (count.messages, count.trades, count.distinct) == (6, 4, 3)
    assert count.ids == {"BTCUSDT": {7, 8}, "ETHUSDT": {8}}

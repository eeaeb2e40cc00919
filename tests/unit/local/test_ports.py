from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from local.errors import LocalError
from local.ports import CHOICE, HOST, PortClaims, is_free

pytestmark = pytest.mark.unit

CLAIM_MANY = """
from local.ports import PortClaims
ports = PortClaims()
print(*[ports.claim(0, "test") for _ in range(200)], flush=True)
input()
"""


def test_two_processes_that_choose_at_the_same_time_never_meet() -> None:
    """Two checkouts that start together; each claims far more ports than a stack."""
    choosers = [
        subprocess.Popen(
            [sys.executable, "-c", CLAIM_MANY],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[3],
        )
        for _ in range(2)
    ]
    claimed = [chooser.stdout.readline().split() for chooser in choosers if chooser.stdout]
    for chooser in choosers:
        chooser.communicate("\n")
    assert [len(ports) for ports in claimed] == [200, 200]
    assert len({*claimed[0], *claimed[1]}) == 400


def test_a_claimed_port_is_free_below_the_ephemeral_range_and_usable_again() -> None:
    ports = PortClaims()
    port = ports.claim(0, "test")
    assert port in CHOICE
    assert is_free(port)
    with pytest.raises(LocalError, match=rf"^port {port} \(another\) is in use: stop what listens"):
        PortClaims().claim(port, "another")
    ports.release()
    again = PortClaims()
    assert again.claim(port, "another") == port
    again.release()


def test_a_port_that_someone_listens_on_is_refused_by_name() -> None:
    with socket.socket() as server:
        server.bind((HOST, 0))
        server.listen()
        port = server.getsockname()[1]
        assert not is_free(port)
        with pytest.raises(LocalError, match=r"or set NEXTHOUR_X \(0 chooses a free one\)$"):
            PortClaims().claim(port, "test", "NEXTHOUR_X")


def test_one_owner_does_not_get_a_port_twice() -> None:
    ports = PortClaims()
    port = ports.claim(0, "test")
    with pytest.raises(LocalError, match="in use"):
        ports.claim(port, "test")
    ports.release()

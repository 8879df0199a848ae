"""Descriptors run out: nobody is accepted and closed, and all is well after."""

import os
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from faults.crowds import crowd
from integration.daemon import COMMAND, Daemon, until
from integration.wire import stock_frame

pytestmark = pytest.mark.fault

# Runs the daemon with so few descriptors that it can't raise the limit.
LIMITED = """\
import os, resource, sys
limit = int(sys.argv[1])
resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
os.execv(sys.argv[2], sys.argv[2:])
"""


def count_descriptors(daemon: Daemon) -> int:
    return len(list(Path(f"/proc/{daemon.pid}/fd").iterdir()))


@pytest.mark.parametrize("limit", [64, 128, 256])
@pytest.mark.parametrize("count", [300, 1000])
def test_a_crowd_that_comes_at_once(
    start_daemon: Any, loop_name: str, figure: Any, limit: int, count: int
) -> None:
    """Those who find no room wait and are served when others leave."""
    if not os.path.isdir("/proc/self/fd"):
        pytest.skip("how many descriptors a process has is only known by /proc")
    command = (sys.executable, "-c", LIMITED, str(limit), *COMMAND)
    daemon = start_daemon(
        "--loop", loop_name, "--max-connections-per-peer", "10000", command=command
    )
    before = count_descriptors(daemon)
    began = time.monotonic()
    with crowd(daemon.port, "sending", count) as peers:
        daemon.wait_said("no more connections are accepted")
        inside = until(daemon.count, "a record of the crowd")
        # Nobody has left, so nothing more comes in, and nobody is hung up on.
        until(lambda: settled(daemon), "the descriptors not to change")
        most = count_descriptors(daemon)
        assert peers.hung_up_on() == 0
        inside = daemon.count()
        assert inside < count
        left = 0
        while left < count:
            assert peers.hung_up_on() == 0
            peers.leave(20)
            left += 20
            # Each that leaves makes room for one who waits.
            daemon.wait_rows(min(count, inside + left - 20))
            most = max(most, count_descriptors(daemon))
        rows = daemon.wait_rows(count)
    took = time.monotonic() - began

    assert sorted(int(row["message"]) for row in rows) == list(range(count))
    assert most < limit
    said = daemon.stderr.count("no more connections are accepted")
    assert said <= took + 1
    daemon.send(stock_frame("after"))
    assert daemon.wait_rows(count + 1)[-1]["message"] == "after"
    until(lambda: count_descriptors(daemon) <= before, "descriptors given back")
    daemon.stop()
    figure(f"descriptors before, of {limit}", before, "descriptors")
    figure(f"connections at the most, of {limit}", inside, "connections")
    figure(f"descriptors at the most, of {limit}", most, "descriptors")
    figure(f"{count} connections served in turn", took, "s")


def settled(daemon: Daemon) -> bool:
    before = count_descriptors(daemon), daemon.count()
    time.sleep(0.1)
    return before == (count_descriptors(daemon), daemon.count())

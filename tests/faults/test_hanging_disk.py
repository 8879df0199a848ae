"""A disk that does not answer, and a stop."""

import signal
import time
from typing import Any

import pytest
from faults.test_watchdog import delayed_syncs
from integration.daemon import until
from integration.wire import numbered_frames, stock_frame

pytestmark = pytest.mark.fault

# Far below the time for which each sync hangs.
STOP_SECONDS = 20.0


def test_a_stop_does_not_wait_for_it(
    start_daemon: Any, loop_name: str, figure: Any
) -> None:
    """It ends with status 74 and says what is lost; the next start finds all else."""
    daemon = start_daemon("--loop", loop_name, "--stop-timeout-seconds", "1")
    daemon.send(stock_frame("before"))
    daemon.wait_rows(1)
    with delayed_syncs(daemon, 100.0):
        daemon.send(*numbered_frames("app", 500))
        began = time.monotonic()
        daemon.send_signal(signal.SIGTERM)
        daemon.wait_said("does not answer")
        figure("SIGTERM to the end of a stop", time.monotonic() - began, "s")
        assert time.monotonic() - began < STOP_SECONDS
    assert daemon.wait_end() == 74
    assert "Traceback" not in daemon.stderr
    again = start_daemon(database=daemon.database)
    again.send(stock_frame("after"))
    until(lambda: again.rows()[-1]["message"] == "after", "what comes after")
    messages = [row["message"] for row in again.rows()]

    assert messages[0] == "before"
    assert messages[1:-1] in ([], [str(n) for n in range(500)])

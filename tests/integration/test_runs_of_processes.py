"""Real programs, run and run again, are told apart by `logcollector processes`."""

import json
from pathlib import Path

from integration.conftest import RunClient, StartDaemon
from integration.daemon import run_command

# Logs, and forks a worker that logs; each says which process it is.
PROGRAM = """
import logging.handlers, multiprocessing, os

logging.basicConfig(
    level=logging.INFO,
    handlers=[logging.handlers.SocketHandler("127.0.0.1", PORT), Oracle()],
)
log = logging.getLogger("shop.jobs")

def work():
    log.error("worker of %d", os.getppid())

log.info("starting")
worker = multiprocessing.get_context("fork").Process(target=work, name="Worker-1")
worker.start()
worker.join()
log.warning("done")
"""


def test_restarts_and_workers(
    start_daemon: StartDaemon, run_client: RunClient, tmp_path: Path
) -> None:
    """Each run is listed once, with its PID, its start, its worst level and end."""
    daemon = start_daemon()
    told = [run_client(daemon.port, PROGRAM) for _ in range(2)]
    daemon.wait_rows(6)
    done = run_command(
        "processes", "--db", daemon.database, "-o", "json", folder=tmp_path
    )
    listed = json.loads(done.stdout)
    mains = [each for each in listed if each["process"] == "MainProcess"]
    workers = [each for each in listed if each["process"] == "Worker-1"]

    assert len(listed) == 4
    # The newest come first.
    assert [each["pid"] for each in mains] == [
        records[0]["process"] for records in reversed(told)
    ]
    for main, worker, records in zip(mains, workers, reversed(told), strict=True):
        start = records[0]["created"] - records[0]["relativeCreated"] / 1000
        # A forked worker has the clock of its parent.
        assert abs(main["started"] - start) < 0.02
        assert abs(worker["started"] - start) < 0.02
        assert (main["count"], main["worst"]) == (2, "warning")
        assert (worker["count"], worker["worst"]) == (1, "error")
        assert main["last_message"] == "done"
        assert worker["last_message"] == f"worker of {main['pid']}"
    assert mains[0]["started"] != mains[1]["started"]

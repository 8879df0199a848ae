"""Errors of real processes, from their handlers to `logcollector errors`."""

import json
from pathlib import Path

from integration.conftest import RunClient, StartDaemon
from integration.daemon import run_command

PROGRAM = """
import asyncio
root = logging.getLogger("shop")
root.setLevel(logging.INFO)
root.addHandler(logging.handlers.SocketHandler("127.0.0.1", PORT))

def connect(host):
    raise ConnectionError(f"{host} refused the connection")
def work(n):
    try:
        connect(f"db-{n}")
    except OSError as error:
        raise RuntimeError(f"order {n} not stored") from error
async def task(n):
    work(n)
async def tasks(n):
    async with asyncio.TaskGroup() as group:
        for k in range(n):
            group.create_task(task(k))
def walk(n):
    return walk(n + 1)
"""
FAILURES = """
for n in range(3):
    try:
        work(n)
    except RuntimeError:
        root.exception("order %d", n)
for n in (1, 2):
    try:
        asyncio.run(tasks(n))
    except BaseExceptionGroup:
        root.exception("tasks")
try:
    walk(0)
except RecursionError:
    import traceback
    root.error("job failed:\\n%s", traceback.format_exc())
root.info("all else is well")
"""
MOVED = "\n" * 40


def test_errors_of_two_runs(
    start_daemon: StartDaemon, run_client: RunClient, tmp_path: Path
) -> None:
    """A program of which lines have moved raises the same errors again."""
    daemon = start_daemon()
    run_client(daemon.port, PROGRAM, FAILURES)
    run_client(daemon.port, MOVED, PROGRAM, MOVED, FAILURES)
    daemon.wait_rows(14)

    listed = run_command(
        "errors", "-o", "json", "--db", daemon.database, folder=tmp_path
    )

    found = json.loads(listed.stdout)
    assert sorted((each["type"], each["count"]) for each in found) == [
        ("ExceptionGroup", 4),
        ("RecursionError", 2),
        ("RuntimeError", 6),
    ]
    [orders] = [each for each in found if each["type"] == "RuntimeError"]
    assert (orders["message"], orders["function"]) == ("order 2 not stored", "work")
    assert "ConnectionError: db-2 refused" in orders["example"]

    shown = run_command(
        "errors", "show", orders["id"], "--db", daemon.database, folder=tmp_path
    )

    assert "| ConnectionError: db-2 refused the connection" in shown.stdout
    assert shown.stdout.endswith("    | RuntimeError: order 2 not stored\n")

"""Restarts under stock clients, with a supervisor that holds the listening socket."""

import socket
import sqlite3
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
from faults.stock_client import StockClient
from integration.daemon import COMMAND, until
from integration.test_socket_activation import LAUNCHER

pytestmark = pytest.mark.fault

Figure = Callable[[str, float, str], None]

RESTARTS = 5
RATE = 1_000
SENDERS = 3

# What a stock client writes into a connection before it learns of its end.
MOST_LOST = 5

# Stock clients lose a record that waits longer for its connection.
LONGEST_CALL_SECONDS = 1.0


def newest(database: Path) -> list[int]:
    """Return the newest number of each sender, -1 for one without any."""
    found = []
    with closing(sqlite3.connect(database, timeout=10)) as reader:
        for sender in range(SENDERS):
            (number,) = reader.execute(
                "SELECT max(CAST(message AS INTEGER)) FROM logs WHERE name = ?",
                [f"sender{sender}.0"],
            ).fetchone()
            found.append(-1 if number is None else int(number))
    return found


def wait_newer(database: Path, number: int) -> None:
    """Wait until each sender has a record after that number."""
    until(lambda: min(newest(database)) > number, f"records after {number}")


def stored(database: Path, sender: int) -> list[int]:
    with closing(sqlite3.connect(database)) as reader:
        rows = reader.execute(
            "SELECT CAST(message AS INTEGER) FROM logs WHERE name = ? ORDER BY id",
            [f"sender{sender}.0"],
        )
        return [number for (number,) in rows]


def test_restarts_under_stock_clients(
    start_daemon: Any, loop_name: str, tmp_path: Path, figure: Figure
) -> None:
    """A restart costs each stock client at most five records, which are its own."""
    database = tmp_path / "logs.sqlite"
    with socket.create_server(("127.0.0.1", 0)) as listener, ExitStack() as stack:
        number = listener.fileno()

        def start() -> Any:
            launcher = (*COMMAND[:1], "-c", LAUNCHER, str(number))
            return start_daemon(
                *("--loop", loop_name),
                database=database,
                command=[*launcher, *COMMAND],
                pass_fds=[number],
            )

        daemon = start()
        port = listener.getsockname()[1]
        clients = [
            stack.enter_context(StockClient(port, name=f"sender{n}", rate=RATE))
            for n in range(SENDERS)
        ]
        # After each start the numbers below these are settled.
        marks = [[0] * SENDERS]
        longest_gap = 0.0
        for _ in range(RESTARTS):
            wait_newer(database, min(marks[-1]) + RATE // 2)
            began = time.monotonic()
            daemon.stop()
            daemon = start()
            longest_gap = max(longest_gap, time.monotonic() - began)
            wait_newer(database, max(newest(database)) + RATE // 10)
            marks.append(newest(database))
        told = [client.stop() for client in clients]
        until(
            lambda: newest(database) == [one["logged"] - 1 for one in told],
            "the last records",
        )
        daemon.stop()

    lost = []
    for sender in range(SENDERS):
        numbers = stored(database, sender)
        assert numbers == sorted(set(numbers)), "each once, in order"
        missing = set(range(told[sender]["logged"])).difference(numbers)
        for restart in range(RESTARTS):
            low, high = marks[restart][sender], marks[restart + 1][sender]
            lost.append(sum(low <= number < high for number in missing))
        assert sum(lost[-RESTARTS:]) == len(missing), "nothing is lost between restarts"
    longest_call = max(one["longest_call_seconds"] for one in told)
    figure(f"most records lost by a sender at a restart ({loop_name})", max(lost), "")
    figure(
        f"records lost on average by a sender at a restart ({loop_name})",
        sum(lost) / len(lost),
        "",
    )
    figure(f"longest stop and start ({loop_name})", longest_gap, "s")
    figure(f"longest call of a stock client ({loop_name})", longest_call, "s")
    print(
        "LOST",
        lost,
        [
            dict(r)
            for r in daemon.rows(
                "SELECT reason, detail, count(*) FROM rejects GROUP BY 1,2"
            )
        ],
    )
    assert max(lost) <= MOST_LOST, lost
    assert longest_call < LONGEST_CALL_SECONDS

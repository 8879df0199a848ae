"""The clients, each a process of its own.

    python sender.py burst PORT FRAMES START END
    python sender.py paced PORT RATE SECONDS

Both connect, print `ready`, wait for a line on stdin, send, close and end.
`burst` sends the bytes START to END of a file of frames as fast as they are
taken. `paced` is a stock logger with a stock SocketHandler that logs at a
steady rate, each record made when it is due.
"""

from __future__ import annotations

import logging
import socket
import sys
import time
from logging.handlers import SocketHandler
from pathlib import Path

HOST = "127.0.0.1"
CHUNK = 64 * 1024
SEND_TIMEOUT_SECONDS = 120


def wait_for_go() -> None:
    """Say that all is prepared, and return when told to go."""
    print("ready", flush=True)
    if not sys.stdin.readline():
        raise SystemExit("the benchmark is gone")


def burst(port: int, path: Path, start: int, end: int) -> None:
    """Send a part of a file of frames over one connection."""
    with path.open("rb") as file:
        file.seek(start)
        data = memoryview(file.read(end - start))
    with socket.create_connection((HOST, port), timeout=SEND_TIMEOUT_SECONDS) as peer:
        wait_for_go()
        for position in range(0, len(data), CHUNK):
            peer.sendall(data[position : position + CHUNK])


def paced(port: int, rate: float, seconds: float) -> None:
    """Log at a steady rate as any application would."""
    handler = SocketHandler(HOST, port)
    handler.createSocket()
    logger = logging.getLogger("shop.paced")
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    logger.addHandler(handler)
    wait_for_go()
    begin = time.perf_counter()
    for number in range(round(rate * seconds)):
        early = begin + number / rate - time.perf_counter()
        if early > 0:
            time.sleep(early)
        logger.info("reading number %d taken, the sensor sounds well", number)
    handler.close()


def main(arguments: list[str]) -> None:
    """Run one of the two."""
    match arguments:
        case ["burst", port, path, start, end]:
            burst(int(port), Path(path), int(start), int(end))
        case ["paced", port, rate, seconds]:
            paced(int(port), float(rate), float(seconds))
        case _:
            raise SystemExit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])

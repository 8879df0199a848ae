"""A stock client in a process of its own, which logs at a steady rate.

    python stock_client.py PORT NAME RATE

It logs numbers, from 0, to the logger NAME.0 until its stdin is closed, then
tells as JSON how many it logged and the longest that one call took, in seconds.
"""

import json
import logging
import logging.handlers
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

PATIENCE_SECONDS = 30.0


class StockClient:
    """Runs this file with plain Python, from the beginning of a block to `stop`."""

    def __init__(self, port: int, *, name: str, rate: float) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", str(Path(__file__)), str(port), name, str(rate)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process.returncode is None:
            self._process.kill()
            self._process.communicate()

    def stop(self) -> dict[str, Any]:
        """Let it end; return its `logged` and `longest_call_seconds`."""
        told, _ = self._process.communicate(timeout=PATIENCE_SECONDS)
        result: dict[str, Any] = json.loads(told)
        return result


def run(port: int, name: str, rate: float) -> dict[str, float]:
    """Log until stdin ends."""
    logging.raiseExceptions = False
    logger = logging.getLogger(f"{name}.0")
    logger.setLevel(logging.INFO)
    logger.propagate = False
    handler = logging.handlers.SocketHandler("127.0.0.1", port)
    logger.addHandler(handler)
    stopping = threading.Event()

    def wait_for_end() -> None:
        sys.stdin.read()
        stopping.set()

    threading.Thread(target=wait_for_end, daemon=True).start()
    logged, longest, begin = 0, 0.0, time.monotonic()
    while not stopping.is_set():
        early = begin + logged / rate - time.monotonic()
        if early > 0:
            time.sleep(early)
        called = time.monotonic()
        logger.info("%d", logged)
        longest = max(longest, time.monotonic() - called)
        logged += 1
    handler.close()
    return {"logged": logged, "longest_call_seconds": longest}


if __name__ == "__main__":
    print(json.dumps(run(int(sys.argv[1]), sys.argv[2], float(sys.argv[3]))))

"""Health: whether the daemon is well, in a form for probes."""

from __future__ import annotations

from typing import Any, Final

from collector.status import Status

HEALTHY: Final = 200
UNHEALTHY: Final = 503


def health(status: Status) -> tuple[int, dict[str, Any]]:
    """Return the HTTP status and the document that tell how it is.

    {"status": "ready"}, or with 503 {"status": "problems", "problems": [{"name",
    "text"}, ...]}, and "starting" or "stopping" as status.
    """
    if status.is_well:
        return HEALTHY, {"status": "ready"}
    problems = [{"name": p.name, "text": p.text} for p in status.problems]
    return UNHEALTHY, {"status": status.state, "problems": problems}

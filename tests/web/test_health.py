"""What probes are told."""

import pytest

from collector.status import Problem, Status
from collector.web.health import health

FULL = Problem("disk_full", "no room")


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (Status(state="ready"), (200, {"status": "ready"})),
        (
            Status(state="problems", problems=(FULL,)),
            (
                503,
                {
                    "status": "problems",
                    "problems": [{"name": "disk_full", "text": "no room"}],
                },
            ),
        ),
        (Status(), (503, {"status": "starting", "problems": []})),
        (Status(state="stopping"), (503, {"status": "stopping", "problems": []})),
    ],
)
def test_health(status, expected):
    """It is well when it takes records and has no problem; else it says why not."""
    assert health(status) == expected

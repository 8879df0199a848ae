"""How a daemon does, in words."""

import pytest

from collector.status import Distribution, Problem, Status, status_line, summary

STALLED = Problem("writer_stalled", "the database cannot be written")


def test_a_line_of_a_daemon_that_has_nothing_to_do():
    """Without trouble the line is short."""
    assert status_line(Status()) == "starting"
    assert status_line(Status(state="ready")) == "0 connections, 0 received"
    assert (
        status_line(Status(state="ready", database="/a", connections=2))
        == "2 connections, 0 received, 0 stored"
    )


def test_a_line_of_a_daemon_in_trouble():
    """All that was lost or waits is told, and what is the matter."""
    status = Status(
        state="ready",
        problems=(STALLED,),
        connections=1,
        received_total=100,
        recovered_total=9,
        rejected_total={"a": 1, "b": 2},
        shed_total={"spool_full": 4},
        waiting_records=5,
        spool_records=6,
        database="/a",
        stored_total=80,
        refused_by_sqlite_total=7,
        lines_dropped_total=8,
        connections_refused_total={"limit": 10},
        dangerous_names_total={"10.0.0.1": 11},
    )

    assert status_line(status) == (
        "1 connection, 100 received, 80 stored, 9 recovered from the spool, "
        "5 waiting, 3 rejected, 4 shed, 7 refused, "
        "8 lines dropped, 10 connections refused, 11 dangerous names in pickles, "
        "6 in the spool, the database cannot be written"
    )


@pytest.mark.parametrize(
    ("state", "problems", "expected"),
    [
        ("ready", (), True),
        ("ready", (STALLED,), False),
        ("starting", (), False),
        ("stopping", (), False),
    ],
)
def test_when_it_is_well(state, problems, expected):
    """It is well when it takes records and nothing is the matter."""
    assert Status(state=state, problems=problems).is_well is expected


def test_a_summary_of_nothing():
    """When nothing came and nothing is the matter, nothing is said."""
    before = Status(state="ready", received_total=5, stored_total=5, uptime_seconds=1)
    after = Status(state="ready", received_total=5, stored_total=5, uptime_seconds=61)

    assert summary(before, after) == ""


def test_a_summary():
    """What came and what was lost since the time before, by reason."""
    before = Status(
        uptime_seconds=10,
        received_total=100,
        rejected_total={"a": 1},
        shed_total={"spool_full": 2},
        stored_total=90,
    )
    after = Status(
        uptime_seconds=70,
        received_total=700,
        rejected_total={"a": 1, "b": 2, "c": 1},
        shed_total={"spool_full": 5},
        stored_total=680,
        spilled_total=20,
        refused_by_sqlite_total=1,
        lines_dropped_total=7,
        connections_refused_total={"limit": 3},
        waiting_records=4,
        spool_records=5,
        problems=(STALLED,),
    )

    assert summary(before, after) == (
        "in 60 s: 600 received (10.0/s), 590 stored, 20 spilled, 1 refused by SQLite, "
        "7 lines dropped, 3 rejected (b 2, c 1), 3 shed (spool_full 3), "
        "3 connections refused (limit 3), the database cannot be written, "
        "4 waiting, 5 in the spool"
    )


@pytest.mark.parametrize(
    "after",
    [
        Status(received_total=1),
        Status(stored_total=1),
        Status(rejected_total={"a": 1}),
        Status(shed_total={"a": 1}),
        Status(lines_dropped_total=1),
        Status(problems=(STALLED,)),
    ],
)
def test_each_alone_is_worth_a_summary(after):
    """Whatever happened is said, also when no record came, and in no time."""
    assert summary(Status(), after).startswith("in 0 s: ")


def test_a_summary_of_many_peers():
    """A line names the worst few, and counts all."""
    after = Status(dangerous_names_total={f"10.0.0.{n}": n for n in range(1, 1000)})

    assert summary(Status(), after).endswith(
        " 499500 dangerous names in pickles (10.0.0.999 999, 10.0.0.998 998, "
        "10.0.0.997 997, 10.0.0.996 996, 10.0.0.995 995, ...)"
    )


def test_how_many_durations():
    """A distribution knows its total."""
    assert Distribution((1.0, 2.0), (3, 4, 5), 6.0).total == 12
    assert Distribution().total == 0

"""A record that SQLite refuses becomes a reject; its batch is stored."""

import json
import sqlite3
from contextlib import closing
from typing import Any

from integration.daemon import Daemon
from integration.wire import framed, numbered_frames, stock_frame

TRIGGER = """
CREATE TRIGGER refuse BEFORE INSERT ON records WHEN new.message LIKE 'poison%'
BEGIN SELECT RAISE(ABORT, 'refused for a test'); END
"""


def poison(daemon: Daemon) -> None:
    with closing(sqlite3.connect(daemon.database, timeout=10)) as other:
        other.execute(TRIGGER)


def test_one_culprit(start_daemon: Any, loop_name: str) -> None:
    """Of a batch of a thousand, only the culprit is missing, and kept as a reject."""
    daemon = start_daemon("--loop", loop_name)
    poison(daemon)
    daemon.send(
        *numbered_frames("app", 700),
        stock_frame("poison", name="bad", order=7),
        *numbered_frames("app", 300, 700),
    )

    rows = daemon.wait_rows(1_000)
    (reject,) = daemon.wait_rows(1, "rejects")
    daemon.stop()

    assert [row["message"] for row in rows] == [str(n) for n in range(1_000)]
    assert reject["reason"] == "refused_by_sqlite"
    assert reject["detail"] == "refused for a test"
    document = json.loads(reject["payload"])
    assert (document["message"], document["name"]) == ("poison", "bad")
    assert "refused by SQLite" in daemon.stderr


def test_several_culprits(start_daemon: Any) -> None:
    """Each of several culprits in a batch is found, and nothing else is lost."""
    daemon = start_daemon()
    poison(daemon)
    frames = numbered_frames("app", 200)
    for place in (0, 1, 77, 150, 204):
        frames.insert(place, stock_frame(f"poison {place}"))
    daemon.send(*frames)

    rows = daemon.wait_rows(200)
    rejects = daemon.wait_rows(5, "rejects")

    assert [row["message"] for row in rows] == [str(n) for n in range(200)]
    assert len(rejects) == 5


def test_a_refused_record_can_be_sent_again(start_daemon: Any) -> None:
    """The payload of its reject is a document that the collector takes."""
    daemon = start_daemon()
    poison(daemon)
    daemon.send(stock_frame("poison", name="bad", order={"id": 7}, levelno=40))
    (reject,) = daemon.wait_rows(1, "rejects")
    with closing(sqlite3.connect(daemon.database, timeout=10)) as other:
        other.execute("DROP TRIGGER refuse")

    daemon.send(framed(reject["payload"]))

    (row,) = daemon.wait_rows(1)
    assert (row["message"], row["name"], row["levelno"]) == ("poison", "bad", 40)
    assert row["lineno"] == 7
    assert row["funcName"] == "main"
    assert json.loads(row["extra"]) == {"order": {"id": 7}}


def test_rejects_beside_a_culprit(start_daemon: Any) -> None:
    """Bad frames in the same batch as a culprit are kept, too."""
    daemon = start_daemon()
    poison(daemon)
    daemon.send(
        framed(b"{bad"), stock_frame("poison"), framed(b"{worse"), stock_frame("good")
    )

    daemon.wait_rows(1)
    rejects = daemon.wait_rows(3, "rejects")

    assert sorted(row["reason"] for row in rejects) == [
        "malformed_json",
        "malformed_json",
        "refused_by_sqlite",
    ]

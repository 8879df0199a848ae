"""A database that another program holds: records wait, in bounded memory."""

import re
import socket
from typing import Any

from integration.daemon import until
from integration.wire import numbered_frames, stock_frame

NO_SPOOL = ("--spool-max-bytes", "0")


def test_nothing_is_lost(start_daemon: Any, loop_name: str) -> None:
    """While the lock is held records wait; then all are stored, in order."""
    daemon = start_daemon("--loop", loop_name)
    daemon.send(stock_frame("before"))
    daemon.wait_rows(1)
    with daemon.locked() as holder:
        for start in range(0, 1_000, 100):
            daemon.send(*numbered_frames("app", 100, start))
        daemon.wait_said("cannot write")
        assert daemon.count() == 1
        holder.rollback()
    rows = daemon.wait_rows(1_001)
    daemon.wait_said("writing again")

    assert [row["message"] for row in rows[1:]] == [str(n) for n in range(1_000)]
    assert daemon.stderr.count("cannot write") == 1
    assert daemon.stderr.count("writing again") == 1


def test_a_short_lock_is_not_worth_a_word(start_daemon: Any) -> None:
    """A lock held for less than half a second goes unnoticed."""
    daemon = start_daemon()
    with daemon.locked() as holder:
        daemon.send(stock_frame("waits"))
        holder.rollback()
    daemon.wait_rows(1)
    daemon.stop()

    assert "cannot write" not in daemon.stderr


def test_memory_is_bounded(start_daemon: Any, loop_name: str) -> None:
    """Without a spool the newest records are shed beyond a bound; intake goes on."""
    daemon = start_daemon("--loop", loop_name, "--queue-high-records", "100", *NO_SPOOL)
    with daemon.locked() as holder:
        with daemon.connect() as client:
            client.sendall(b"".join(numbered_frames("app", 50)))
            daemon.wait_said("cannot write")
            client.sendall(b"".join(numbered_frames("app", 950, 50)))
            # It was never made to wait: all of it has been read.
            client.shutdown(socket.SHUT_WR)
            assert client.recv(1) == b""
        daemon.wait_said("records are shed")
        with daemon.connect() as client:
            client.sendall(stock_frame("too late"))
            client.shutdown(socket.SHUT_WR)
            assert client.recv(1) == b""
        holder.rollback()
    daemon.wait_said("writing again")
    until(lambda: daemon.count() >= 100, "the records that had room")
    daemon.send(stock_frame("room again"))
    until(lambda: daemon.rows()[-1]["message"] == "room again", "the newest record")

    stored = [row["message"] for row in daemon.rows("SELECT message FROM logs")]
    assert stored[:100] == [str(n) for n in range(100)]
    assert "901 records were shed" in stored[100]
    assert stored[101:] == ["room again"]
    assert daemon.stderr.count("records are shed") == 1


def test_how_many_were_shed_is_said(start_daemon: Any) -> None:
    """Once there is room again, the messages tell how many records were lost."""
    daemon = start_daemon("--queue-high-records", "100", *NO_SPOOL)
    with daemon.locked() as holder:
        daemon.send(*numbered_frames("app", 50))
        daemon.wait_said("cannot write")
        daemon.send(*numbered_frames("app", 150, 50))
        daemon.wait_said("records are shed")
        holder.rollback()
    daemon.wait_rows(100)
    daemon.send(stock_frame("after"))
    daemon.wait_rows(102)
    daemon.stop()

    assert re.search(r"\b100 (records )?were shed", daemon.stderr), daemon.stderr


def test_bytes_are_bounded(start_daemon: Any) -> None:
    """queue_high_bytes bounds memory where few records are large."""
    daemon = start_daemon("--queue-high-bytes", "1000000", *NO_SPOOL)
    with daemon.locked() as holder:
        daemon.send(stock_frame("x" * 10))
        daemon.wait_said("cannot write")
        for n in range(20):
            daemon.send(stock_frame(f"{n} " + "x" * 200_000))
        daemon.wait_said("records are shed")
        holder.rollback()
    daemon.wait_said("writing again")
    daemon.send(stock_frame("end"))
    until(lambda: daemon.rows()[-1]["message"] == "end", "the newest record")

    assert 7 <= daemon.count() <= 9


def test_what_memory_can_not_hold_goes_to_the_spool(
    start_daemon: Any, loop_name: str
) -> None:
    """Beyond the bound records wait on disk, and are stored after, in order."""
    daemon = start_daemon("--loop", loop_name, "--queue-high-records", "100")
    spool = daemon.database.parent / "logs.sqlite-spool"
    with daemon.locked() as holder:
        daemon.send(*numbered_frames("app", 3_000))
        until(lambda: list(spool.glob("*.frames")), "a segment")
        holder.rollback()
    rows = daemon.wait_rows(3_000)
    daemon.send(stock_frame("after"))
    daemon.wait_rows(3_001)
    daemon.stop()

    assert [row["message"] for row in rows] == [str(n) for n in range(3_000)]
    assert "shed" not in daemon.stderr
    assert not spool.exists()


def test_a_reader_does_not_lock(start_daemon: Any) -> None:
    """A long read by another program holds up nothing."""
    daemon = start_daemon()
    daemon.send(stock_frame("one"))
    daemon.wait_rows(1)
    with daemon.locked() as reader:
        reader.rollback()
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM logs").fetchone() == (1,)
        daemon.send(*numbered_frames("app", 500))
        daemon.wait_rows(501)
        # It still sees its snapshot.
        assert reader.execute("SELECT count(*) FROM logs").fetchone() == (1,)
        reader.rollback()
    daemon.stop()

    assert "cannot write" not in daemon.stderr


def test_write_ahead_log(start_daemon: Any) -> None:
    """The file is in WAL mode, and a stop leaves one file alone."""
    daemon = start_daemon()
    daemon.send(stock_frame("one"))
    daemon.wait_rows(1)

    (mode,) = daemon.rows("PRAGMA journal_mode")
    daemon.stop()

    assert mode[0] == "wal"
    assert [path.name for path in daemon.database.parent.glob("logs.sqlite*")] == [
        "logs.sqlite"
    ]

"""Rates of peers: what is over them is shed and counted, and nobody is held up."""

import re
import signal
import socket
import time
from pathlib import Path
from typing import Any

from integration.daemon import until
from integration.wire import numbered_frames, stock_frame


def test_too_many_records(start_daemon: Any, loop_name: str) -> None:
    """Of an address's connections together so many pass; the rest is shed, unread."""
    daemon = start_daemon("--loop", loop_name, "--max-records-per-second", "100")
    began = time.monotonic()
    with daemon.connect() as one, daemon.connect() as two:
        for start in range(0, 2_000, 100):
            one.sendall(b"".join(numbered_frames("one", 100, start)))
            two.sendall(b"".join(numbered_frames("two", 100, start)))
    daemon.wait_said("shed")
    until(lambda: daemon.count() >= 100, "a second's worth")
    # Another address is not concerned, and tells when all has been taken.
    with socket.create_connection(
        ("127.0.0.1", daemon.port), 5, source_address=("127.0.0.2", 0)
    ) as other:
        other.sendall(b"".join(numbered_frames("other", 100)))
    until(
        lambda: len(daemon.rows("SELECT 1 FROM logs WHERE name = 'other'")) == 100,
        "all of the other address",
    )
    daemon.stop()
    took = time.monotonic() - began

    assert daemon.count("rejects") == 0
    kept = daemon.rows("SELECT * FROM logs WHERE name != 'other'")
    assert 100 <= len(kept) <= 100 + 100 * took
    assert "max_records_per_second" in daemon.stderr
    assert re.search(r"\d+ of 127\.0\.0\.1$", daemon.stderr, re.MULTILINE)
    # What is shed is told at the end, too.
    assert f"{4_000 - len(kept)} records were shed since the start" in daemon.stderr


def test_too_many_bytes(start_daemon: Any, loop_name: str) -> None:
    """Frames over the rate in bytes are shed, also those too large for a buffer."""
    daemon = start_daemon("--loop", loop_name, "--max-bytes-per-second", "1000000")
    with daemon.connect() as client:
        client.sendall(stock_frame("x" * 2_000_000))
        client.sendall(stock_frame("y" * 2_000_000) + stock_frame("small"))
        daemon.wait_said("shed")
    daemon.stop()

    (row,) = daemon.rows()
    assert row["message"].startswith("xxx")
    assert "2 records were shed since the start" in daemon.stderr


def test_a_reload_changes_rates(
    start_daemon: Any, loop_name: str, tmp_path: Path
) -> None:
    """New rates hold for connections that are open."""
    settings = tmp_path / "settings.toml"
    settings.write_text("max_records_per_second = 1\n")
    daemon = start_daemon("--loop", loop_name, "--config", str(settings))
    with daemon.connect() as client:
        client.sendall(b"".join(numbered_frames("slow", 50)))
        daemon.wait_said("shed")
        settings.write_text("")
        daemon.send_signal(signal.SIGHUP)
        daemon.wait_said("settings reloaded")
        before = daemon.count()
        client.sendall(b"".join(numbered_frames("quick", 50)))
        daemon.wait_rows(before + 50)
        settings.write_text("max_records_per_second = 1\n")
        daemon.send_signal(signal.SIGHUP)
        daemon.wait_said("settings reloaded", 2)
        client.sendall(b"".join(numbered_frames("again", 50)))
    daemon.stop()

    quick = daemon.rows("SELECT * FROM logs WHERE name = 'quick'")
    again = daemon.rows("SELECT * FROM logs WHERE name = 'again'")
    assert len(quick) == 50
    assert 1 <= len(again) < 50

"""Importing into a database that its daemon writes to, and exporting from it."""

import json
import subprocess
from pathlib import Path
from typing import Any

import msgspec
from integration.daemon import (
    COMMAND,
    PATIENCE_SECONDS,
    environment,
    run_command,
    until,
)
from integration.wire import numbered_frames

BEGUN = 1_700_000_000.0


def lines(path: Path, count: int) -> Path:
    """Write JSON lines of records."""
    with path.open("wb") as file:
        for number in range(count):
            record = {"msg": f"old {number}", "created": BEGUN + number, "name": "app"}
            file.write(msgspec.json.encode(record) + b"\n")
    return path


def test_importing_beside_a_busy_daemon(start_daemon: Any, tmp_path: Path) -> None:
    """Both write, and nothing of either is lost or there twice."""
    file = lines(tmp_path / "old.jsonl", 6_000)
    daemon = start_daemon()
    with subprocess.Popen(
        [*COMMAND, "import", str(file), "--db", str(daemon.database)],
        env=environment(),
        stderr=subprocess.PIPE,
    ) as importing:
        sent = 0
        until(lambda: daemon.count("imports"), "the first imported records")
        while importing.poll() is None:
            daemon.send(*numbered_frames("live", 10, sent))
            sent += 10
            until(
                lambda sent=sent: _live(daemon) >= sent or importing.poll() is not None,
                "what was sent",
            )
        assert importing.wait(PATIENCE_SECONDS) == 0
    until(lambda: _live(daemon) == sent, "all that was sent")
    again = run_command("import", file, "--db", daemon.database, folder=tmp_path)
    daemon.stop()

    assert sent
    assert "0 imported, 6,000 already there" in again.stderr
    assert daemon.count() == 6_000 + sent
    noted = [
        (row["first_id"], row["last_id"])
        for row in daemon.rows("SELECT * FROM imports")
    ]
    ids = {number for first, last in noted for number in range(first, last + 1)}
    old = daemon.rows("SELECT id FROM logs WHERE name = 'app'")
    assert ids == {row["id"] for row in old}


def _live(daemon: Any) -> int:
    [(count,)] = daemon.rows("SELECT count(*) FROM logs WHERE name = 'live'")
    return int(count)


def test_a_pipe_moves_records_from_one_to_another(
    start_daemon: Any, tmp_path: Path
) -> None:
    """What a daemon stores can be piped into another database while it runs."""
    daemon = start_daemon()
    daemon.send(*numbered_frames("app", 50))
    daemon.wait_rows(50)
    exported = run_command("export", "--db", daemon.database, folder=tmp_path)
    other = tmp_path / "other.sqlite"
    done = run_command(
        *("import", "-", "--db", other),
        folder=tmp_path,
        stdin=exported.stdout.encode(),
    )
    found = run_command("export", "--db", other, folder=tmp_path)

    assert (done.returncode, done.stdout) == (0, "")
    assert "50 imported" in done.stderr
    assert found.stdout == exported.stdout
    assert len(exported.stdout.splitlines()) == 50
    assert json.loads(exported.stdout.splitlines()[0])["name"] == "app"

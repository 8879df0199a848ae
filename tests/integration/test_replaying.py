"""`logcollector replay`: what one daemon has stored, sent to another receiver."""

from pathlib import Path
from typing import Any

import pytest
from certificates import Authority, tls_flags
from integration.daemon import Daemon, run_command
from integration.wire import framed, numbered_frames, pickled_frame, stock_frame
from store.stored import new_stored

STARTED = "SELECT started FROM origins ORDER BY started"

# What the receiver says itself, and ids.
ITS_OWN = {"id", "peer", "received"}

ODD_FRAMES = [
    stock_frame("plain"),
    stock_frame(
        "grün\n☃ \x1b[31m %s %d", exc_text="Traceback\n  OSError", stack_info="Stack"
    ),
    stock_frame("extra", user={"id": 42, "tags": ["a", None, True, 1.5]}, big=1 << 70),
    stock_frame("odd names", levelno=35, levelname="NOTICE", taskName="Task-1"),
    stock_frame("from elsewhere", hostname="db7", host="other", thread=None),
    stock_frame("repaired", created="never", process="12", name="n" * 1000),
    framed(b'{"msg": "json", "user.id": 1, "_underscore": {}, "getmessage": 0}'),
    framed(b'{"msg": "time", "created": 12.5, "relativeCreated": 2500}'),
    pickled_frame({"msg": "nearly nothing"}),
]


def rows_of(daemon: Daemon) -> list[dict[str, Any]]:
    return [
        {key: value for key, value in dict(row).items() if key not in ITS_OWN}
        for row in daemon.rows()
    ]


@pytest.fixture
def two_daemons(start_daemon: Any, tmp_path: Path) -> tuple[Daemon, Daemon]:
    return start_daemon(), start_daemon(database=tmp_path / "second.sqlite")


def test_every_attribute_comes_as_it_was(
    two_daemons: tuple[Daemon, Daemon], tmp_path: Path
) -> None:
    """A second daemon stores the same rows, but for ids and its own two columns."""
    first, second = two_daemons
    first.send(*ODD_FRAMES)
    first.wait_rows(len(ODD_FRAMES))

    done = run_command(
        *("replay", "--db", first.database, "--to", f"127.0.0.1:{second.port}"),
        folder=tmp_path,
    )

    assert (done.returncode, done.stdout) == (0, "")
    assert "9 records sent" in done.stderr
    second.wait_rows(len(ODD_FRAMES))
    assert rows_of(second) == rows_of(first)
    assert second.count("rejects") == 0
    assert [*map(tuple, second.rows(STARTED))] == [*map(tuple, first.rows(STARTED))]


def test_into_its_own_database(start_daemon: Any, tmp_path: Path) -> None:
    """What comes to be stored meanwhile is not sent: it ends, with all twice."""
    daemon = start_daemon()
    daemon.send(*numbered_frames("a", 2000))
    daemon.wait_rows(2000)

    done = run_command(
        *("replay", "--db", daemon.database, "--to", f"127.0.0.1:{daemon.port}"),
        folder=tmp_path,
    )

    assert done.returncode == 0, done.stderr
    assert len(daemon.wait_rows(4000)) == 4000


def test_over_tls_with_certificates(
    start_daemon: Any, make_record: Any, tmp_path: Path
) -> None:
    """A certificate of one's own is shown to who asks for one; without, it is told."""
    authority = Authority(tmp_path)
    server = authority.issue("server", "127.0.0.1")
    cert, key = authority.issue("me", "me.example.org")
    database = tmp_path / "first.sqlite"
    with new_stored(database) as first:
        first.add(*[make_record(f"message {n}") for n in range(10)])
    second = start_daemon(*tls_flags(server, tls_client_ca=authority.ca))
    to = ("replay", "--db", database, "--to", f"127.0.0.1:{second.port}")

    plain = run_command(*to, folder=tmp_path)
    strangers = [
        run_command(*to, "--tls-ca", authority.ca, "-n", n, folder=tmp_path)
        for n in (1, 5)
    ]
    with_tls = run_command(
        *(*to, "--tls-ca", authority.ca, "--tls-cert", cert, "--tls-key", key),
        folder=tmp_path,
    )

    assert plain.returncode == 69
    assert "it may want TLS (--tls-ca)" in plain.stderr
    assert "go on with --after 0" in plain.stderr
    for stranger in strangers:
        assert stranger.returncode == 69, stranger.stderr
        assert stranger.stderr.startswith("0 records sent")
        assert "it may want a certificate" in stranger.stderr
    assert with_tls.returncode == 0, with_tls.stderr
    assert len(second.wait_rows(10)) == 10

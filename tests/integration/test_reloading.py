"""SIGHUP: settings are read again, files reopened, mistakes change nothing."""

import signal
from pathlib import Path
from typing import Any

import pytest
from integration.daemon import Daemon
from integration.wire import framed, stock_frame


class Reloadable:
    """A daemon with a settings file."""

    def __init__(self, start_daemon: Any, folder: Path, **options: Any) -> None:
        self.file = folder / "config.toml"
        self.file.write_text("")
        self.daemon: Daemon = start_daemon("--config", str(self.file), **options)
        self.reloads = 0

    def reload(self, toml: str) -> None:
        """Change the file, and wait until the change is in force."""
        self.file.write_text(toml)
        self.reloads += 1
        self.daemon.send_signal(signal.SIGHUP)
        self.daemon.wait_said("settings reloaded", self.reloads)


@pytest.fixture
def reloadable(start_daemon: Any, tmp_path: Path) -> Reloadable:
    return Reloadable(start_daemon, tmp_path)


def test_a_limit_changes(reloadable: Reloadable) -> None:
    """A new max_frame_bytes holds for the connections that follow."""
    daemon = reloadable.daemon
    daemon.send(stock_frame("x" * 2_000))
    daemon.wait_rows(1)

    reloadable.reload("max_frame_bytes = 1000")
    daemon.send(stock_frame("x" * 2_000))
    (reject,) = daemon.wait_rows(1, "rejects")
    daemon.send(stock_frame("short"))
    daemon.wait_rows(2)

    assert "over the limit of 1000" in reject["detail"]


def test_emission_changes(start_daemon: Any, tmp_path: Path) -> None:
    """A new emit_level, format and logname hold for the lines that follow."""
    reloadable = Reloadable(start_daemon, tmp_path, emit="stdout")
    daemon = reloadable.daemon
    reloadable.reload('format = "%(name)s %(message)s"')
    daemon.send(stock_frame("one"))
    assert daemon.wait_lines(1) == ["app one"]

    reloadable.reload('format = "%(name)s: %(message)s"\nemit_level = "ERROR"')
    daemon.send(stock_frame("two"), stock_frame("three", levelno=40))
    assert daemon.wait_lines(2)[1:] == ["app: three"]

    reloadable.reload('format = "%(name)s: %(message)s"\nlogname = "all"')
    daemon.send(stock_frame("four"))
    assert daemon.wait_lines(3)[2:] == ["all: four"]
    assert len(daemon.wait_rows(4)) == 4


def test_open_connections_live_on(reloadable: Reloadable) -> None:
    """A reload does not disturb a connection, even within a frame."""
    frame = stock_frame("cut in two")
    with reloadable.daemon.connect() as client:
        client.sendall(stock_frame("first") + frame[:40])
        reloadable.daemon.wait_rows(1)
        reloadable.reload("max_connections = 7")
        client.sendall(frame[40:])
        rows = reloadable.daemon.wait_rows(2)

    assert [row["message"] for row in rows] == ["first", "cut in two"]


@pytest.mark.parametrize(
    ("toml", "complaint"),
    [
        ("max_frame_bytes = ", "is not TOML"),
        ("max_frame_byte = 5", "did you mean max_frame_bytes?"),
        ("max_frame_bytes = -5", "max_frame_bytes"),
        ('format = "%(nonsense"', "format"),
    ],
)
def test_a_mistake_changes_nothing(
    reloadable: Reloadable, toml: str, complaint: str
) -> None:
    """A broken file is told with its fault; the old settings stay in force."""
    daemon = reloadable.daemon
    reloadable.reload("max_frame_bytes = 1000")

    reloadable.file.write_text(f"max_connections = 1\n{toml}")
    daemon.send_signal(signal.SIGHUP)
    daemon.wait_said("the old settings stay")

    assert complaint in daemon.stderr
    with daemon.connect(), daemon.connect() as second:
        second.sendall(framed(b"{" + b" " * 1000))
        (reject,) = daemon.wait_rows(1, "rejects")
        assert reject["reason"] == "frame_too_large"
    assert "refusing" not in daemon.stderr
    daemon.stop()


def test_an_output_that_cannot_be_opened(start_daemon: Any, tmp_path: Path) -> None:
    """When the new output can't be opened, lines go on to the old one."""
    config, lines = tmp_path / "config.toml", tmp_path / "lines.log"
    config.write_text(f'emit = "{lines}"\nmax_frame_bytes = 1000')
    variables = {"LOGCOLLECTOR_CONFIG": str(config)}
    daemon = start_daemon(variables=variables, emit=None)
    config.write_text('emit = "/no/such/folder/lines.log"\nmax_frame_bytes = 2000')
    daemon.send_signal(signal.SIGHUP)
    daemon.wait_said("the old settings stay")
    daemon.send(stock_frame("still here"))
    daemon.send(stock_frame("x" * 1_500))
    daemon.wait_rows(1)
    daemon.wait_rows(1, "rejects")
    daemon.stop()

    assert "/no/such/folder/lines.log" in daemon.stderr
    assert "still here" in lines.read_text()


def test_what_needs_a_restart_is_named(reloadable: Reloadable) -> None:
    """Settings that only a restart can change are listed, the others change."""
    daemon = reloadable.daemon

    reloadable.reload(
        'queue_high_records = 77\nloop = "asyncio"\nsynchronous = "off"\n'
        "max_frame_bytes = 1000"
    )

    (line,) = [x for x in daemon.stderr.splitlines() if "only change" in x]
    for name in ("queue_high_records", "loop", "synchronous"):
        assert name in line
    assert "max_frame_bytes" not in line
    daemon.send(stock_frame("x" * 2_000))
    daemon.wait_rows(1, "rejects")


def test_what_needs_a_restart_is_named_as_long_as_it_differs(
    reloadable: Reloadable,
) -> None:
    """The warning compares with what is running, not with the last file."""
    reloadable.reload("queue_high_records = 77")
    assert reloadable.daemon.stderr.count("can only change at a restart") == 1

    reloadable.reload("queue_high_records = 77")
    assert reloadable.daemon.stderr.count("can only change at a restart") == 2

    reloadable.reload("")
    assert reloadable.daemon.stderr.count("can only change at a restart") == 2


def test_a_signal_during_the_start(start_daemon: Any, tmp_path: Path) -> None:
    """A SIGHUP that comes at any moment of the start does no harm."""
    for attempt in range(3):
        daemon = start_daemon(wait=False, database=tmp_path / f"{attempt}.sqlite")
        while "listening on" not in daemon.stderr and daemon.process.poll() is None:
            if daemon.database.exists():
                daemon.send_signal(signal.SIGHUP)
        assert daemon.process.poll() is None
        daemon.wait_ready()
        daemon.stop()


def test_without_a_settings_file(start_daemon: Any) -> None:
    """SIGHUP is harmless where all settings came from flags."""
    daemon = start_daemon()
    daemon.send_signal(signal.SIGHUP)
    daemon.wait_said("settings reloaded")
    daemon.send(stock_frame("after"))
    daemon.wait_rows(1)
    daemon.stop()

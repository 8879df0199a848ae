"""Watching a real daemon: HTTP pages, `logcollector status`, systemd, the log."""

import http.client
import json
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from integration.daemon import PATIENCE_SECONDS, Daemon, run_command, until
from integration.wire import numbered_frames, stock_frame

DOCS = Path(__file__).resolve().parents[2] / "docs"
TOKEN = "0123456789abcdef"


def http_port(daemon: Daemon) -> int:
    """Return the port of the daemon's HTTP listener."""
    daemon.wait_said("health and metrics at")
    return int(
        re.findall(r"health and metrics at http://\S*:(\d+)\n", daemon.stderr)[0]
    )


def get(port: int, path: str, **headers: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, PATIENCE_SECONDS)
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def metric(port: int, name: str) -> float:
    page = get(port, "/metrics")[1].decode()
    found = re.findall(rf"\nlogcollector_{re.escape(name)} (\S+)\n", page)
    assert found, page
    return float(found[0])


def test_a_daemon_at_work(start_daemon: Any, loop_name: str) -> None:
    """It is ready when it says so, and counts what comes, on either loop."""
    daemon = start_daemon("--loop", loop_name, "--http-address", "0")
    port = http_port(daemon)
    assert get(port, "/health") == (200, b'{"status":"ready"}\n')

    daemon.send(*numbered_frames("app", 20), b"\0\0\0\1{")
    daemon.wait_rows(20)
    until(lambda: metric(port, "stored_records_total") == 20, "20 stored")
    assert metric(port, "received_records_total") == 21
    assert metric(port, 'rejected_frames_total{reason="malformed_json"}') == 1
    assert metric(port, "commit_seconds_count") >= 1
    assert metric(port, "ready") == 1
    daemon.stop()


def test_a_database_that_is_locked(start_daemon: Any) -> None:
    """While nothing can be written /health says why, and is well again after."""
    daemon = start_daemon("--http-address", "0")
    port = http_port(daemon)
    with daemon.locked():
        daemon.send(stock_frame("m"))
        until(lambda: get(port, "/health")[0] == 503, "503")
        daemon.send(stock_frame("spooled"))
        document = json.loads(get(port, "/health")[1])
        assert document["status"] == "problems"
        assert document["problems"][0]["name"] == "writer_stalled"
        assert metric(port, 'problem{name="writer_stalled"}') == 1
        assert "spooling" in {problem["name"] for problem in document["problems"]}
        waiting = ("queue_records", "spool_records")
        until(lambda: sum(metric(port, n) for n in waiting) == 2, "2 wait")
        status = run_command(
            *("status", "--url", f"127.0.0.1:{port}"), folder=daemon.database.parent
        )
        assert status.returncode == 1
        assert "! writer_stalled: the database cannot be written" in status.stdout
    until(lambda: get(port, "/health")[0] == 200, "200")
    until(lambda: metric(port, "stored_records_total") >= 2, "all stored")
    assert metric(port, "spilled_records_total") >= 1
    assert metric(port, "queue_records") + metric(port, "spool_records") == 0
    daemon.stop()


def test_it_is_off_by_default(start_daemon: Any, tmp_path: Path) -> None:
    """Without an address nothing listens and nothing of it is imported."""
    daemon = start_daemon()
    daemon.stop()
    code = (
        "import sys, collector.cli.serve, collector.service\n"
        "heavy = {'starlette', 'uvicorn', 'prometheus_client', 'h11'}\n"
        "sys.exit(len(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).resolve().parents[2],
        check=False,
    )

    assert "health" not in daemon.stderr
    assert done.returncode == 0


def test_a_token(start_daemon: Any, tmp_path: Path) -> None:
    """With a token in a file, nothing is told without it."""
    (tmp_path / "token").write_text(TOKEN + "\n")
    daemon = start_daemon(
        *("--http-address", "0.0.0.0:0"), "--http-token-file", "token"
    )
    port = http_port(daemon)

    assert get(port, "/metrics")[0] == 401
    assert get(port, "/health", Authorization="Bearer 0123456789abcdeg")[0] == 401
    assert get(port, "/health", Authorization=f"Bearer {TOKEN}")[0] == 200
    status = run_command(
        "status",
        folder=tmp_path,
        variables={
            "LOGCOLLECTOR_HTTP_ADDRESS": f"0.0.0.0:{port}",
            "LOGCOLLECTOR_HTTP_TOKEN_FILE": "token",
        },
    )
    assert status.returncode == 0, status.stderr
    assert "ready" in status.stdout
    assert TOKEN not in daemon.stderr + status.stdout
    daemon.stop()


def test_other_hosts_without_a_token(tmp_path: Path) -> None:
    """The daemon refuses to start where others could ask without a token."""
    done = run_command(
        *("serve", "--port", "0", "--http-address", "0.0.0.0:0"), folder=tmp_path
    )

    assert done.returncode == 2
    assert "set http_token_file or http_token" in done.stderr
    assert not (tmp_path / "logs.sqlite").exists()


def test_a_token_file_that_is_missing(tmp_path: Path) -> None:
    """A token that can't be read is no reason to go without one."""
    done = run_command(
        *("serve", "--port", "0", "--http-address", "0", "--http-token-file", "no"),
        folder=tmp_path,
    )

    assert done.returncode == 2
    assert "http_token_file: no: cannot be read" in done.stderr
    assert not (tmp_path / "logs.sqlite").exists()


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    """It ends with 69 and one line, before it touches a database."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run_command(
            *("serve", "--port", "0", "--http-address", str(port)), folder=tmp_path
        )

    assert done.returncode == 69
    assert f"cannot listen on 127.0.0.1:{port}" in done.stderr
    assert f"sport = :{port}" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "logs.sqlite").exists()


def test_a_unix_socket(start_daemon: Any, tmp_path: Path) -> None:
    """It can be served on a UNIX socket, which is gone after a stop."""
    path = tmp_path / "http.sock"
    daemon = start_daemon("--http-address", str(path))
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(PATIENCE_SECONDS)
        client.connect(str(path))
        client.sendall(b"GET /health HTTP/1.0\r\nHost: localhost\r\n\r\n")
        assert client.recv(1000).startswith(b"HTTP/1.1 200")
    daemon.stop()

    assert not path.exists()


def test_hung_scrapers_do_not_delay_a_stop(start_daemon: Any, loop_name: str) -> None:
    """Silent, half-heard and deaf clients are cut off; what came is stored."""
    daemon = start_daemon("--loop", loop_name, "--http-address", "0")
    port = http_port(daemon)
    scrapers = [socket.create_connection(("127.0.0.1", port)) for _ in range(20)]
    for scraper in scrapers[5:]:
        scraper.sendall(b"GET /metrics HTTP/1.1\r\nHost: local")
    for scraper in scrapers[10:]:
        scraper.sendall(b"host\r\n\r\n" + b"GET /metrics HTTP/1.1\r\n" * 10)
    daemon.send(*numbered_frames("app", 50))
    begun = time.monotonic()
    daemon.stop()
    print(f"figure: stop with 20 hung scrapers: {time.monotonic() - begun:.2f} s")
    for scraper in scrapers:
        scraper.close()

    assert daemon.count() == 50


def test_signals_stop_it(start_daemon: Any) -> None:
    """SIGTERM and SIGINT stop a daemon that serves HTTP as any other."""
    for number in (signal.SIGTERM, signal.SIGINT):
        daemon = start_daemon("--http-address", "0")
        http_port(daemon)
        daemon.stop(number)


def test_a_reload_leaves_it(start_daemon: Any) -> None:
    """SIGHUP does not interrupt what is served."""
    daemon = start_daemon("--http-address", "0")
    port = http_port(daemon)
    daemon.send_signal(signal.SIGHUP)
    daemon.wait_said("settings reloaded")

    assert get(port, "/health")[0] == 200
    daemon.stop()


def test_the_pages_examples(start_daemon: Any, tmp_path: Path) -> None:
    """Each curl and status command of the page answers as it shows."""
    if shutil.which("curl") is None:
        pytest.skip("needs curl")
    page = (DOCS / "watching.md").read_text(encoding="utf-8")
    commands = r"\n\$ ((?:curl -s http|logcollector status).*)\n(\S+ ?\S*)"
    shown = re.findall(commands, page)
    assert len(shown) == 4
    daemon = start_daemon("--http-address", "0")
    port = http_port(daemon)
    daemon.send(stock_frame("a"), stock_frame("b"))
    until(lambda: metric(port, "stored_records_total") == 2, "2 stored")
    assert "logcollector_stored_records_total 2.0" in page
    for command, expected in shown:
        line = command.replace(":9021", f":{port}").partition(" | ")[0]
        if line.startswith("curl"):
            done = subprocess.run(
                shlex.split(line), capture_output=True, text=True, check=True
            )
        else:
            done = run_command(*shlex.split(line)[1:], folder=tmp_path)
        assert expected.partition(",")[0] in done.stdout
    daemon.stop()


def test_systemd_is_told(start_daemon: Any, tmp_path: Path) -> None:
    """The daemon's status for systemd counts what the pages count."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(PATIENCE_SECONDS)
        daemon = start_daemon(variables={"NOTIFY_SOCKET": str(tmp_path / "notify")})
        daemon.send(*numbered_frames("app", 3))
        daemon.wait_rows(3)
        daemon.send_signal(signal.SIGHUP)
        told = ""
        while "3 received" not in told:
            told = manager.recv(65536).decode()
    assert "STATUS=0 connections, 3 received, 3 stored" in told
    daemon.stop()

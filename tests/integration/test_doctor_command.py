"""`logcollector doctor` against real daemons, well and not, and against none."""

import json
import os
import socket
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import chdir, closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from certificates import Authority, tls_flags
from click.testing import CliRunner
from integration.daemon import Daemon, run_command
from integration.disk import fill, small_disk
from integration.wire import stock_frame
from store.rights import public_folder, without_rights

from collector.cli.main import cli
from collector.doctor.locks import read_locks

needs_locks = pytest.mark.skipif(read_locks() is None, reason="no /proc/locks")

# A folder that every user may be in.
ROOT = Path("/")


class Told(dict[str, dict[str, Any]]):
    """The findings by step; `status` is the exit status."""

    status = 0


Examine = Callable[..., Told]


def told_by(output: str, status: int) -> Told:
    """Return what a run has found, which must make sense as a whole."""
    document = json.loads(output)
    told = Told({each["step"]: each for each in document["findings"]})
    told.status = status
    has_failed = any(each["state"] == "failed" for each in told.values())
    assert status == (1 if has_failed else 0)
    assert (document["state"] == "failed") == has_failed
    assert all(each["advice"] for each in told.values() if each["state"] == "failed")
    broken = [each for each in told.values() if "not be looked at" in each["seen"]]
    assert broken == []
    return told


@pytest.fixture
def examine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Examine:
    """Run the command in this process; variables of settings by keyword."""
    for name in [name for name in os.environ if name.startswith("LOGCOLLECTOR_")]:
        monkeypatch.delenv(name)

    def run(
        *arguments: str | Path,
        timeout: float = 20.0,
        within: Path | None = None,
        **settings: object,
    ) -> Told:
        command = ["doctor", "-o", "json", "--timeout", str(timeout)]
        variables = {
            f"LOGCOLLECTOR_{key.upper()}": str(value) for key, value in settings.items()
        }
        with chdir(within or tmp_path):
            done = CliRunner().invoke(
                cli, [*command, *map(str, arguments)], env=variables
            )
        assert done.exception is None or isinstance(done.exception, SystemExit)
        assert done.stdout, done.output
        return told_by(done.stdout, done.exit_code)

    return run


def states(told: Told, *steps: str) -> list[str]:
    """Return the states of some steps."""
    return [told[step]["state"] for step in steps]


def of(daemon: Daemon) -> list[str]:
    """Return the options that name a daemon and its database."""
    return ["--to", f"127.0.0.1:{daemon.port}", "--db", str(daemon.database)]


def test_all_is_well(start_daemon: Any, tmp_path: Path) -> None:
    """A running daemon takes the marked record, and it is found in the database."""
    daemon = start_daemon("--http-address", "127.0.0.1:0")
    done = run_command(
        *("doctor", "-o", "json", *of(daemon)),
        folder=tmp_path,
        variables={"LOGCOLLECTOR_HTTP_ADDRESS": http_of(daemon)},
    )
    told = told_by(done.stdout, done.returncode)
    [row] = daemon.rows()

    assert (told.status, done.stderr) == (0, ""), told
    assert told["delivery"]["state"] == "ok"
    assert f"found as record {row['id']:,}" in told["delivery"]["seen"]
    assert (row["name"], row["level"]) == ("logcollector.doctor", "INFO")
    assert "a marked record" in row["message"]
    assert f"PID {daemon.pid}," in told["collector"]["seen"]
    assert told["health"]["seen"].startswith("ready")
    assert told[f"listener 127.0.0.1:{daemon.port}"]["state"] == "ok"


def http_of(daemon: Daemon) -> str:
    """Return where a daemon serves HTTP."""
    return daemon.stderr.partition("http://")[2].split()[0]


def test_what_people_see(start_daemon: Any, tmp_path: Path) -> None:
    """In text each step has its line, and the last one counts them."""
    daemon = start_daemon()
    done = run_command("doctor", *of(daemon), folder=tmp_path)
    lines = done.stdout.splitlines()

    assert done.returncode == 0, done.stdout
    assert lines[0].startswith("ok       program           logcollector ")
    assert any(line.startswith("ok       delivery") for line in lines)
    assert " ok" in lines[-1]
    assert "failed" not in lines[-1]


def test_a_unix_socket(examine: Examine, start_daemon: Any, tmp_path: Path) -> None:
    """A daemon on a UNIX socket is asked there, as its settings say."""
    path = tmp_path / "logs.sock"
    daemon = start_daemon("--listen", str(path))
    told = examine("--db", daemon.database, listen=str(path))

    assert told.status == 0
    assert states(told, f"listener unix:{path}", "delivery") == ["ok", "ok"]


def test_nobody_there(examine: Examine, tmp_path: Path) -> None:
    """Without a daemon it says so, with the command that starts one."""
    made_config(tmp_path, "")
    told = examine("--config", "my.toml", "--to", str(tmp_path / "no.sock"))
    listener = told[f"listener unix:{tmp_path / 'no.sock'}"]

    assert states(told, "database", "collector", "delivery") == [
        "warning",
        "failed",
        "skipped",
    ]
    assert listener["state"] == "failed"
    assert "logcollector serve --config my.toml" in told["collector"]["advice"][0]
    assert not (tmp_path / "logs.sqlite").exists()


@needs_locks
def test_a_collector_that_listens_elsewhere(
    examine: Examine, start_daemon: Any, tmp_path: Path
) -> None:
    """Where the collector of the database listens is told, not to start another."""
    daemon = start_daemon("--http-address", "127.0.0.1:0")
    with socket.create_server(("127.0.0.1", 0)) as server:
        free = server.getsockname()[1]
    told = examine("--db", daemon.database, port=free)
    listener = told[f"listener 127.0.0.1:{free}"]
    command = listener["advice"][0]
    again = examine(*command.split()[2:], port=free)

    assert listener["state"] == "failed"
    assert f"(PID {daemon.pid}," in listener["seen"]
    assert listener["seen"].endswith(
        f"listens at 127.0.0.1:{daemon.port}, {http_of(daemon)}"
    )
    assert "serve" not in " ".join(listener["advice"])
    assert command.startswith("logcollector doctor ")
    assert again.status == 0, again


def made_config(folder: Path, text: str) -> None:
    (folder / "my.toml").write_text(text)


@contextmanager
def other_program(answer: bytes) -> Any:
    """Listen on a free port, and give everybody an answer."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    client, _ = server.accept()
                except OSError:
                    return
                with client:
                    client.sendall(answer)
                    client.shutdown(socket.SHUT_WR)
                    while client.recv(4096):
                        pass

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
    thread.join(10)


def test_another_program_on_the_port(examine: Examine, tmp_path: Path) -> None:
    """What answers is no collector: it is quoted, and named where that is allowed."""
    with other_program(b"SSH-2.0-Other\x1b[2J\r\n") as port:
        told = examine("--to", f"127.0.0.1:{port}")
    listener = told[f"listener 127.0.0.1:{port}"]

    assert listener["state"] == "failed"
    assert "SSH-2.0-Other\\x1b" in listener["seen"]
    assert f"(PID {os.getpid()}," in listener["seen"]
    assert told["delivery"]["state"] == "skipped"


def test_a_program_that_only_reads(examine: Examine, tmp_path: Path) -> None:
    """Who takes everything and stores nothing is found out by the record."""
    with other_program(b"") as port:
        told = examine("--to", f"127.0.0.1:{port}", timeout=1.0)

    assert told[f"listener 127.0.0.1:{port}"]["state"] == "warning"
    assert told["delivery"]["state"] == "failed"
    assert "no collector stores into this one" in told["delivery"]["seen"]


def test_a_port_where_nobody_accepts(examine: Examine) -> None:
    """Who is connected to and does not answer is given up in time."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        told = examine("--to", address, timeout=0.2)

    assert told[f"listener {address}"]["state"] == "failed"
    assert "did not answer" in told[f"listener {address}"]["seen"]


def test_another_database(
    examine: Examine, start_daemon: Any, stored: Any, tmp_path: Path
) -> None:
    """A daemon that stores somewhere else: that place is named."""
    mine = stored(database=tmp_path / "mine.sqlite")
    other = start_daemon(database=tmp_path / "other.sqlite")
    told = examine(*("--to", f"127.0.0.1:{other.port}", "--db", mine))
    listener = told[f"listener 127.0.0.1:{other.port}"]

    assert states(told, "database", "collector") == ["ok", "failed"]
    assert listener["state"] == "failed"
    assert str(other.database) in listener["seen"]
    assert f"logcollector doctor --db {other.database}" in listener["advice"][0]
    assert other.count() == 0


def test_another_database_by_its_health(
    examine: Examine, start_daemon: Any, tmp_path: Path
) -> None:
    """Over HTTP the daemon tells where it stores, and that is compared, too."""
    daemon = start_daemon("--http-address", "127.0.0.1:0")
    told = examine(
        *("--db", "mine.sqlite", "--to", f"127.0.0.1:{daemon.port}"),
        http_address=http_of(daemon),
    )

    assert told["health"]["state"] == "failed"
    assert str(daemon.database) in told["health"]["seen"]


def test_a_locked_database(examine: Examine, start_daemon: Any, tmp_path: Path) -> None:
    """Who holds the lock is named, and the record is said to wait."""
    daemon = start_daemon()
    with daemon.locked() as holder:
        told = examine(*of(daemon), timeout=1.0)
        holder.rollback()
    [row] = daemon.wait_rows(1)

    assert told["write-ahead log"]["state"] == "warning"
    assert f"(PID {os.getpid()}," in told["write-ahead log"]["seen"]
    assert told["delivery"]["state"] == "failed"
    assert f"kill {os.getpid()}" in told["delivery"]["advice"][0]
    assert row["name"] == "logcollector.doctor"


def test_records_in_the_spool(
    examine: Examine, start_daemon: Any, tmp_path: Path
) -> None:
    """When the record itself waits in the spool, it says so, as the daemon does."""
    daemon = start_daemon("--http-address", "127.0.0.1:0")
    with daemon.locked() as holder:
        daemon.send(stock_frame("one"))
        daemon.wait_said("cannot write")
        told = examine(*of(daemon), timeout=1.0, http_address=http_of(daemon))
        holder.rollback()

    assert told["health"]["state"] == "failed"
    assert told["delivery"]["state"] == "failed"
    assert "the collector says: " in told["delivery"]["seen"]
    assert "spool" in told["delivery"]["seen"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_another_user(examine: Examine, start_daemon: Any) -> None:
    """Who may not read the database is told so, and the daemon is asked instead."""
    with public_folder() as folder:
        daemon = start_daemon(
            "--http-address", "127.0.0.1:0", database=folder / "logs.sqlite"
        )
        http = http_of(daemon)
        daemon.database.chmod(0o600)
        # Everything is imported then, which that user may not do here.
        examine(*of(daemon), http_address=http)
        with without_rights(folder):
            told = examine(*of(daemon), within=ROOT)
            asked = examine(*of(daemon), http_address=http, within=ROOT)
        with without_rights(folder, 0o000):
            hidden = examine(*of(daemon), within=ROOT)
        daemon.stop()

    assert told["database"]["state"] == "skipped"
    [again] = told["database"]["advice"]
    assert again == f"sudo logcollector doctor --db {daemon.database}"
    assert f"PID {daemon.pid}," in told["collector"]["seen"]
    assert told["delivery"]["state"] == "warning"
    assert asked.status == 0
    assert "has stored something since" in asked["delivery"]["seen"]
    assert states(hidden, "permissions", "database", "collector", "spool") == (
        ["skipped"] * 4
    )
    assert hidden["delivery"]["state"] == "warning"


def test_a_folder_that_is_read_only(examine: Examine) -> None:
    """A database that this user could not write is a failure before any start."""
    with public_folder() as folder:
        examine("--to", "/no.sock")
        with without_rights(folder):
            told = examine(
                *("--to", "/no.sock", "--db", folder / "logs.sqlite"), within=ROOT
            )

    assert told["permissions"]["state"] == "failed"
    assert "may not write it" in told["permissions"]["seen"]


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A small file system with a megabyte left."""
    with small_disk(tmp_path / "disk", 32) as disk:
        fill(disk, 1024 * 1024)
        yield disk


def test_a_full_disk(examine: Examine, full_disk: Path) -> None:
    """A disk with less room than a checkpoint needs is a failure."""
    told = examine("--to", "/no.sock", "--db", full_disk / "logs.sqlite")

    assert told["disk space"]["state"] == "failed"
    assert told["file system"]["seen"].startswith("tmpfs")


def test_tls(examine: Examine, start_daemon: Any, tmp_path: Path) -> None:
    """A listener of the settings that speaks TLS is spoken to in TLS."""
    cert = Authority(tmp_path).issue("server", "127.0.0.1")
    daemon = start_daemon(*tls_flags(cert))
    settings = {
        "tls_cert": str(cert[0]),
        "tls_key": str(cert[1]),
    }
    told = examine(*of(daemon), **settings)
    plainly = examine(*of(daemon))
    step = f"listener 127.0.0.1:{daemon.port}"

    assert told.status == 0, told
    assert told[step]["seen"].endswith("with TLS")
    assert told["delivery"]["state"] == "ok"
    assert plainly["delivery"]["state"] == "failed"
    assert "speaks TLS" in plainly["delivery"]["seen"]


def test_a_ca_of_ones_own(examine: Examine, start_daemon: Any, tmp_path: Path) -> None:
    """With a CA, a daemon is spoken to in TLS as its clients do, without settings."""
    authority = Authority(tmp_path)
    other = Authority(tmp_path, "other")
    mine = authority.issue("mine", "mine.example")
    cert = authority.issue("server", "127.0.0.1")
    daemon = start_daemon(*tls_flags(cert, tls_client_ca=authority.ca))
    step = f"listener 127.0.0.1:{daemon.port}"
    own = ("--tls-cert", mine[0], "--tls-key", mine[1])
    told = examine(*of(daemon), "--tls-ca", authority.ca, *own)
    unknown = examine(*of(daemon), "--tls-ca", other.ca, *own)

    assert told.status == 0, told
    assert told[step]["seen"].endswith("with TLS, its certificate verified")
    assert told["delivery"]["state"] == "ok"
    assert unknown[step]["state"] == "failed"
    assert "its certificate is not accepted" in unknown[step]["seen"]
    assert "openssl x509 -noout -issuer" in unknown[step]["advice"][0]


def test_a_certificate_of_another_name(
    examine: Examine, start_daemon: Any, tmp_path: Path
) -> None:
    """The name is that of --to; what a listener is bound to is no name of clients."""
    authority = Authority(tmp_path)
    cert = authority.issue("server", "logs.example")
    daemon = start_daemon(*tls_flags(cert))
    step = f"listener 127.0.0.1:{daemon.port}"
    settings = {"tls_cert": cert[0], "tls_key": cert[1], "port": daemon.port}
    database = ("--db", daemon.database)
    told = examine(*database, "--tls-ca", authority.ca, **settings)
    other = examine(*of(daemon), "--tls-ca", authority.ca, **settings)

    assert told.status == 0, told
    assert told[step]["seen"].endswith("with TLS, its certificate verified")
    assert "IP address mismatch" in other[step]["seen"]


def test_no_tls_where_it_is_wanted(
    examine: Examine, start_daemon: Any, tmp_path: Path
) -> None:
    """With a CA, a plain listener named by hand is none; of the settings it is."""
    ca = Authority(tmp_path).ca
    daemon = start_daemon()
    step = f"listener 127.0.0.1:{daemon.port}"
    told = examine(*of(daemon), "--tls-ca", ca)
    known = examine("--db", daemon.database, "--tls-ca", ca, port=daemon.port)

    assert told[step]["state"] == "failed"
    assert told[step]["seen"].startswith("does not speak TLS, as --tls-ca wants")
    assert known.status == 0, known


def test_a_certificate_that_was_not_reloaded(
    examine: Examine, start_daemon: Any, tmp_path: Path
) -> None:
    """A daemon that still shows an older certificate is to be reloaded."""
    authority = Authority(tmp_path)
    cert = authority.issue("server", "127.0.0.1")
    daemon = start_daemon(*tls_flags(cert))
    authority.issue("server", "127.0.0.1")
    told = examine(*of(daemon), tls_cert=cert[0], tls_key=cert[1])
    listener = told[f"listener 127.0.0.1:{daemon.port}"]

    assert listener["state"] == "warning"
    assert "another certificate" in listener["seen"]
    assert told["delivery"]["state"] == "ok"


def test_certificates_of_clients(
    examine: Examine, start_daemon: Any, tmp_path: Path
) -> None:
    """A listener that asks for a certificate gets the one that was given."""
    authority = Authority(tmp_path)
    cert = authority.issue("server", "127.0.0.1")
    mine = authority.issue("mine", "mine.example")
    daemon = start_daemon(*tls_flags(cert, tls_client_ca=authority.ca))
    settings = {
        "tls_cert": str(cert[0]),
        "tls_key": str(cert[1]),
        "tls_client_ca": str(authority.ca),
    }
    without = examine(*of(daemon), **settings)
    told = examine(
        *of(daemon),
        *("--tls-cert", mine[0], "--tls-key", mine[1]),
        **settings,
    )
    step = f"listener 127.0.0.1:{daemon.port}"

    assert without[step]["state"] == "failed"
    assert told.status == 0, told


def test_not_let_in(examine: Examine, start_daemon: Any, tmp_path: Path) -> None:
    """A daemon that does not allow this address hangs up; the setting is named."""
    daemon = start_daemon("--allow", "192.0.2.0/24")
    told = examine(*of(daemon), allow="192.0.2.0/24")
    listener = told[f"listener 127.0.0.1:{daemon.port}"]

    assert listener["state"] == "failed"
    assert "`allow` does not have 127.0.0.1" in listener["seen"]


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ("prot = 9020", "unknown setting"),
        ("port =", "is not TOML"),
        ('tls_cert = "none.pem"', "cannot be read"),
    ],
)
def test_mistaken_settings(
    examine: Examine, tmp_path: Path, toml: str, said: str
) -> None:
    """A mistake in the settings is a finding, with the command that checks them."""
    made_config(tmp_path, toml)
    told = examine("--config", "my.toml")

    assert told["settings"]["state"] == "failed"
    assert said in told["settings"]["seen"]
    assert "logcollector config check my.toml" in told["settings"]["advice"][0]


def test_a_schema_of_the_future(examine: Examine, stored: Any, tmp_path: Path) -> None:
    """A database of a newer version needs a newer program."""
    path = stored()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    told = examine("--db", path, "--to", tmp_path / "no.sock")

    assert told["database"]["state"] == "failed"
    assert "version 99" in told["database"]["seen"]
    assert told["database"]["advice"] == ["upgrade logcollector"]


@pytest.mark.parametrize("content", [b"no database", b"SQLite format 3\0" + b"x" * 200])
def test_no_database_of_ours(examine: Examine, tmp_path: Path, content: bytes) -> None:
    """A file that is something else is left as it is."""
    path = tmp_path / "logs.sqlite"
    path.write_bytes(content)
    told = examine("--to", tmp_path / "no.sock")

    assert told["database"]["state"] == "failed"
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    "name", ["loop", "file/logs.sqlite", "x" * 300, "fifo", "folder", "a\nb\x1b[2J"]
)
def test_odd_places(examine: Examine, tmp_path: Path, name: str) -> None:
    """Whatever is named as the database, each step has an answer."""
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "fifo")
    told = examine("--db", name, "--to", "/no.sock")

    assert told.status == 1
    assert {"permissions", "database", "collector", "delivery"} <= told.keys()


def test_a_database_with_other_content(examine: Examine, stored: Any) -> None:
    """Values that only somebody's own writing can have made are a finding."""
    path = stored(stock_frame("one"))
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            "DROP VIEW logs; CREATE VIEW logs AS SELECT id, 'soon' AS received, "
            "zeroblob(9) AS created, 7 AS hostname FROM records"
        )
    told = examine("--db", path, "--to", "/no.sock")

    assert told["database"]["state"] == "failed"
    assert "does not hold what it should" in told["database"]["seen"]


def test_no_such_folder(examine: Examine, tmp_path: Path) -> None:
    """A folder that is missing is to be made."""
    told = examine(*("--db", "no/logs.sqlite", "--to", tmp_path / "no.sock"))

    assert told["permissions"]["state"] == "failed"
    assert told["permissions"]["advice"] == [f"mkdir -p {tmp_path / 'no'}"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--to", "host:port"], "no port"),
        (["--tls-key", "x"], "--tls-cert"),
        (["--tls-ca", "none.pem"], "none.pem"),
        (["--tls-cert", "none.pem"], "none.pem"),
        (["--to", "/x.sock", "--tls-ca", "none.pem"], "a UNIX socket has no TLS"),
        (["--timeout", "nan"], "valid number"),
    ],
)
def test_mistaken_options(tmp_path: Path, options: list[str], said: str) -> None:
    """A mistake in the options is a user's, and nothing is looked at."""
    done = run_command("doctor", *options, folder=tmp_path)

    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr

"""`logcollector status`: what is shown, where is asked, and what is said if in vain."""

import contextlib
import http.server
import threading

import msgspec
import pytest
from click.testing import CliRunner

from collector.addresses import parse_http_address
from collector.cli.main import cli
from collector.cli.rendering.status_text import quantile, size, span, status_text
from collector.cli.status import NoAnswer, checked, url_of
from collector.errors import ConfigError
from collector.status import Distribution, Problem, Status

TOKEN = "0123456789abcdef"

BUSY = Status(
    state="ready",
    version="1.2.3",
    uptime_seconds=3700,
    addresses=("127.0.0.1:9020", "unix:/run/a.sock"),
    connections=3,
    received_total=1_234_567,
    rejected_total={"no_record": 2, "bad_json": 5},
    database="/var/lib/logs.sqlite",
    stored_total=1_234_000,
    database_bytes=150_000_000,
    wal_bytes=2048,
    commits=Distribution((0.01, 0.1, 1.0), (5, 90, 4, 1), 9.0),
    last_commit_age_seconds=0.25,
    waiting_records=560,
    waiting_bytes=1_000_000,
    loop_lag_seconds=0.0123,
)


def shown(status, before=None):
    """Return what stands behind each name."""
    lines = status_text(status, before).splitlines()[1:]
    return {line[:22].strip(): line[22:].split() for line in lines}


def test_what_people_see():
    """A head line, then a line a figure, aligned, with thousands apart."""
    text = status_text(BUSY, None)
    lines = shown(BUSY)

    assert text.startswith("logcollector 1.2.3: ready, up 1 h 1 min\n")
    assert lines["listening on"] == ["127.0.0.1:9020,", "unix:/run/a.sock"]
    assert lines["received"] == ["1,234,567"]
    assert lines["rejected"] == ["7", "bad_json", "5,", "no_record", "2"]
    assert lines["waiting"] == ["560", "976.6", "KiB"]
    assert " ".join(lines["database"]) == (
        "/var/lib/logs.sqlite, 143.1 MiB, log 2.0 KiB"
    )
    assert " ".join(lines["commits"]) == (
        "half within 100 ms, 99 % within 1 s; the last 0.2 s ago"
    )
    assert lines["loop lag"] == ["12", "ms", "at", "worst"]
    assert "recovered" not in lines


def test_rates():
    """With an earlier Status, each counter has its rate since then."""
    before = Status(uptime_seconds=3698, received_total=1_214_567, stored_total=1)
    lines = shown(BUSY, before)

    assert lines["received"] == ["1,234,567", "10,000.0/s"]
    assert lines["shed"] == ["0", "0.0/s"]


def test_problems_and_losses():
    """Problems come first; what is rarely there is shown when it is."""
    status = Status(
        state="problems",
        problems=(Problem("disk_full", "no room"),),
        recovered_total=1,
        shed_total={"spool_full": 30},
        shed_by_peer_total={f"10.0.0.{n}": n for n in range(8)},
        spilled_total=40,
        spool_records=None,
        spool_bytes=5000,
        refused_by_sqlite_total=6,
        database="/a",
    )
    text = status_text(status, None)
    lines = shown(status)

    assert text.splitlines()[:2] == [
        "logcollector : problems, up 0.0 s",
        "  ! disk_full: no room",
    ]
    assert lines["shed"] == ["30", "spool_full", "30"]
    assert lines["shed, by peer"][:2] == ["10.0.0.7", "7,"]
    assert lines["shed, by peer"][-2:] == ["3", "more"]
    assert lines["in the spool"] == ["?", "4.9", "KiB"]
    assert lines["recovered"] == ["1"]
    assert lines["refused by SQLite"] == ["6"]
    assert lines["commits"] == ["none", "yet"]


def test_a_server_cannot_steer_the_terminal():
    """Escape sequences and line breaks in an answer are shown, not obeyed."""
    text = status_text(
        Status(version="\x1b[2J", addresses=("a\nb",), shed_total={"\x9b31m": 1}), None
    )

    assert "\x1b" not in text
    assert "\x9b" not in text
    assert "a\nb" not in text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.0 s"),
        (59.94, "59.9 s"),
        (61, "1 min 1 s"),
        (7200, "2 h 0 min"),
        (180_000, "2 d 2 h"),
    ],
)
def test_lengths_of_time(seconds, text):
    """A length of time has its two largest units."""
    assert span(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 bytes"),
        (1023, "1023 bytes"),
        (1024, "1.0 KiB"),
        (3 << 30, "3.0 GiB"),
        (1 << 70, "1073741824.0 TiB"),
    ],
)
def test_sizes(count, text):
    """A size has the unit that fits."""
    assert size(count) == text


@pytest.mark.parametrize(
    ("counts", "part", "text"),
    [
        ((10, 0, 0), 0.5, "10 ms"),
        ((1, 9, 0), 0.5, "2 s"),
        ((0, 0, 1), 0.5, "more than 2 s"),
    ],
)
def test_quantiles(counts, part, text):
    """The bound within which so many stay, or that there is none."""
    assert quantile(Distribution((0.01, 2.0), counts, 1.0), part) == text


@pytest.mark.parametrize("flag", ["--interval", "--timeout"])
def test_no_length_of_time(flag):
    """What is no length of time is a mistake in the flags; status 2."""
    result = run("--url", "127.0.0.1:1", flag, "nan")

    assert result.exit_code == 2
    assert "valid number" in result.stderr


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("9021", "http://127.0.0.1:9021"),
        ("0.0.0.0:1", "http://127.0.0.1:1"),
        ("[::]:1", "http://[::1]:1"),
        ("[2001:db8::1]:1", "http://[2001:db8::1]:1"),
        ("web1:1", "http://web1:1"),
    ],
)
def test_where_is_asked(address, url):
    """A daemon that listens everywhere is asked on loopback."""
    assert url_of(parse_http_address(address)) == url


def test_where_nobody_can_be_asked():
    """Without the listener it is told how to turn it on; for a UNIX socket, curl."""
    with pytest.raises(NoAnswer, match="set http_address"):
        url_of(None)
    with pytest.raises(NoAnswer, match=r"curl --unix-socket /a\.sock"):
        url_of(parse_http_address("/a.sock"))


@pytest.mark.parametrize(
    ("url", "base"),
    [
        ("web1:9021", "http://web1:9021"),
        ("http://web1:9021/", "http://web1:9021"),
        ("https://web1/status?x=1", "https://web1"),
        ("9021", "http://127.0.0.1:9021"),
        (":9021", "http://127.0.0.1:9021"),
    ],
)
def test_urls(url, base):
    """A URL may be a host and port alone; its path is ours."""
    assert checked(url) == base


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://web1", "http://", "web1:port", "http://[::1"]
)
def test_what_is_no_url(url):
    """What is no URL of HTTP is a mistake of the user's."""
    with pytest.raises(ConfigError, match="--url"):
        checked(url)


@contextlib.contextmanager
def answering(code, body, headers=()):
    """A server that gives one answer to all; its address and what it was asked."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append((self.path, self.headers.get("Authorization")))
            self.send_response(code)
            for name, value in headers:
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}", asked
        finally:
            server.shutdown()
            thread.join()


def run(*arguments, **variables):
    # Proxies of the environment would get the token.
    env = {"http_proxy": "http://127.0.0.1:1", **variables}
    return CliRunner().invoke(cli, ["status", *arguments], env=env)


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (BUSY, 0),
        (Status(state="ready", problems=(Problem("disk_full", "x"),)), 1),
        (Status(state="stopping"), 1),
    ],
)
def test_exit_status(status, code):
    """0 when it is ready, 1 when it has problems, in both formats."""
    with answering(200, msgspec.json.encode(status)) as (address, _):
        text = run("--url", address)
        json = run("--url", address, "-o", "json")

    assert (text.exit_code, json.exit_code) == (code, code)
    assert msgspec.json.decode(json.stdout, type=Status) == status
    assert text.stdout.startswith("logcollector ")


def test_an_older_or_newer_daemon():
    """Fields that are missing or new are no mistake."""
    with answering(200, b'{"state":"ready","version":"9","moon":"full"}') as (url, _):
        result = run("--url", url)

    assert result.exit_code == 0
    assert result.stdout.startswith("logcollector 9: ready")


def test_the_token_is_sent(tmp_path):
    """From a flag, a file, or the settings; to one server only."""
    file = tmp_path / "token"
    file.write_text(TOKEN)
    with answering(200, msgspec.json.encode(BUSY)) as (address, asked):
        run("--url", address, "--token", TOKEN)
        run("--url", address, "--token-file", str(file))
        run(LOGCOLLECTOR_HTTP_TOKEN=TOKEN, LOGCOLLECTOR_HTTP_ADDRESS=address)
        run("--url", address)
    assert asked == [*[("/status", f"Bearer {TOKEN}")] * 3, ("/status", None)]

    with answering(200, b"") as (other, asked_there):
        moved = [("Location", f"http://{other}/status")]
        with answering(302, b"", moved) as (address, _):
            assert run("--url", address, "--token", TOKEN).exit_code == 1
    assert asked_there == []


@pytest.mark.parametrize(
    ("code", "body", "said"),
    [
        (200, b"<html>", "no logcollector"),
        (200, b"[]", "no logcollector"),
        (200, b'{"state": "odd"}', "no logcollector"),
        (404, b"Not Found", "404 Not Found"),
        (401, b"a token is needed", "http_token"),
        (503, b"\x1b[31mbusy", "503"),
    ],
)
def test_other_servers(code, body, said):
    """What answers but is no collector, or refuses, is told on one line."""
    with answering(code, body) as (address, _):
        result = run("--url", address)

    assert result.exit_code == 1
    assert said in result.stderr
    assert address in result.stderr
    assert result.stderr.count("\n") == 1
    assert "\x1b" not in result.stderr


def test_nobody_there():
    """A daemon that does not run is told as that."""
    result = run("--url", "127.0.0.1:1")

    assert result.exit_code == 1
    assert "does the daemon run" in result.stderr


def test_off():
    """With the listener off, the command says how to turn it on."""
    result = run()

    assert result.exit_code == 1
    assert "LOGCOLLECTOR_HTTP_ADDRESS=9021" in result.stderr


def test_a_bad_token_is_not_quoted():
    """A token that can't be sent is a mistake, and not shown."""
    result = run("--url", "127.0.0.1:1", "--token", "secret\nb")

    assert result.exit_code == 2
    assert "secret" not in result.output

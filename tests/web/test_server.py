"""The server over real sockets: answers, bounds, and an end that nobody delays."""

import asyncio
import contextlib
import logging
import signal

import msgspec
import pytest
from web.conftest import PATIENCE_SECONDS, connections

from collector.addresses import TcpAddress
from collector.errors import ListenError
from collector.intake.sockets import bind
from collector.status import Problem, Status
from collector.web.server import MAX_CONNECTIONS, WebServer

TOKEN = "0123456789abcdef"


async def test_health(serve):
    """/health tells as JSON, by the status of the answer too, what the snapshot is."""
    served = await serve()
    well = await served.get("/health")
    served.status = Status(state="ready", problems=(Problem("disk_full", "no room"),))
    ill = await served.get("/health")

    assert (well.code, msgspec.json.decode(well.body)) == (200, {"status": "ready"})
    assert ill.code == 503
    assert b'"disk_full"' in ill.body
    assert ill.headers["content-type"] == "application/json"


async def test_metrics_and_status(serve):
    """/metrics is Prometheus' text; /status can be read back as what it was."""
    served = await serve()
    served.status = Status(state="ready", received_total=7, rejected_total={"a": 1})
    metrics = await served.get("/metrics")
    status = await served.get("/status")

    assert metrics.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert b"\nlogcollector_received_records_total 7.0\n" in metrics.body
    assert msgspec.json.decode(status.body, type=Status) == served.status


@pytest.mark.parametrize("path", ["/", "/health/", "/metrics/x", "//", "/%2e%2e/etc"])
async def test_other_paths(serve, path):
    """There is nothing else, and it is said in plain text."""
    answer = await (await serve()).get(path)

    assert answer.code == 404
    assert answer.headers["content-type"].startswith("text/plain")


@pytest.mark.parametrize(
    ("path", "method", "headers", "code"),
    [
        ("/health", "GET", {}, 200),
        ("/health", "HEAD", {}, 200),
        ("/none", "GET", {}, 404),
        ("/health", "POST", {}, 405),
        ("/health", "GET", {"content-length": "1"}, 400),
        ("/health", "GET", {"host": "evil.example"}, 421),
        ("/health", "GET", {"authorization": "Bearer x"}, 401),
    ],
)
async def test_headers_of_all_answers(serve, path, method, headers, code):
    """Each answer forbids a browser all it can, and does not name the server."""
    served = await serve(token=TOKEN)
    headers = {"authorization": f"Bearer {TOKEN}", **headers}
    answer = await served.get(path, method, **headers)

    assert answer.code == code
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"
    assert "server" not in answer.headers
    assert ("www-authenticate" in answer.headers) == (code == 401)


async def test_an_open_connection_serves_again(serve):
    """A scraper may keep its connection for the next time."""
    served = await serve()
    request = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
    reader, writer = await served.connect()
    for _ in range(3):
        writer.write(request)
        async with asyncio.timeout(PATIENCE_SECONDS):
            head = await reader.readuntil(b"\r\n\r\n")
            assert await reader.readexactly(19) == b'{"status":"ready"}\n'
        assert head.startswith(b"HTTP/1.1 200")
    writer.close()


async def test_who_is_refused_keeps_no_connection(serve):
    """After a refusal the server closes, whatever the client had asked for."""
    served = await serve(token=TOKEN)
    answer = await served.send(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 401")
    assert answer.count(b"HTTP/1.1") == 1


@pytest.mark.parametrize(
    "data",
    [
        b"GET /health HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 100_000,
        b"GET /" + b"a" * 100_000,
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 600,
        b"GET /health HTTP/1.1\r\nHost: a\r\nHost: localhost\r\n\r\n",
        b"GET /health HTTP/1.1\r\n\r\n",
    ],
    ids=["a long header", "a long path", "TLS", "two hosts", "no host"],
)
async def test_what_is_no_request(serve, said, data):
    """It is answered with an error, closed, and can't fill the log."""
    served = await serve()
    try:
        answer = await served.send(data)
    except ConnectionError:
        answer = b""

    assert b" 200 " not in answer.partition(b"\r\n")[0]
    assert (await served.get("/health")).code == 200
    assert said == []


@pytest.mark.parametrize("data", [b"", b"GET /health HTTP/1.1\r\nHost: local"])
async def test_a_request_that_never_ends(serve, data):
    """It is cut off after its time, so that its place is free again."""
    served = await serve(request_seconds=0.05)
    reader, writer = await served.connect()
    writer.write(data)
    async with asyncio.timeout(PATIENCE_SECONDS):
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""
    writer.close()


async def test_a_client_that_does_not_read(serve):
    """It is cut off as well, with much of its answer unread."""
    served = await serve(request_seconds=0.3)
    served.status = Status(
        state="ready", rejected_total={f"{n:0100}": n for n in range(100_000)}
    )
    _reader, writer = await served.connect()
    writer.write(b"GET /status HTTP/1.1\r\nHost: localhost\r\n\r\n")
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not served.server.connections:
            await asyncio.sleep(0.01)
        # Nothing is read until the server has given up.
        while served.server.connections:
            await asyncio.sleep(0.01)
    writer.close()


async def test_too_many_connections(serve):
    """Those over the bound are closed at once; those within it are served."""
    served = await serve()
    async with connections(served, MAX_CONNECTIONS) as opened:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while served.server.connections < MAX_CONNECTIONS:
                await asyncio.sleep(0.01)
        async with connections(served, 1) as over:
            async with asyncio.timeout(PATIENCE_SECONDS):
                with contextlib.suppress(ConnectionError):
                    assert await over[0][0].read() == b""
        reader, writer = opened[-1]
        writer.write(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        async with asyncio.timeout(PATIENCE_SECONDS):
            assert b"200 OK" in await reader.readline()


async def test_a_hung_scraper_does_not_delay_the_end(serve):
    """Silent and half-heard clients are closed when the server's time is up."""
    served = await serve()
    async with connections(served, 3) as opened:
        opened[0][1].write(b"GET /metr")
        opened[1][1].write(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await opened[1][0].readline()
        served.server.stop()
        async with asyncio.timeout(PATIENCE_SECONDS):
            await served.server.wait_closed(0.0)
            for reader, _ in opened:
                with contextlib.suppress(ConnectionError):
                    await reader.read()
    with pytest.raises(ConnectionRefusedError):
        await served.connect()


async def test_a_bug_in_an_answer(serve, said):
    """It is said in the daemon's log, ends one request, and shows nothing."""
    served = await serve()
    well, served.status = served.status, None
    answer = await served.get("/health")
    served.status = well

    assert answer.code == 500
    assert b"Traceback" not in answer.body
    assert said == ["the answer to a request for '/health' failed"]
    assert (await served.get("/health")).code == 200


async def test_uvicorn_stays_silent(serve, caplog):
    """Records and lines of uvicorn's own never come where records are shown."""
    served = await serve()
    with caplog.at_level(logging.DEBUG):
        await served.send(b"nonsense\r\n\r\n")
        await served.get("/health")
        served.server.stop()
        await served.server.wait_closed(1)

    assert [r.name for r in caplog.records if r.name.startswith("uvicorn")] == []
    assert logging.getLevelName(5) == "Level 5"


async def test_signals_are_left_alone(serve):
    """The handlers of signals are the daemon's while the server runs, and after."""
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = [signal.getsignal(number) for number in numbers]
    served = await serve()
    assert [signal.getsignal(number) for number in numbers] == before
    served.server.stop()
    await served.server.wait_closed(1)
    assert [signal.getsignal(number) for number in numbers] == before


async def test_a_port_that_is_taken(serve):
    """A socket that can't listen is a ListenError."""
    [bound] = bind(TcpAddress("127.0.0.1", 0))
    server = WebServer(lambda *_: None, [bound])
    bound.close()
    with pytest.raises(ListenError, match="cannot serve HTTP"):
        await server.start()
    await server.wait_closed(0)

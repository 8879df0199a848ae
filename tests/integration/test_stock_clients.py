"""The standard library's own handlers, in real processes of their own."""

import socket
import sqlite3
from typing import Any

import pytest
from integration.conftest import RunClient, StartDaemon
from integration.daemon import Daemon

LOG_COLUMNS = [
    *("id", "created", "name", "levelno", "level", "message", "hostname"),
    *("process", "processName", "thread", "threadName", "taskName", "pathname"),
    *("filename", "module", "lineno", "funcName", "exc_text", "stack_info"),
    *("extra", "peer", "received"),
]

ATTACH = """
root = logging.getLogger()
root.setLevel(logging.DEBUG)
root.addHandler(Oracle())
root.addHandler(logging.handlers.SocketHandler("127.0.0.1", PORT))
"""


def assert_same(row: sqlite3.Row, logged: dict[str, Any]) -> None:
    """Compare a stored row with the LogRecord that the client saw."""
    for column in (
        *("created", "name", "levelno", "message", "process", "processName"),
        *("thread", "threadName", "pathname", "filename", "module", "lineno"),
        *("funcName", "exc_text", "stack_info"),
    ):
        assert row[column] == logged[column], column
    assert row["level"] == logged["levelname"]
    assert row["taskName"] == logged.get("taskName")
    assert row["hostname"] == socket.gethostname()
    assert row["peer"] == "127.0.0.1"
    assert abs(row["received"] - row["created"]) < 60


def test_columns_of_the_view(daemon: Daemon) -> None:
    """The view logs has exactly the documented columns, in order."""
    info = daemon.rows("SELECT name FROM pragma_table_info('logs') ORDER BY cid")

    assert [row["name"] for row in info] == LOG_COLUMNS


def test_socket_handler(daemon: Daemon, run_client: RunClient) -> None:
    """What a SocketHandler sends is stored as it was logged, in its order."""
    logged = run_client(
        daemon.port,
        ATTACH,
        """
        def work():
            logging.getLogger("myapp.area1").debug("Quick %s blow", "zephyrs")
            logging.getLogger("myapp.area2").warning("Jail %d vixen", 7)
        logging.info("Jackdaws love my big sphinx of quartz.")
        work()
        logging.getLogger("x").log(25, "a level of our own")
        logging.addLevelName(35, "NOTICE")
        logging.critical("100%% %s", {"a": 1})
        logging.log(35, "a named level")
        """,
    )

    rows = daemon.wait_rows(6)

    assert len(rows) == len(logged) == 6
    for row, seen in zip(rows, logged, strict=True):
        assert_same(row, seen)
        assert row["extra"] is None
    assert [row["level"] for row in rows][-3:] == ["Level 25", "CRITICAL", "NOTICE"]


def test_dict_config(daemon: Daemon, run_client: RunClient) -> None:
    """A SocketHandler made by dictConfig needs nothing but host and port."""
    logged = run_client(
        daemon.port,
        """
        import logging.config
        logging.config.dictConfig({
            "version": 1,
            "handlers": {
                "collector": {
                    "class": "logging.handlers.SocketHandler",
                    "host": "127.0.0.1",
                    "port": PORT,
                },
                "oracle": {"()": lambda: Oracle()},
            },
            "root": {"level": "INFO", "handlers": ["collector", "oracle"]},
        })
        logging.getLogger("configured").info("hello")
        logging.getLogger("configured").debug("below the level")
        """,
    )

    rows = daemon.wait_rows(1)

    assert len(rows) == len(logged) == 1
    assert_same(rows[0], logged[0])


def test_exceptions_and_stacks(daemon: Daemon, run_client: RunClient) -> None:
    """Tracebacks, chained ones too, and stacks are stored as logging shows them."""
    logged = run_client(
        daemon.port,
        ATTACH,
        """
        try:
            1 / 0
        except ZeroDivisionError:
            logging.exception("plain")
        try:
            try:
                {}["missing"]
            except KeyError as error:
                raise RuntimeError("wrapped: \\u00e9\\U0001f600") from error
        except RuntimeError:
            logging.error("chained", exc_info=True)
        logging.warning("with stack", stack_info=True)
        """,
    )

    rows = daemon.wait_rows(3)

    for row, seen in zip(rows, logged, strict=True):
        assert_same(row, seen)
    assert "ZeroDivisionError: division by zero" in rows[0]["exc_text"]
    assert "direct cause" in rows[1]["exc_text"]
    assert rows[2]["stack_info"].startswith("Stack (most recent call last)")


def test_long_and_foreign_texts(daemon: Daemon, run_client: RunClient) -> None:
    """A message of a megabyte, every plane of Unicode and odd arguments survive."""
    logged = run_client(
        daemon.port,
        ATTACH,
        """
        logging.info("x" * 1_000_000)
        logging.info("gr\\u00fc\\u00df \\u65e5\\u672c\\u8a9e \\U0001f600 \\u0661")
        logging.info("%s", [1, "two", None])
        logging.info(12345)
        logging.getLogger("l\\u00f6gger.\\u540d").info("")
        logging.info("line\\nline\\ttab\\r\\n")
        """,
    )

    rows = daemon.wait_rows(6)

    for row, seen in zip(rows, logged, strict=True):
        assert_same(row, seen)
    assert len(rows[0]["message"]) == 1_000_000


def test_unstorable_texts(daemon: Daemon, run_client: RunClient) -> None:
    """Lone surrogates and NULs, which a column can't hold, are escaped."""
    run_client(
        daemon.port,
        ATTACH,
        r"""
        logging.info("lone \udc80 nul \0 end", extra={"k\0": "v\udcff"})
        """,
    )

    row = daemon.wait_rows(1)[0]

    assert row["message"] == "lone \\udc80 nul \\0 end"
    assert row["extra"] == '{"k\\\\0":"v\\\\udcff"}'


def test_threads_and_tasks(daemon: Daemon, run_client: RunClient) -> None:
    """Threads and asyncio tasks of a client are told apart."""
    logged = run_client(
        daemon.port,
        ATTACH,
        """
        import asyncio, threading
        thread = threading.Thread(target=logging.info, args=["in it"], name="worker-7")
        thread.start()
        thread.join()
        async def main():
            logging.info("in a task")
        asyncio.run(main())
        """,
    )

    rows = [row for row in daemon.wait_rows(len(logged)) if row["name"] == "root"]

    assert [row["threadName"] for row in rows] == ["worker-7", "MainThread"]
    seen = [record for record in logged if record["name"] == "root"]
    for row, record in zip(rows, seen, strict=True):
        assert_same(row, record)


def test_several_processes_at_once(daemon: Daemon, run_client: RunClient) -> None:
    """Four processes lose nothing, and each one's records keep their order."""
    run_client(
        daemon.port,
        """
        import multiprocessing

        def work(number):
            logger = logging.getLogger(f"worker{number}")
            logger.setLevel(logging.DEBUG)
            logger.addHandler(logging.handlers.SocketHandler("127.0.0.1", PORT))
            for n in range(2_000):
                logger.info("%d", n)

        context = multiprocessing.get_context("fork")
        workers = [context.Process(target=work, args=[n]) for n in range(4)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        assert [worker.exitcode for worker in workers] == [0] * 4
        """,
    )

    daemon.wait_rows(8_000)
    daemon.stop()

    assert daemon.count() == 8_000
    for number in range(4):
        rows = daemon.rows(
            f"SELECT message, process FROM logs WHERE name = 'worker{number}' "
            "ORDER BY id"
        )
        assert [row["message"] for row in rows] == [str(n) for n in range(2_000)]
        assert len({row["process"] for row in rows}) == 1
    assert len(daemon.rows("SELECT DISTINCT process FROM logs")) == 4
    assert daemon.count("rejects") == 0


def test_a_restart_on_the_same_file(
    start_daemon: StartDaemon, run_client: RunClient
) -> None:
    """A restarted daemon appends to its file, and ids go on."""
    first = start_daemon()
    run_client(first.port, ATTACH, "logging.info('one')")
    first.wait_rows(1)
    first.stop()

    second = start_daemon()
    run_client(second.port, ATTACH, "logging.info('two')")
    rows = second.wait_rows(2)

    assert [(row["id"], row["message"]) for row in rows] == [(1, "one"), (2, "two")]


@pytest.mark.parametrize("attribute", ["hostname", "host"])
def test_a_client_may_name_its_host(
    start_daemon: StartDaemon, run_client: RunClient, attribute: str
) -> None:
    """A hostname that the client's records bring is the one that is stored."""
    daemon = start_daemon()
    code = f"logging.info('hi', extra={{'{attribute}': 'web-7'}})"
    run_client(daemon.port, ATTACH, code)

    assert daemon.wait_rows(1)[0]["hostname"] == "web-7"

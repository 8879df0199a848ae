"""client_attach_socket_handler: a stock handler on the logger of one's choice."""

import logging
import logging.handlers
import os
import pickle
import socket
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from collector import client_attach_socket_handler


class Peer:
    """A listening socket that reads stock frames."""

    def __init__(self, listener: socket.socket) -> None:
        self.listener = listener
        listener.settimeout(10)
        listener.listen()

    def read(self) -> dict[str, Any]:
        """Accept a connection and return the first record that comes."""
        connection, _ = self.listener.accept()
        with connection, connection.makefile("rb") as stream:
            (length,) = struct.unpack(">L", stream.read(4))
            # Made by this very process, so safe to unpickle.
            attributes: dict[str, Any] = pickle.loads(stream.read(length))
            return attributes


@pytest.fixture
def peer() -> Iterator[Peer]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield Peer(listener)


@pytest.fixture(autouse=True)
def loggers() -> Iterator[None]:
    """Put back what the tests change of the loggers they use."""
    used = [logging.getLogger(), logging.getLogger("attach.test")]
    before = [(logger.level, list(logger.handlers)) for logger in used]
    yield
    for logger, (level, handlers) in zip(used, before, strict=True):
        for handler in set(logger.handlers).difference(handlers):
            logger.removeHandler(handler)
            handler.close()
        logger.setLevel(level)


def test_the_handler_is_stock(peer: Peer) -> None:
    """What is attached is the standard library's SocketHandler itself."""
    port = peer.listener.getsockname()[1]

    handler = client_attach_socket_handler("127.0.0.1", port, logger="attach.test")
    logging.getLogger("attach.test").debug("hello %s", "there")

    assert type(handler) is logging.handlers.SocketHandler
    assert handler in logging.getLogger("attach.test").handlers
    record = peer.read()
    assert record["msg"] == "hello there"
    assert record["process"] == os.getpid()


def test_the_root_logger_by_default(peer: Peer) -> None:
    """Without a logger the root gets the handler, and all levels pass."""
    port = peer.listener.getsockname()[1]

    handler = client_attach_socket_handler(port=port)

    assert handler in logging.getLogger().handlers
    assert logging.getLogger().level == logging.DEBUG
    logging.getLogger("below.root").debug("through")
    assert peer.read()["name"] == "below.root"


@pytest.mark.parametrize("level", [logging.ERROR, "ERROR"])
def test_level(peer: Peer, level: int | str) -> None:
    """Records below the level are not sent."""
    port = peer.listener.getsockname()[1]
    logger = logging.getLogger("attach.test")

    client_attach_socket_handler("127.0.0.1", port, level=level, logger=logger)
    logger.warning("below")
    logger.error("at the level")

    assert peer.read()["msg"] == "at the level"


def test_a_unix_socket(tmp_path: Path) -> None:
    """A path as host and None as port reach a UNIX socket."""
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        peer = Peer(listener)

        client_attach_socket_handler(str(path), None, logger="attach.test")
        logging.getLogger("attach.test").info("by path")

        assert peer.read()["msg"] == "by path"


def test_nobody_listens(capsys: pytest.CaptureFixture[str]) -> None:
    """Attaching never fails, and an application without collector goes on."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]

    client_attach_socket_handler("127.0.0.1", port, logger="attach.test")
    logging.getLogger("attach.test").info("into the void")

    assert capsys.readouterr().err == ""

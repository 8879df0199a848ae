"""What users have today: receivers to compare with.

    python rivals.py format FILE
    python rivals.py commit FILE

Both listen on a free port of 127.0.0.1, print it, serve one connection to its
end, print the number of records and end. `format` is the threaded receiver of
the logging cookbook: it formats each record into a file. `commit` also inserts
and commits each into SQLite, beside FILE, as dagrunner's handlers have done.

They unpickle what they receive, as their models do. That hands the process to
whoever can connect, so they are for this benchmark's own frames only.
"""

from __future__ import annotations

import logging
import pickle
import socket
import socketserver
import sqlite3
import struct
import sys
import threading
from pathlib import Path

FORMAT = "%(relativeCreated)5d %(name)-15s %(levelname)-8s %(message)s"


class Connection(socketserver.StreamRequestHandler):
    """Read frames until the peer closes and hand the records to logging."""

    server: Receiver

    def handle(self) -> None:
        """Serve one peer."""
        while prefix := self.receive(4):
            (length,) = struct.unpack(">L", prefix)
            record = logging.makeLogRecord(pickle.loads(self.receive(length)))
            logging.getLogger(record.name).handle(record)
            self.server.records += 1

    def finish(self) -> None:
        """Say that this peer is done, also when it failed."""
        super().finish()
        self.server.ended.set()

    def receive(self, length: int) -> bytes:
        """Return that many bytes, or none when the stream has ended."""
        data: bytes = self.connection.recv(length)
        while 0 < len(data) < length:
            more = self.connection.recv(length - len(data))
            if not more:
                raise EOFError("the peer closed within a frame")
            data += more
        return data


class Receiver(socketserver.ThreadingTCPServer):
    """Listen on a free port; `ended` is set when a peer has closed."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self) -> None:
        """Bind."""
        super().__init__(("127.0.0.1", 0), Connection)
        self.records = 0
        self.ended = threading.Event()


class CommitHandler(logging.Handler):
    """Insert and commit each record, with SQLite's default settings."""

    def __init__(self, path: Path) -> None:
        """Open a new database."""
        super().__init__()
        self.hostname = socket.gethostname()
        # Opened here, used by the connection's thread under the handler's lock.
        self.database = sqlite3.connect(path, check_same_thread=False)
        self.database.execute(
            "CREATE TABLE logs (created TEXT, name TEXT, level TEXT,"
            " message TEXT, hostname TEXT, process TEXT, thread TEXT)"
        )

    def emit(self, record: logging.LogRecord) -> None:
        """Store one record."""
        row = (
            record.created,
            record.name,
            record.levelname,
            record.getMessage(),
            self.hostname,
            record.process,
            record.thread,
        )
        self.database.execute("INSERT INTO logs VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        self.database.commit()


def main(kind: str, path: Path) -> None:
    """Serve one connection and say how many records it brought."""
    logging.basicConfig(filename=path, level=logging.DEBUG, format=FORMAT)
    if kind == "commit":
        logging.getLogger().addHandler(CommitHandler(path.with_suffix(".sqlite")))
    with Receiver() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        print(server.server_address[1], flush=True)
        server.ended.wait()
        print(server.records, flush=True)
        # Stay to be measured until the benchmark says so.
        sys.stdin.readline()
        server.shutdown()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))

"""`logcollector demo`: a server, a client in a second process, the rows."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Final

import click

from collector.client.embedded import ServerContext

# The example of the Python logging cookbook, sent by a stock handler.
CLIENT: Final = """\
import logging, logging.handlers, sys

root = logging.getLogger("")
root.setLevel(logging.DEBUG)
root.addHandler(logging.handlers.SocketHandler("127.0.0.1", int(sys.argv[1])))

logging.info("Jackdaws love my big sphinx of quartz.")

logger1 = logging.getLogger("myapp.area1")
logger2 = logging.getLogger("myapp.area2")

logger1.debug("Quick zephyrs blow, vexing daft Jim.")
logger1.info("How quickly daft jumping zebras vex.")
logger2.warning("Jail zesty vixen who grabbed pay from quack.")
logger2.error("The five boxing wizards jump quickly.")
"""


@click.command()
def command() -> None:
    """See it work, in five seconds: a server, a client, the rows.

    Starts a collector on a free port, sends the logging cookbook's example
    from a second Python process, shows the lines that were emitted and the
    rows that were stored, and removes everything again.
    """
    with tempfile.TemporaryDirectory(prefix="logcollector-demo-") as folder:
        database = Path(folder) / "logs.sqlite"
        with ServerContext(database, host="127.0.0.1", port=0) as server:
            click.echo(f"A collector listens on 127.0.0.1:{server.port}.")
            click.echo("A second process logs to it with a stock SocketHandler;")
            click.echo("these are the lines that the collector emits:\n")
            client = [sys.executable, "-c", CLIENT, str(server.port)]
            subprocess.run(client, check=True)  # noqa: S603 - our own program
        click.echo("\nThese are the rows of its database (view logs):\n")
        _show_rows(database)
    click.echo("\nNothing of this is left. To collect for real:")
    click.echo("  logcollector serve --port 9020 --db logs.sqlite")


def _show_rows(database: Path) -> None:
    columns = ("id", "name", "level", "process", "funcName", "message")
    with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as reader:
        rows = reader.execute(f"SELECT {', '.join(columns)} FROM logs ORDER BY id")
        table = [columns, *([str(value) for value in row] for row in rows)]
    widths = [max(len(row[n]) for row in table) for n in range(len(columns))]
    for row in table:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo("  " + "  ".join(cells).rstrip())

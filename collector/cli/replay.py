"""`logcollector replay`: stored records sent again, as they came."""

from __future__ import annotations

import itertools
import signal
import ssl
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import click

from collector.addresses import Address, UnixAddress, parse_address
from collector.cli.misspelt import hint_at_misspelt
from collector.cli.options import Seconds
from collector.cli.outlet import Outlet
from collector.cli.pace import Pace
from collector.cli.progress_line import ProgressLine, progress_line
from collector.cli.query_command import QueryCommand
from collector.cli.reading import Reading, reading_options
from collector.cli.stock_attributes import seconds_of, sendable, stock_attributes
from collector.cli.tls_files import tls_context
from collector.errors import QueryTimeout, ReadError
from collector.query.log_row import LogRow
from collector.store.reader import Deadline, Reader, open_reader
from collector.store.search import FETCHED_ROWS, Search, started_times
from collector.wire.frames import framed
from collector.wire.stock_pickles import StockWriter

# So often the receiver is made to confirm what it has read, so that after a fault
# no more than this need be sent twice.
CONFIRM_RECORDS: Final = 50_000

# Frames of one system call.
SEND_BYTES: Final = 256 * 1024

# How often to look whether to stop.
LOOK_SECONDS: Final = 0.1

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


@click.command(cls=QueryCommand)
@reading_options(shown=False)
@click.option("--to", "to", required=True, metavar="ADDRESS",
              help="Where to: HOST:PORT, [IPV6]:PORT or a socket's /PATH.")  # fmt: skip
@click.option("--after", type=click.IntRange(0), default=0, metavar="ID",
              help="Only ids after this one: to go on.")  # fmt: skip
@click.option("--limit", "-n", type=click.IntRange(1), help="Most records to send.")
@click.option("--speed", type=Seconds(0, min_open=True), metavar="N",
              help="In the rhythm of their creation, N times as fast.  "
              "[default: as fast as can be]")  # fmt: skip
@click.option("--max-gap", type=Seconds(0), default=60.0, show_default=True,
              metavar="SECONDS", help="With --speed, wait no longer.")  # fmt: skip
@click.option("--tls-ca", type=click.Path(path_type=Path), metavar="FILE",
              help="Speak TLS, with who has a certificate of this CA.")  # fmt: skip
@click.option("--tls-cert", type=click.Path(path_type=Path), metavar="FILE",
              help="A certificate of one's own, if it is asked for.")  # fmt: skip
@click.option("--tls-key", type=click.Path(path_type=Path), metavar="FILE",
              help="Its key, if that is another file.")  # fmt: skip
def command(
    *,
    reading: Reading,
    to: str,
    after: int,
    limit: int | None,
    speed: float | None,
    max_gap: float,
    tls_ca: Path | None,
    tls_cert: Path | None,
    tls_key: Path | None,
) -> None:
    """Send stored records again, as a stock SocketHandler sends them.

    In the order of their ids; those that come meanwhile are not sent. Any
    receiver of logging's own frames takes them. Names, times, levels, hosts,
    tracebacks and extra attributes are as they were; the receiver sets who
    sent them, and when it received them.

    The protocol has no acknowledgement, but a receiver closes a connection when
    it has read it to its end: that is waited for, every 50,000 records. If it
    fails, or on Ctrl-C, the last id that was read for certain is told, to go on
    from there with --after. Read is not stored yet: its own messages tell.

    \b
    Examples:
      logcollector replay --to logs2:9020
      logcollector replay --to logs2:9020 --after 81234
      logcollector replay --to 127.0.0.1:9021 --speed 10 logger:shop since:1h
      logcollector replay --to logs2:9443 --tls-ca ca.pem --level error
    """
    address = _address(to)
    outlet = Outlet(
        address,
        context=_context(address, tls_ca, tls_cert, tls_key),
        about_tls=" (--tls-ca)",
    )
    deadline = Deadline(reading.timeout_seconds)
    with (
        open_reader(reading.database, deadline) as reader,
        progress_line("replaying") as progress,
    ):
        # What is sent may come to be stored in this very database.
        last = reader.value("SELECT coalesce(max(id), 0) FROM records")
        rows = Search(reader, reading.node, after=after, before=last + 1).rows(
            newest_first=False, limit=limit
        )
        pace = None if speed is None else Pace(speed, max_gap)
        replay = Replay(outlet, pace, progress, after=after, last=last)
        before = [signal.signal(number, replay.stop) for number in SIGNALS]
        try:
            replay.run(_timed(reader, rows))
        finally:
            for number, handler in zip(SIGNALS, before, strict=True):
                signal.signal(number, handler)
            outlet.close()
            progress.clear()
            click.echo(replay.told(), err=True)
        if replay.has_found_nothing:
            hint_at_misspelt(reader, reading.node)
    if replay.stopped_by is not None:
        sys.exit(128 + replay.stopped_by)


class Replay:
    """Sends records, and knows how far it has come."""

    def __init__(
        self,
        outlet: Outlet,
        pace: Pace | None,
        progress: ProgressLine,
        *,
        after: int,
        last: int,
    ) -> None:
        self._outlet = outlet
        self._pace = pace
        self._progress = progress
        self._after = after
        self._last = last
        self._writer = StockWriter()
        self._begun = time.monotonic()
        self._waiting = bytearray()
        self._waiting_records = 0
        self._last_id = self._sent_id = self._confirmed_id = after
        self._sent = self._confirmed = 0
        self._is_done = False
        self.stopped_by: int | None = None

    @property
    def has_found_nothing(self) -> bool:
        """Whether all is done, and there was nothing to send."""
        return self._is_done and not self._sent

    def stop(self, number: int, _: object) -> None:
        """Stop at the next record, on a signal; on another one, at once."""
        self.stopped_by = number
        for each in SIGNALS:
            signal.signal(each, signal.SIG_DFL)

    def run(self, rows: Iterable[tuple[LogRow, float]]) -> None:
        """Send all, or until a signal. Raises SendError."""
        try:
            self._send_all(rows)
        except (QueryTimeout, ReadError):
            # That costs no record that is on its way.
            self._confirm()
            raise
        self._confirm()
        self._is_done = self.stopped_by is None

    def _send_all(self, rows: Iterable[tuple[LogRow, float]]) -> None:
        for row, started in rows:
            if self._pace is not None:
                self._wait(self._begun + self._pace.due_seconds(row.created))
            if self.stopped_by is not None:
                break
            self._waiting += framed(
                self._writer.pickled(stock_attributes(row, started))
            )
            self._waiting_records += 1
            self._last_id = row.id
            if len(self._waiting) >= SEND_BYTES:
                self._send()
            if self._sent - self._confirmed >= CONFIRM_RECORDS:
                self._confirm()

    def told(self) -> str:
        """Return what was done, and how to go on if that was not all."""
        seconds = time.monotonic() - self._begun
        text = f"{self._confirmed:,} records sent in {seconds:.1f} s"
        if self._confirmed:
            text += f", {self._confirmed / max(seconds, 0.001):,.0f} a second"
        if self._sent > self._confirmed:
            text += (
                f"; of {self._sent - self._confirmed:,} more, up to id "
                f"{self._sent_id}, nobody knows whether they were read"
            )
        return (
            text
            if self._is_done
            else f"{text}; go on with --after {self._confirmed_id}"
        )

    def _send(self) -> None:
        self._outlet.connect()
        self._sent += self._waiting_records
        self._sent_id = self._last_id
        self._outlet.send(bytes(self._waiting))
        self._waiting.clear()
        self._waiting_records = 0
        self._progress(self._sent_id - self._after, self._last - self._after)

    def _confirm(self) -> None:
        if self._waiting:
            self._send()
        self._outlet.confirm()
        self._confirmed = self._sent
        self._confirmed_id = self._sent_id

    def _wait(self, due: float) -> None:
        """Wait until a time; what is due before goes out first."""
        while (left := due - time.monotonic()) > 0 and self.stopped_by is None:
            if self._waiting:
                self._send()
            time.sleep(min(left, LOOK_SECONDS))


def _timed(reader: Reader, rows: Iterator[LogRow]) -> Iterator[tuple[LogRow, float]]:
    """Yield each record with when its process began to log; 0.0: not known.

    However long they take to be sent, each search gets as much time as the first.
    """
    while batch := list(itertools.islice(rows, FETCHED_ROWS)):
        started = started_times(reader, [row.id for row in batch])
        for row in batch:
            # It may have been deleted meanwhile.
            yield sendable(row), seconds_of(started.get(row.id))
        reader.deadline.restart()


def _address(text: str) -> Address:
    try:
        return parse_address(text)
    except ValueError as error:
        raise click.UsageError(f"--to: {error}") from None


def _context(
    address: Address, ca: Path | None, cert: Path | None, key: Path | None
) -> ssl.SSLContext | None:
    """Return what TLS needs, or None for none."""
    if not (ca or cert or key):
        return None
    if isinstance(address, UnixAddress):
        raise click.UsageError("--tls-ca, --tls-cert: a UNIX socket has no TLS")
    if key and not cert:
        raise click.UsageError("--tls-key is of no use without --tls-cert")
    return tls_context(ca, cert, key)

"""`logcollector rejects show`: one reject, with its bytes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC
from pathlib import Path
from typing import Final

import click

from collector.cli.database_path import database_path
from collector.cli.options import database_option, timeout_option
from collector.cli.rejects.selecting import MAX_ID, no_such
from collector.cli.rejects.today import Today
from collector.cli.rendering.printable import one_line
from collector.cli.rendering.times import TimeTexts
from collector.cli.time_zone import local_zone
from collector.errors import DecodeError
from collector.store.reader import Deadline, open_reader
from collector.store.rejected import Kept, Selection, newest_first, payload_of

ROW_BYTES: Final = 16


@click.command()
@click.argument("reject_id", metavar="ID", type=click.IntRange(1, MAX_ID))
@click.option("--bytes", "shown_bytes", type=click.IntRange(0), default=512,
              show_default=True, help="Most bytes to show; 0: all.")  # fmt: skip
@click.option("--utc", is_flag=True, help="Times in UTC, not in local time.")
@timeout_option(60.0)
@database_option
def command(
    *,
    reject_id: int,
    shown_bytes: int,
    utc: bool,
    timeout: float,
    database: Path | None,
) -> None:
    """Show one reject: why, its bytes, and what it would be today.

    \b
    Examples:
      logcollector rejects show 12
      logcollector rejects show 12 --bytes 0
    """
    path = database_path(database)
    with open_reader(path, Deadline(timeout)) as reader:
        found = list(newest_first(reader, Selection(ids=(reject_id,))))
        payload = payload_of(reader, reject_id)
    if not found or payload is None:
        raise no_such(path, [reject_id])
    [reject] = found
    times = TimeTexts(UTC if utc else local_zone())
    for line in _head(reject, payload, times):
        click.echo(one_line(line))
    shown = payload[: shown_bytes or None]
    for line in hex_dump(shown):
        click.echo(line)
    if len(shown) < reject.payload_bytes:
        click.echo(f"{len(shown):,} of {reject.payload_bytes:,} bytes", err=True)


def _head(reject: Kept, payload: bytes, times: TimeTexts) -> Iterator[str]:
    yield f"received  {times.milliseconds(reject.received)}"
    yield f"peer      {reject.peer}"
    yield f"reason    {reject.reason}"
    yield f"detail    {reject.detail}"
    yield f"bytes     {reject.payload_bytes:,}, {reject.kept_bytes:,} of them kept"
    try:
        record = Today().record(reject, payload)
    except DecodeError as error:
        yield f"today     {error}"
    else:
        yield (
            f"today     a record of {record.name or 'no logger'}, "
            f"{record.levelname}: {record.message[:200]}"
        )


def hex_dump(data: bytes) -> Iterator[str]:
    """Yield lines of 16 bytes: where, in hexadecimal, as ASCII."""
    for start in range(0, len(data), ROW_BYTES):
        row = data[start : start + ROW_BYTES]
        text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
        yield f"{start:08x}  {row.hex(' '):<{ROW_BYTES * 3 - 1}}  {text}"

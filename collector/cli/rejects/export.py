"""`logcollector rejects export`: rejected payloads, to look into elsewhere."""

from __future__ import annotations

import base64
import os
import sys
from datetime import tzinfo
from pathlib import Path
from typing import Final

import click
import msgspec

from collector.cli.database_path import database_path
from collector.cli.options import database_option, timeout_option
from collector.cli.rejects.selecting import no_such, selection_options, tell_of_none
from collector.cli.rendering.counted import counted
from collector.emit.visible import escaped
from collector.errors import ReadError
from collector.store.claim import FILE_MODE
from collector.store.reader import Deadline, open_reader
from collector.store.rejected import Selection, oldest_first, payload_of, unknown

# Of a folder that is made, less the umask: payloads are nobody else's, as the
# records of the database are not.
FOLDER_MODE: Final = 0o750


@click.command()
@selection_options()
@click.option("--to", "folder", type=click.Path(path_type=Path), metavar="FOLDER",
              help="Each payload as a file ID.payload in this folder.")  # fmt: skip
@timeout_option(600.0)
@database_option
def command(
    *,
    selection: Selection,
    zone: tzinfo,  # noqa: ARG001 - of the options
    folder: Path | None,
    timeout: float,
    database: Path | None,
) -> None:
    """Write rejects with their payloads: a JSON object a line, or files.

    In JSON the payload is in base64. What is longer than 64 KiB is kept, and so
    exported, up to there. Files that are there are not overwritten.

    \b
    Examples:
      logcollector rejects export > rejects.jsonl
      logcollector rejects export 12 --to /tmp/rejects
      logcollector rejects export --reason malformed_pickle --to /tmp/rejects
    """
    path = database_path(database)
    exported = 0
    with open_reader(path, Deadline(timeout)) as reader:
        missing = unknown(reader, selection.ids)
        for page in oldest_first(reader, selection):
            for reject in page:
                payload = payload_of(reader, reject.id)
                if payload is None:
                    continue
                exported += 1
                if folder is not None:
                    _write(folder, f"{reject.id}.payload", payload)
                    continue
                told = reject._asdict()
                told["payload"] = base64.b64encode(payload).decode()
                try:
                    sys.stdout.write(escaped(msgspec.json.encode(told).decode()) + "\n")
                except BrokenPipeError:
                    # Enough, as of commands that only read, which writing payloads
                    # to a folder is not.
                    return
    if exported and folder is not None:
        click.echo(f"{folder}: {counted(exported, 'payload')}", err=True)
    elif not exported and not missing:
        tell_of_none(path)
    if missing:
        raise no_such(path, missing)


def _write(folder: Path, name: str, payload: bytes) -> None:
    try:
        folder.mkdir(FOLDER_MODE, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        with os.fdopen(os.open(folder / name, flags, FILE_MODE), "wb") as file:
            file.write(payload)
    except FileExistsError:
        raise ReadError(
            f"{folder / name}: is there already; name another folder"
        ) from None
    except OSError as error:
        raise ReadError(f"{folder / name}: cannot be written: {error}") from None

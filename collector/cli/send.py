"""`logcollector send`: send records from a shell, like logger(1)."""

from __future__ import annotations

import getpass
import os
import sys
import time
from collections.abc import Iterable, Iterator

import click
import msgspec

from collector.addresses import Address, TcpAddress, parse_address
from collector.cli.outlet import Outlet
from collector.record import OWN_ATTRIBUTES, level_name
from collector.setting_values import parse_level
from collector.storable import clean
from collector.wire.frames import framed


@click.command()
@click.argument("message", nargs=-1)
@click.option(
    "--to",
    "to",
    default="127.0.0.1:9020",
    show_default=True,
    metavar="ADDRESS",
    envvar="LOGCOLLECTOR_TO",
    help="Where the collector listens: HOST:PORT, [IPV6]:PORT or a socket's /PATH.",
)
@click.option("--port", "-p", type=click.IntRange(1, 65535), help="Port, on this host.")
@click.option(
    "--level", "-l", default="INFO", show_default=True, help="Name or number."
)
@click.option("--logger", "-n", "name", default="shell", show_default=True)
@click.option(
    "--extra",
    "-e",
    "extras",
    multiple=True,
    metavar="KEY=VALUE",
    help="An extra attribute; numbers, true, false and JSON are taken as such.",
)
def command(  # noqa: PLR0917 - click passes by name
    message: tuple[str, ...],
    to: str,
    port: int | None,
    level: str,
    name: str,
    extras: tuple[str, ...],
) -> None:
    """Send MESSAGE, or each line of stdin, as a record.

    Ends when the collector has read everything; exit status 69 when it can't
    be reached. Speaks no TLS.

    \b
    Examples:
      logcollector send backup done
      logcollector send --level error --logger cron.backup -e host=db1 "disk full"
      make 2>&1 | logcollector send --logger build --extra branch=main
    """
    try:
        address = TcpAddress("127.0.0.1", port) if port else parse_address(to)
        levelno = parse_level(level)
        attributes = dict(_extra(text) for text in extras)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    attributes.update(
        name=name,
        levelno=levelno,
        levelname=level_name(levelno),
        process=os.getpid(),
        processName=_user(),
    )
    texts = [clean(" ".join(message))] if message else _stdin_lines()
    documents = (
        msgspec.json.encode({**attributes, "msg": text, "created": time.time()})
        for text in texts
    )
    _deliver(documents, address)


def _extra(text: str) -> tuple[str, object]:
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise ValueError(f"--extra {text!r} is not KEY=VALUE")
    if key in OWN_ATTRIBUTES:
        raise ValueError(f"--extra {key}: a log record has an attribute of that name")
    try:
        return key, msgspec.json.decode(value)
    except msgspec.DecodeError:
        return key, value


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return ""


def _stdin_lines() -> Iterator[str]:
    for line in sys.stdin.buffer:
        text = line.decode("utf-8", "backslashreplace").rstrip("\r\n")
        if text:
            yield text


def _deliver(payloads: Iterable[bytes], address: Address) -> None:
    """Send frames, then wait until the other side has read them all."""
    outlet = Outlet(address, about_tls=", which send does not speak")
    try:
        outlet.connect()
        for payload in payloads:
            outlet.send(framed(payload))
        outlet.confirm()
    finally:
        outlet.close()

"""`logcollector doctor`: what keeps records from the database, and what to do."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Final

import click

from collector.cli.options import text_or_json_option, timeout_option
from collector.cli.terminal import terminal_has_colors
from collector.cli.tls_files import tls_context
from collector.settings import ENVIRONMENT_PREFIX

# That this user may not read it is a finding like others.
ANY_PATH: Final = click.Path(path_type=Path, readable=False)


@click.command()
@click.option(
    "--config",
    "config_file",
    type=ANY_PATH,
    envvar=ENVIRONMENT_PREFIX + "CONFIG",
    help="The collector's settings file.",
)
@click.option(
    "--db",
    "database",
    type=ANY_PATH,
    metavar="FILE",
    help="The database.  [default: as in the settings, else logs.sqlite]",
)
@click.option(
    "--to",
    metavar="ADDRESS",
    help="Send there: HOST:PORT, [IPV6]:PORT, /PATH.  [default: as in the settings]",
)
@click.option("--tls-ca", metavar="FILE", default="",
              help="With --to, speak TLS; and see whether who speaks TLS has a "
              "certificate of this CA.")  # fmt: skip
@click.option("--tls-cert", metavar="FILE", default="",
              help="A certificate of one's own, if it is asked for.")  # fmt: skip
@click.option("--tls-key", metavar="FILE", default="",
              help="Its key, if that is another file.")  # fmt: skip
@timeout_option(10.0, "Wait so long for each answer, and for the record.", most=3600)
@text_or_json_option
def command(
    *,
    config_file: Path | None,
    database: Path | None,
    to: str | None,
    tls_ca: str,
    tls_cert: str,
    tls_key: str,
    timeout: float,
    output_format: str,
) -> None:
    """Find out what keeps records from being stored.

    Looks at settings, disk, permissions, database, clock and listeners, then
    sends one record (logger logcollector.doctor) through the running collector
    and finds it in the database. Give it the settings that the collector has.
    Exit status: 0 when nothing failed, 1 when something did.

    \b
    Examples:
      logcollector doctor
      logcollector doctor --config /etc/logcollector/config.toml
      logcollector doctor --to logs.example.com:9020 --db copy.sqlite
      logcollector doctor --to logs.example.com:9443 --tls-ca ca.pem --db copy.sqlite
      logcollector doctor -o json
    """
    # Heavy, and needed by this command alone.
    from collector.addresses import UnixAddress, parse_address
    from collector.cli.rendering.findings import Sheet, findings_json
    from collector.cli.settings_file import settings_file
    from collector.cli.status import status_by
    from collector.cli.version import version_text
    from collector.doctor.examination import examine
    from collector.doctor.finding import worst
    from collector.doctor.order import Order

    try:
        address = None if to is None else parse_address(to)
    except ValueError as error:
        raise click.UsageError(f"--to: {error}") from None
    if tls_ca and isinstance(address, UnixAddress):
        raise click.UsageError("--tls-ca: a UNIX socket has no TLS")
    if tls_key and not tls_cert:
        raise click.UsageError("--tls-key is of no use without --tls-cert")
    if tls_ca or tls_cert:
        # Files that can't be read are a mistake in the options, and no finding.
        tls_context(tls_ca or None, tls_cert or None, tls_key or None)
    findings = examine(
        Order(
            version=version_text(),
            config_file=settings_file(config_file),
            environment=dict(os.environ),
            flags={} if database is None else {"db": str(database)},
            to=address,
            tls_ca=tls_ca,
            client_cert=tls_cert,
            client_key=tls_key,
            timeout_seconds=timeout,
            zone=time.strftime("%Z %z"),
            ask_status=status_by,
        )
    )
    if output_format == "json":
        seen = list(findings)
        click.echo(findings_json(seen))
    else:
        sheet = Sheet(color=sys.stdout.isatty() and terminal_has_colors())
        seen = []
        for finding in findings:
            # Each as it comes: one may be waited for.
            seen.append(finding)
            click.echo(sheet.lines_of(finding))
        click.echo(sheet.summary(seen))
    if worst(seen) == "failed":
        sys.exit(1)

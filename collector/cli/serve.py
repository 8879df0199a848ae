"""`logcollector serve`: run the daemon."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import logging
import os
import resource
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NoReturn

import click

from collector.cli.main import exit_status
from collector.cli.own_messages import OwnMessages, log_to
from collector.cli.settings_file import settings_file
from collector.cli.settings_options import given, settings_options
from collector.config import load_settings
from collector.errors import CollectorError
from collector.loops import loop_factory
from collector.service import Service, StopForced
from collector.settings import Settings

log = logging.getLogger("logcollector")

# What a shell says of a process that SIGTERM ended.
EXIT_FORCED: Final = 143

# The daemon makes many objects and few cycles: collecting less often pays.
GC_THRESHOLDS: Final = (50_000, 20, 100)

# SQLite's thread needs the interpreter between two statements: with Python's
# own 5 ms it would spend more time waiting for its turn than writing.
SWITCH_SECONDS: Final = 0.001


@click.command()
@settings_options
def command(config_file: Path | None, **flags: Any) -> None:
    """Collect records: listen, show, store.

    Every flag is a setting: flags override the environment
    (LOGCOLLECTOR_PORT, LOGCOLLECTOR_DB and so on), which overrides the
    settings file, which overrides the defaults.

    \b
    Examples:
      logcollector serve --port 9020 --db logs.sqlite
      logcollector serve --config /etc/logcollector/config.toml
      logcollector serve --listen 0.0.0.0:9020 --listen /run/logs.sock
      logcollector serve --emit none --synchronous normal
    """
    environment = dict(os.environ)

    def load() -> Settings:
        # The file is looked for each time: one may appear before a reload.
        return load_settings(
            file=settings_file(config_file), environment=environment, flags=given(flags)
        )

    settings = load()
    messages = log_to(sys.stderr)
    _raise_descriptor_limit()
    gc.set_threshold(*GC_THRESHOLDS)
    sys.setswitchinterval(SWITCH_SECONDS)
    sys.exit(_run(settings, load, messages))


def _run(
    settings: Settings, load: Callable[[], Settings], messages: OwnMessages
) -> int:
    """Run the service and return the exit status."""

    async def serve() -> int:
        service = Service(settings, environment=os.environ, reload_settings=load)
        service.handle_signals()
        status = 0
        try:
            await service.run(functools.partial(_say_ready, service, settings))
        except StopForced as error:
            log.error("%s", error)
            _exit_now(EXIT_FORCED, messages)
        except CollectorError as error:
            messages.say(f"logcollector: {error}")
            status = exit_status(error)
        if service.output_is_blocked or service.is_looking_up or service.is_stuck:
            # Ending the usual way would wait for threads that may be stuck.
            _exit_now(status, messages)
        return status

    with asyncio.Runner(loop_factory=loop_factory(settings.loop)) as runner:
        status = runner.run(serve())
    _leave_stdout()
    # A dictConfig makes logging forget all handlers that it finds.
    messages.flush()
    return status


def _exit_now(status: int, messages: OwnMessages) -> NoReturn:
    logging.shutdown()
    messages.flush()
    os._exit(status)


def _say_ready(service: Service, settings: Settings) -> None:
    # What is in memory by now stays there: the collector need not look at it.
    gc.collect()
    gc.freeze()
    stored = (
        f"storing in {Path(settings.db).absolute()}"
        if settings.db
        else ("storing nothing")
    )
    log.info("%s, emitting to %s", stored, settings.emit)
    for address in service.addresses:
        log.info("listening on %s", address)
    for address in service.http_addresses:
        log.info("health and metrics at http://%s", address)


def _raise_descriptor_limit() -> None:
    """Allow as many open descriptors as the system lets us have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _leave_stdout() -> None:
    """Let the process end although nobody reads its lines any more."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        # Python flushes stdout once more at exit and would complain.
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

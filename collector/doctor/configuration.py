"""The settings: whether they can be read, and whether `serve` would start with them."""

from __future__ import annotations

import errno
import logging
import os
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from collector.checking import check_start
from collector.config import load_settings
from collector.doctor.finding import Finding, failed, ok, warning
from collector.errors import CollectorError, ConfigError
from collector.settings import ENVIRONMENT_PREFIX, NO_SETTINGS, Settings

STEP: Final = "settings"


def look_at_settings(
    file: Path | None, environment: Mapping[str, str], flags: Mapping[str, object]
) -> tuple[Settings | None, Finding]:
    """Load and check the settings as `serve` does; None where they are of no use."""
    source = sources(file, environment)
    try:
        settings = load_settings(file=file, environment=environment, flags=flags)
    except ConfigError as error:
        # Without settings nothing else can be examined.
        return None, replace(judge_error(file, error), state="failed")
    with _warnings() as said:
        try:
            check_start(settings)
        except CollectorError as error:
            return settings, judge_error(file, error)
    if said:
        return settings, warning(STEP, f"{source}: {said[0]}", *said[1:])
    return settings, ok(STEP, f"{source}: all are right")


def sources(file: Path | None, environment: Mapping[str, str]) -> str:
    """Return where settings come from, for people; no values, which may be secret."""
    names = sorted(
        name
        for name in environment
        if name.startswith(ENVIRONMENT_PREFIX)
        and name.removeprefix(ENVIRONMENT_PREFIX) not in NO_SETTINGS
    )
    named = [str(file)] if file else []
    return ", ".join(named + names) or "the defaults (no --config, no environment)"


def judge_error(file: Path | None, error: CollectorError) -> Finding:
    """Return what is wrong with the settings, and how to look at it again."""
    again = "logcollector config check"
    if file is not None:
        again += f" {shlex.quote(str(file))}"
    if os.strerror(errno.EACCES) in str(error):
        # Keys and tokens should not be readable by everybody.
        return warning(
            STEP,
            f"{error}: user {os.geteuid()} may not; perhaps the collector may",
            f"sudo {again}",
        )
    return failed(STEP, str(error), f"correct it, then: {again}")


@contextmanager
def _warnings() -> Iterator[list[str]]:
    """Gather what is logged of certificates, instead of showing it."""
    said: list[str] = []

    class Keeper(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(record.getMessage())

    own = logging.getLogger("logcollector")
    keeper, propagate = Keeper(logging.WARNING), own.propagate
    own.addHandler(keeper)
    own.propagate = False
    try:
        yield said
    finally:
        own.removeHandler(keeper)
        own.propagate = propagate

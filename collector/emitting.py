"""The emitter that the settings ask for."""

from __future__ import annotations

from collector.emit.emitter import Emitter
from collector.emit.formatter import CollectorFormatter
from collector.emit.outputs import check_output, open_output
from collector.errors import ConfigError
from collector.settings import Settings


def make_emitter(settings: Settings) -> Emitter | None:
    """Make and start the emitter that the settings ask for; None for "none".

    Raises ConfigError when the output can't be opened.
    """
    output = open_output(
        settings.emit,
        _formatter(settings),
        logname=settings.logname or None,
        logging_config=settings.logging,
        rotate_bytes=settings.emit_rotate_bytes,
        rotate_when=settings.emit_rotate_when,
        rotate_keep=settings.emit_rotate_keep,
    )
    if output is None:
        return None
    emitter = Emitter(
        output,
        levelno=settings.emit_levelno(),
        queue_records=settings.emit_queue_records,
    )
    emitter.start()
    return emitter


def check_emitter(settings: Settings) -> None:
    """Check what `make_emitter` would open, and make no file. Raises ConfigError."""
    check_output(settings.emit, _formatter(settings), settings.logging)


def _formatter(settings: Settings) -> CollectorFormatter:
    try:
        return CollectorFormatter(
            settings.format,
            settings.datefmt,
            logname=settings.logname,
            show_extra=settings.emit_extra,
        )
    except ValueError as error:
        raise ConfigError("format", f"no format of logging: {error}") from None

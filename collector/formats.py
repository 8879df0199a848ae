"""The default format of lines: the logging cookbook's, with hostname and PID."""

from __future__ import annotations

from typing import Final

DEFAULT_FORMAT: Final = (
    "%(relativeCreated)5d %(name)-15s %(levelname)-8s %(hostname)s %(process)d "
    "%(asctime)s %(message)s"
)
DEFAULT_DATEFMT: Final = "%Y-%m-%dT%H:%M:%S"

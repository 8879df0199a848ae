"""JSON on a stdout that lacks some characters."""

from __future__ import annotations

import codecs
import io
import json
import sys


def write_json_escapes() -> None:
    """Have characters that stdout's encoding lacks written as JSON escapes."""
    codecs.register_error("logcollector.json", _json_escape)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="logcollector.json")


def _json_escape(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return json.dumps(error.object[error.start : error.end])[1:-1], error.end

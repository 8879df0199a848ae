"""A closer look: commands that show the records that something was told of.

Names of records come from the network, and a command is there to be pasted:
what a query takes for syntax is quoted for it, what a shell would read is
quoted for that, and what can't be printed makes no command.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from collector.cli.rendering.printable import one_line

# As a value in a query it needs no quotes.
_BARE: Final = re.compile(r"[\w.@%/-]+", re.ASCII)

# The flags of a command that says what to read, and what they are set to.
_FLAGS: Final = {"level": "--level", "logger": "--logger", "host": "--host"}


@dataclass(frozen=True, slots=True)
class CloserLook:
    """Writes commands for a database and the query that a command was given."""

    database: str | None
    flags: tuple[str, ...]
    query: str

    @classmethod
    def of(cls, params: Mapping[str, Any]) -> CloserLook:
        """Return it for the parameters of a command, without their times."""
        flags = [
            text
            for name, flag in _FLAGS.items()
            if params.get(name) is not None
            for text in (flag, str(params[name]))
        ]
        flags += [text for each in params.get("texts", ()) for text in ("--grep", each)]
        words = " ".join(params.get("words", ()))
        database = params.get("database")
        return cls(None if database is None else str(database), (*flags,), words)

    def records(self, **tests: object) -> str | None:
        """Return the command for records with some values, but those not told.

        None if it could not be pasted.
        """
        terms = [
            term(field, value) for field, value in tests.items() if value is not None
        ]
        if self.query:
            terms.append(f"({self.query})" if " OR " in self.query else self.query)
        return self._command("query", *self.flags, " ".join(terms))

    def error(self, error_id: str) -> str | None:
        """Return the command for a group of errors."""
        return self._command("errors", "show", error_id)

    def _command(self, *arguments: str) -> str | None:
        database: Sequence[str] = (
            () if self.database is None else ("--db", self.database)
        )
        command = shlex.join(["logcollector", *arguments, *database])
        return command if one_line(command) == command else None


def term(field: str, value: object) -> str:
    """Return a term of a query: a time, or a field that has just this value."""
    text = str(value)
    if field in ("since", "until"):
        return f"{field}:{text}"
    if not _BARE.fullmatch(text):
        escaped = text.replace("\\", "\\\\").replace('"', '\\"')
        text = f'"{escaped}"'
    return f"{field}={text}"

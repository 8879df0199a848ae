"""Findings: what is new or has changed, with what is told of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from collector.cli.closer_look import CloserLook
from collector.cli.rendering.levels import level_group
from collector.cli.rendering.times import TimeTexts
from collector.store.error_groups import ErrorGroup
from collector.store.moved import CallSite
from collector.store.novelty import Novelty
from collector.store.periods import Periods
from collector.store.processes import Run
from collector.store.rates import Rate
from collector.store.reader import Reader
from collector.store.seen import Seen
from collector.store.stats import created_times
from collector.store.words import MOST_CHARS, Words, words

COLUMNS: Final = (
    "kind", "level", "logger", "file", "line", "function", "host", "pid", "process",
    "error", "message", "first", "last", "before", "after", "before_per_hour",
    "after_per_hour", "factor", "command",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to look at. What it has not, or nobody told, is None.

    `first` and `last` are times of its records since then, or if there are
    none, of those before; `command` is one that shows them. `level` is
    the worst, as a group of levels; `levelno` its number.
    """

    kind: str
    levelno: int
    rate: Rate
    logger: str | None = None
    file: str | None = None
    line: int | None = None
    function: str | None = None
    host: str | None = None
    pid: int | None = None
    process: str | None = None
    error: str | None = None
    message: str | None = None
    first: float | None = None
    last: float | None = None
    command: str | None = None

    @property
    def level(self) -> str:
        """The name of the level's group."""
        return level_group(self.levelno).name

    @property
    def place(self) -> str:
        """Where it is in the code, as `file:line`."""
        if not self.file:
            return "-"
        return f"{self.file}:{self.line}" if self.line else self.file

    def plain(self) -> dict[str, Any]:
        """Return it as a plain object."""
        numbers = {
            "before": self.rate.before,
            "after": self.rate.after,
            "before_per_hour": round(self.rate.before_per_hour, 3),
            "after_per_hour": round(self.rate.after_per_hour, 3),
            "factor": None if self.rate.factor is None else round(self.rate.factor, 3),
        }
        return {name: numbers.get(name, getattr(self, name, None)) for name in COLUMNS}


class Findings:
    """Tells what is to be told of a novelty, of at most `limit` of each kind."""

    def __init__(
        self,
        reader: Reader,
        periods: Periods,
        *,
        limit: int,
        times: TimeTexts,
        look: CloserLook,
    ) -> None:
        self._reader = reader
        self._periods = periods
        self._limit = limit or None
        self._times = times
        self._look = look

    def of(self, found: Novelty) -> list[Finding]:
        """Return findings, those of one kind together, the most important first."""
        return [
            *self._seen("new_error", found.new_errors),
            *self._seen("new_call_site", found.new_call_sites),
            *self._seen("error_rate", found.error_rates),
            *self._seen("call_site_rate", found.call_site_rates),
            *self._seen("logger_rate", found.logger_rates),
            *self._seen("process_rate", found.process_rates),
            *self._seen("new_logger", found.new_loggers),
            *self._seen("new_process", found.new_processes),
        ]

    def _seen(self, kind: str, several: list[Seen]) -> Iterator[Finding]:
        chosen = several[: self._limit]
        ids = [each for seen in chosen for each in (seen.first_id, seen.last_id)]
        said, times = words(self._reader, ids), created_times(self._reader, ids)
        for seen in chosen:
            # What is no longer there is looked for where it was.
            moment = self._periods.since if seen.rate.after else self._periods.start
            # What a process says first tells best which one it is.
            example = seen.first_id if kind == "new_process" else seen.last_id
            yield self._finding(
                kind, seen, said.get(example), since=self._since(moment),
                first=times.get(seen.first_id), last=times.get(seen.last_id),
            )  # fmt: skip

    def _finding(
        self, kind: str, seen: Seen, said: Words | None, *, since: str,
        first: float | None, last: float | None,
    ) -> Finding:  # fmt: skip
        message = None if said is None else said.message
        match seen.what:
            case ErrorGroup() as group:
                frame = group.frame
                return Finding(
                    kind, seen.levelno, seen.rate, first=first, last=last,
                    logger=None if said is None else said.logger,
                    file=frame and frame.file, line=frame and frame.line,
                    function=frame and frame.function, error=group.id,
                    message=f"{group.type}: {group.message}"[:MOST_CHARS],
                    command=self._look.error(group.id),
                )  # fmt: skip
            case CallSite() as site:
                file, line = site.filename or None, site.line or None
                return Finding(
                    kind, seen.levelno, seen.rate, first=first, last=last,
                    logger=site.logger, file=file, line=line,
                    function=site.function or None, message=message,
                    command=self._look.records(
                        logger=site.logger, file=file, line=line,
                        level=None if file else site.level, since=since,
                    ),
                )  # fmt: skip
            case Run() as run:
                host, pid, name, _ = run.origin
                return Finding(
                    kind, seen.levelno, seen.rate, first=first, last=last,
                    logger=said and said.logger, message=message,
                    host=host, pid=pid or None, process=name or None,
                    command=self._look.records(host=host, pid=pid or None, since=since),
                )  # fmt: skip
            case logger:
                return Finding(
                    kind, seen.levelno, seen.rate, first=first, last=last,
                    logger=logger, message=message,
                    command=self._look.records(logger=logger, since=since),
                )  # fmt: skip

    def _since(self, moment: int) -> str:
        iso = self._times.iso(moment)
        return str(moment) if iso is None else iso.replace(".000", "")

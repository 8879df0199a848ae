"""Findings as sections of text, what matters most first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Final

from collector.cli.findings import Finding
from collector.cli.rendering.brush import brush, level_brushes
from collector.cli.rendering.levels import WARNING, level_group
from collector.cli.rendering.listing import Column, listing
from collector.cli.rendering.times import TimeTexts
from collector.store.rates import Rate

_Cell = Callable[[Finding], str]


@dataclass(frozen=True, slots=True)
class _Section:
    title: str
    columns: Sequence[str]
    findings: list[Finding]
    with_more: bool = True


class FindingsText:
    """Draws findings for people."""

    def __init__(self, *, zone: tzinfo, color: bool, unicode: bool, width: int) -> None:
        self._color = color
        self._unicode = unicode
        self._width = width
        self._brushes = level_brushes(color=color)
        time = TimeTexts(zone).seconds
        self._cells: dict[str, _Cell] = {
            "count": lambda each: f"{each.rate.after:,}",
            "before/h": lambda each: per_hour(each.rate.before_per_hour),
            "after/h": lambda each: per_hour(each.rate.after_per_hour),
            "change": lambda each: change_text(each.rate),
            "level": lambda each: each.level,
            "worst": lambda each: each.level,
            "logger": lambda each: each.logger or "-",
            "place": lambda each: each.place,
            "function": lambda each: each.function or "-",
            "first": lambda each: time(each.first),
            "host": lambda each: each.host or "-",
            "pid": lambda each: str(each.pid or "-"),
            "process": lambda each: each.process or "-",
        }

    def sections(self, findings: list[Finding]) -> str:
        """Return all sections that have something to tell, each behind its title."""
        return "\n".join(map(self._drawn, _sections(findings)))

    def _drawn(self, section: _Section) -> str:
        columns = [
            Column(
                name,
                [self._cells[name](each) for each in section.findings],
                right=name in _NUMBERS,
                spare=_SPARE.get(name, 0),
                brushes=[
                    self._brushes[level_group(each.levelno)]
                    for each in section.findings
                ]
                if name in ("level", "worst")
                else None,
            )
            for name in section.columns
        ]
        more = section.with_more
        table = listing(
            columns,
            width=self._width,
            color=self._color,
            unicode=self._unicode,
            below=[each.message or "" for each in section.findings] if more else (),
            commands=[each.command or "" for each in section.findings] if more else (),
        )
        title = brush(color=self._color, bold=True).paint(section.title)
        return f"{title}\n{table}"


_NUMBERS: Final = ("count", "before/h", "after/h", "change", "pid")
_SPARE: Final = {"function": 2, "first": 1}
_SITE: Final = ("count", "level", "logger", "place", "function", "first")
_RATE: Final = ("before/h", "after/h", "change", "level", "logger", "place", "function")


def _sections(findings: list[Finding]) -> Iterator[_Section]:
    by_kind: dict[str, list[Finding]] = {}
    for each in findings:
        by_kind.setdefault(each.kind, []).append(each)
    sites = by_kind.get("new_call_site", [])
    rates = [
        each for kind in ("error_rate", "call_site_rate", "logger_rate")
        for each in by_kind.get(kind, ())
    ]  # fmt: skip
    # The sort keeps what changed most in front.
    rates.sort(key=lambda each: each.levelno < WARNING.least)
    for section in (
        _Section("New errors", _SITE, by_kind.get("new_error", [])),
        _Section("New call sites, warnings and above", _SITE,
                 [each for each in sites if each.levelno >= WARNING.least]),
        _Section("Changed rates", _RATE, rates),
        _Section("Changed rates of processes",
                 ("before/h", "after/h", "change", "worst", "host", "pid", "process"),
                 by_kind.get("process_rate", []), with_more=False),
        _Section("New loggers", ("count", "worst", "logger", "first"),
                 by_kind.get("new_logger", []), with_more=False),
        _Section("New processes",
                 ("count", "worst", "host", "pid", "process", "logger", "first"),
                 by_kind.get("new_process", []), with_more=False),
        _Section("Other new call sites", _SITE,
                 [each for each in sites if each.levelno < WARNING.least],
                 with_more=False),
    ):  # fmt: skip
        if section.findings:
            yield section


def per_hour(rate: float) -> str:
    """Return a rate, with a decimal where that says more."""
    return f"{rate:,.0f}" if rate >= 100 or rate == 0 else f"{rate:,.1f}"


def change_text(rate: Rate) -> str:
    """Return what became of a rate in a word: how many times more, or less."""
    if not rate.after:
        return "quiet"
    factor = rate.factor
    if factor is None:
        return "back"
    text = f"{max(factor, 1 / factor):,.1f}"
    return f"x {text}" if factor >= 1 else f"/ {text}"

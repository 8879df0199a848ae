"""The figures of finding as tables, and the aims beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from comparison import TEXTS, Comparison
from filling import Filling
from questions import NEWEST, Question
from report import Table, judge, per_second, text
from timing import Timing
from trials import Outcome

MS = " ms"
COMMAND_AIMS = {"tail -n 50": 250.0, "--help": 150.0}


@dataclass(frozen=True, slots=True)
class Figures:
    """Everything that was measured, by title; empty where it was not."""

    filling: Filling
    questions: Sequence[tuple[Question, Timing]]
    comparisons: Mapping[str, Comparison]
    commands: Mapping[str, Timing]
    ingests: Mapping[str, Sequence[Outcome]]

    @property
    def ingest_ratio(self) -> float | None:
        """The rate into the full database as a share of that into an empty one."""
        if not self.ingests:
            return None
        return rate(self.ingests["full"]) / rate(self.ingests["empty"])


def tables(figures: Figures) -> list[Table]:
    """Return all tables; those of what was not measured have no rows."""
    return [made(figures) for made in (filled, answers, texts, ingests, aims)]


def filled(figures: Figures) -> Table:
    """Return what filling took, and what is stored."""
    found = figures.filling
    rows = [
        row(title, found.records, seconds, stored)
        for title, seconds, stored in (
            ("records, made and stored", found.fill_seconds, found.record_bytes),
            ("search index", found.index_seconds, found.index_bytes),
        )
    ]
    headers = ("", "seconds", "records/s", "MB", "bytes/record")
    return Table(headers, rows)


def row(title: str, records: int, seconds: float, stored: int) -> tuple[str, ...]:
    """Return a row about something done to so many records."""
    return (
        title,
        text(seconds, 1),
        text(records / seconds, 0),
        text(stored / 1e6, 0),
        text(stored / records, 1),
    )


def answers(figures: Figures) -> Table:
    """Return how long each question takes, and each command."""
    rows = [
        timing_row(titled(question), timing) for question, timing in figures.questions
    ]
    rows += [
        timing_row(f"logcollector {title}, the process", timing)
        for title, timing in figures.commands.items()
    ]
    return Table(("", "found", "ms", "from-to"), rows)


def titled(question: Question) -> str:
    """Return a question's title, with what is found where that is not told."""
    told = question.title.startswith(("--count", "count", "histogram", "one id"))
    return question.title if told else f"newest {NEWEST}: {question.title}"


def timing_row(title: str, timing: Timing) -> tuple[str, ...]:
    """Return a row about something that was timed."""
    low, high = min(timing.seconds), max(timing.seconds)
    return (title, f"{timing.found:,}", millis(timing), f"{digits(low)}-{digits(high)}")


def texts(figures: Figures) -> Table:
    """Return how long texts take to find, beside grep."""
    rows = [
        (
            f"{title} ({TEXTS[title][0]})",
            f"{found.counted.found:,}",
            f"{found.grep_any_case.found:,}",
            millis(found.newest),
            millis(found.counted),
            millis(found.scanned),
            millis(found.grep),
            millis(found.grep_any_case),
            text(found.ratio, 1),
        )
        for title, found in figures.comparisons.items()
    ]
    headers = (
        *("text", "records", "lines", f"newest {NEWEST} ms", "count ms"),
        *("unindexed ms", "grep -c ms", "grep -ci ms", "x count"),
    )
    return Table(headers, rows)


def ingests(figures: Figures) -> Table:
    """Return how fast records are taken in by what is there already."""
    rows = [
        (
            f"into the {title} database, indexed",
            f"{outcomes[0].records:,}",
            f"{rate(outcomes):,.0f}",
            ", ".join(f"{per_second(each):,.0f}" for each in outcomes),
        )
        for title, outcomes in figures.ingests.items()
    ]
    return Table(("", "records", "records/s", "rounds"), rows)


def aims(figures: Figures) -> Table:
    """Return the aims that could be measured, and whether they are met."""
    rows = [
        judge(titled(question), timing.median * 1000, most=question.most_ms, unit=MS)
        for question, timing in figures.questions
        if question.most_ms is not None
    ]
    for title, found in figures.comparisons.items():
        most = TEXTS[title][1]
        if most is None:
            continue
        took = found.newest.median * 1000
        rows.append(judge(f"newest {NEWEST}: text, {title}", took, most=most, unit=MS))
        # What occurs nowhere is looked for in every record.
        if not found.scanned.found:
            speed = figures.filling.records / found.scanned.median / 1e6
            what = f"unindexed: text, {title}"
            rows.append(judge(what, speed, least=5, unit=" million/s"))
    rows += [
        judge(f"logcollector {title}", timing.median * 1000, most=most, unit=MS)
        for title, timing in figures.commands.items()
        if (most := COMMAND_AIMS.get(title)) is not None
    ]
    rows.append(judge("ingest, full against empty", figures.ingest_ratio, least=0.9))
    return Table(("aim", "wanted", "measured", ""), [each for each in rows if each])


def rate(outcomes: Sequence[Outcome]) -> float:
    """Return the median of the records per second."""
    return median(map(per_second, outcomes))


def millis(timing: Timing) -> str:
    """Return the median in milliseconds."""
    return digits(timing.median)


def digits(seconds: float) -> str:
    """Return seconds as milliseconds."""
    return text(seconds * 1000, 1 if seconds < 0.1 else 0)

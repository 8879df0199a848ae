"""The figures as tables: medians over the rounds, and the aims beside them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from trials import Latency, Outcome

MEGABYTE = 1_000_000
NOTHING = "-"
TIMES = " x"
TITLES = {
    "floor": "floor: offline unpickle and executemany",
    "none-1": "collector, emit none, 1 connection",
    "none-8": "collector, emit none, 8 connections",
    "file-1": "collector, lines to a file, 1 connection",
    "interpreted": "collector interpreted, emit none, 1 connection",
    "format": "threaded receiver that formats (cookbook)",
    "commit": "the same, one commit a record (dagrunner)",
}


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text under headers; the first column is a name."""

    headers: tuple[str, ...]
    rows: list[tuple[str, ...]]

    def plain(self) -> str:
        """Return it for a terminal."""
        widths = [max(map(len, column)) for column in zip(*self._lines(), strict=True)]
        return "\n".join(
            "  ".join(
                cell.rjust(width) if place else cell.ljust(width)
                for place, (cell, width) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
            for line in self._lines()
        )

    def markdown(self) -> str:
        """Return it for the documentation."""
        ruler = ("---", *("---:" for _ in self.headers[1:]))
        lines = [self.headers, ruler, *self.rows]
        return "\n".join(f"| {' | '.join(line)} |" for line in lines)

    def _lines(self) -> list[tuple[str, ...]]:
        return [self.headers, *self.rows]


@dataclass(frozen=True, slots=True)
class Figures:
    """Everything that was measured, a list entry for each round."""

    outcomes: dict[str, list[Outcome]]
    latencies: list[Latency]

    def middle(
        self, trial: str, read: Callable[[Outcome], float | None]
    ) -> float | None:
        """Return the median of what `read` takes from a trial's outcomes."""
        values = [read(outcome) for outcome in self.outcomes.get(trial, [])]
        known = [value for value in values if value is not None]
        return median(known) if known else None

    def rate(self, trial: str) -> float | None:
        """Return the median of the records per second."""
        return self.middle(trial, per_second)

    def ratio(self, trial: str, base: str) -> float | None:
        """Return how many times the other trial's rate this one has."""
        above, below = self.rate(trial), self.rate(base)
        return above / below if above and below else None

    def delay(self, read: Callable[[Latency], float]) -> float | None:
        """Return the median of a latency in milliseconds."""
        if not self.latencies:
            return None
        return 1000 * median(map(read, self.latencies))


def per_second(outcome: Outcome) -> float:
    """Return the records per second."""
    return outcome.records / outcome.seconds


def cpu_micros(outcome: Outcome) -> float:
    """Return the processor time for a record in microseconds."""
    return outcome.cpu_seconds / outcome.records * 1e6


def peak_megabytes(outcome: Outcome) -> float | None:
    """Return the peak of the resident memory in megabytes."""
    peak = outcome.peak_rss_bytes
    return None if peak is None else peak / MEGABYTE


def stored_bytes(outcome: Outcome) -> float | None:
    """Return the bytes on disk for a record."""
    stored = outcome.stored_bytes
    return None if stored is None else stored / outcome.records


def throughput(figures: Figures) -> Table:
    """Return what each trial reached."""
    rows: list[tuple[str, ...]] = []
    for trial, title in TITLES.items():
        outcomes = figures.outcomes.get(trial)
        if not outcomes:
            continue
        rates = [per_second(outcome) for outcome in outcomes]
        rows.append(
            (
                title,
                f"{outcomes[0].records:,}",
                f"{median(rates):,.0f}",
                f"{min(rates):,.0f}-{max(rates):,.0f}",
                text(figures.ratio(trial, "floor"), 2 if trial != "commit" else 4),
                text(figures.middle(trial, cpu_micros), 1),
                text(figures.middle(trial, peak_megabytes), 0),
                text(figures.middle(trial, stored_bytes), 0),
            )
        )
    headers = (
        *("", "records", "records/s", "from-to", "x floor"),
        *("CPU µs/record", "peak RSS MB", "bytes/record"),
    )
    return Table(headers, rows)


def latency(figures: Figures) -> Table:
    """Return the times from emit to committed."""
    headers = ("emit to committed", "records/s", "p50 ms", "p99 ms", "worst ms")
    if not figures.latencies:
        return Table(headers, [])
    row = (
        "collector, emit none, one stock SocketHandler",
        f"{median(found.rate for found in figures.latencies):,.0f}",
        text(figures.delay(lambda found: found.median), 1),
        text(figures.delay(lambda found: found.p99), 1),
        text(figures.delay(lambda found: found.worst), 1),
    )
    return Table(headers, [row])


def aims(figures: Figures) -> Table:
    """Return the aims that could be measured, and whether they are met."""
    floor = "floor"
    peaks = [figures.middle(trial, peak_megabytes) for trial in collectors()]
    lines = figures.middle("file-1", lambda outcome: outcome.lines_share)
    rows = [
        judge("emit none, 1 connection", figures.ratio("none-1", floor), least=1.0),
        judge("emit none, 8 connections", figures.ratio("none-8", floor), least=1.0),
        judge("lines to a file", figures.ratio("file-1", floor), least=0.7),
        judge("interpreted", figures.ratio("interpreted", floor), least=0.3),
        judge(
            "against one commit a record",
            figures.ratio("none-1", "commit"),
            least=80,
        ),
        judge("peak RSS", highest(peaks), most=150, unit=" MB"),
        judge("on disk", figures.middle("none-1", stored_bytes), most=110, unit=" B"),
        judge(
            "emit to committed, p99",
            figures.delay(lambda found: found.p99),
            most=200,
            unit=" ms",
        ),
        judge("lines written", lines and 100 * lines, least=100, unit=" %"),
    ]
    return Table(("aim", "wanted", "measured", ""), [row for row in rows if row])


def judge(
    what: str,
    measured: float | None,
    *,
    least: float | None = None,
    most: float | None = None,
    unit: str = TIMES,
) -> tuple[str, ...] | None:
    """Return a row for one aim, none if it was not measured."""
    if measured is None:
        return None
    if least is not None:
        met, wanted = measured >= least, f">= {least:g}{unit}"
    else:
        assert most is not None
        met, wanted = measured <= most, f"<= {most:g}{unit}"
    digits = 2 if unit == TIMES else 1
    return (what, wanted, f"{measured:.{digits}f}{unit}", "ok" if met else "missed")


def notes(figures: Figures) -> list[str]:
    """Return what the tables have no column for."""
    found = []
    late = figures.middle("file-1", lambda outcome: outcome.lines_late_seconds)
    if late is not None:
        found.append(
            "with lines to a file, the time runs until the last record is committed"
            f" and the last line written, which was {late:.2f} s later"
        )
    stops = [
        figures.middle(trial, lambda outcome: outcome.stop_seconds)
        for trial in collectors()
    ]
    if (longest := highest(stops)) is not None:
        found.append(f"after SIGTERM the collector ended within {longest:.1f} s")
    return found


def collectors() -> Iterable[str]:
    """Return the trials that run the collector."""
    return ("none-1", "none-8", "file-1", "interpreted")


def highest(values: Sequence[float | None]) -> float | None:
    """Return the highest of the known values."""
    return max((value for value in values if value is not None), default=None)


def text(value: float | None, digits: int) -> str:
    """Return a number as text."""
    return NOTHING if value is None else f"{value:,.{digits}f}"

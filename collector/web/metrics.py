"""Metrics: a Status in the text format of Prometheus."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import accumulate
from typing import Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from collector.status import Distribution, Status
from collector.web.process import ProcessFigures

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

# Each label value is a time series for ever: peers come and go.
MAX_LABEL_VALUES: Final = 100
OTHERS: Final = "other"

MAX_LABEL_CHARS: Final = 100

PREFIX: Final = "logcollector_"


def metrics_page(status: Status, process: ProcessFigures) -> bytes:
    """Return the page that Prometheus reads."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Given([*metrics(status), *process_metrics(process)]))
    return generate_latest(registry)


class _Given(Collector):
    """Metrics that are there already."""

    def __init__(self, given: list[Metric]) -> None:
        self._given = given

    def collect(self) -> list[Metric]:
        return self._given


def metrics(status: Status) -> Iterator[Metric]:
    """Yield what a Status tells."""
    for name, total, about in _counters(status):
        yield CounterMetricFamily(PREFIX + name, about, value=total)
    for name, label, counts, about in _labelled_counters(status):
        family = CounterMetricFamily(PREFIX + name, about, labels=[label])
        for value, count in label_values(counts).items():
            family.add_metric([value], count)
        yield family
    for name, amount, about in _gauges(status):
        if amount is not None:
            yield GaugeMetricFamily(PREFIX + name, about, value=amount)
    problems = GaugeMetricFamily(
        PREFIX + "problem", "1 for each problem there is now.", labels=["name"]
    )
    for problem in status.problems:
        problems.add_metric([problem.name], 1)
    yield problems
    yield _histogram(
        PREFIX + "commit_seconds", "How long transactions took.", status.commits
    )
    build = GaugeMetricFamily(
        PREFIX + "build_info", "1, with the version as a label.", labels=["version"]
    )
    build.add_metric([status.version], 1)
    yield build


def process_metrics(process: ProcessFigures) -> Iterator[Metric]:
    """Yield what the process takes, under the names that all programs use."""
    yield CounterMetricFamily(
        "process_cpu_seconds", "Processor time of the process.", process.cpu_seconds
    )
    if process.resident_bytes is not None:
        yield GaugeMetricFamily(
            "process_resident_memory_bytes",
            "Resident memory of the process.",
            process.resident_bytes,
        )
    if process.descriptors is not None:
        yield GaugeMetricFamily(
            "process_open_fds", "Open descriptors of the process.", process.descriptors
        )


def label_values(counts: Mapping[str, int]) -> dict[str, int]:
    """Return counts by label values: bounded in number and length, printable.

    Those that came first are kept, so that no counter ever falls.
    """
    kept: dict[str, int] = {}
    for key, count in counts.items():
        value = key.encode("unicode_escape").decode()[:MAX_LABEL_CHARS]
        if value not in kept and len(kept) >= MAX_LABEL_VALUES:
            value = OTHERS
        kept[value] = kept.get(value, 0) + count
    return kept


def _counters(status: Status) -> Iterator[tuple[str, int, str]]:
    yield "received_records", status.received_total, "Frames that came."
    yield (
        "recovered_records",
        status.recovered_total,
        "Frames that were found in the spool at the start.",
    )
    yield "stored_records", status.stored_total, "Records committed to the database."
    yield (
        "refused_records",
        status.refused_by_sqlite_total,
        "Records that SQLite refused; they are kept as rejects.",
    )
    yield (
        "spilled_records",
        status.spilled_total,
        "Frames that went to the spool on disk to wait.",
    )
    yield (
        "replaced_databases",
        status.replaced_total,
        "Damaged databases that were set aside, with a new one begun.",
    )
    yield (
        "vanished_peers",
        status.peers_vanished_total,
        "Connections closed as their peers no longer answered.",
    )
    yield "emitted_records", status.emitted_total, "Records shown on the output."
    yield (
        "dropped_lines",
        status.lines_dropped_total,
        "Records not shown, as the output was too slow; they are stored.",
    )


def _labelled_counters(
    status: Status,
) -> Iterator[tuple[str, str, Mapping[str, int], str]]:
    yield (
        "rejected_frames",
        "reason",
        status.rejected_total,
        "Frames whose data was bad.",
    )
    yield "shed_records", "reason", status.shed_total, "Frames lost on purpose."
    yield (
        "shed_records_by_peer",
        "peer",
        status.shed_by_peer_total,
        "Frames lost on purpose, by who had sent them.",
    )
    yield (
        "refused_names",
        "peer",
        status.refused_names_total,
        "Names in pickles that were read as data, by who had sent them.",
    )
    yield (
        "dangerous_names",
        "peer",
        status.dangerous_names_total,
        "Those of them that look like an attack.",
    )
    yield (
        "pruned_records",
        "reason",
        status.pruned_total,
        "Records removed by retention, for their age or the database's size.",
    )
    yield (
        "refused_connections",
        "reason",
        status.connections_refused_total,
        "Connections that were not taken.",
    )


def _gauges(status: Status) -> Iterator[tuple[str, float | None, str]]:
    yield "ready", int(status.is_well), "1 when records are taken and all is well."
    yield "start_time_seconds", status.started, "When it started, in epoch seconds."
    yield "connections", status.connections, "Open connections."
    yield "queue_records", status.waiting_records, "Records that wait in memory."
    yield "queue_bytes", status.waiting_bytes, "Memory that they take, about."
    yield "spool_records", status.spool_records, "Frames that wait in the spool."
    yield "spool_bytes", status.spool_bytes, "Size of the spool."
    yield "database_bytes", status.database_bytes, "Size of the database."
    yield "wal_bytes", status.wal_bytes, "Size of its write-ahead log."
    yield (
        "last_commit_age_seconds",
        status.last_commit_age_seconds,
        "How long ago the last transaction was; absent before the first.",
    )
    yield (
        "index_lag_records",
        status.index_lag_records,
        "Records that the search index does not have yet.",
    )
    yield (
        "loop_lag_seconds",
        status.loop_lag_seconds,
        "How late the event loop was at worst in the last 15 to 30 s.",
    )


def _histogram(name: str, about: str, times: Distribution) -> Metric:
    names = [*(str(bound) for bound in times.bounds), "+Inf"]
    buckets = list(zip(names, accumulate(times.counts), strict=True))
    return HistogramMetricFamily(
        name, about, buckets=buckets, sum_value=times.sum_seconds
    )

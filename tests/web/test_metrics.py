"""The page for Prometheus, as prometheus-client's own parser reads it."""

import re
from collections import Counter
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from collector.commit_times import CommitTimes
from collector.status import Problem, Status
from collector.web.metrics import MAX_LABEL_VALUES, label_values, metrics_page
from collector.web.process import ProcessFigures, process_figures

PAGE = Path(__file__).resolve().parents[2] / "docs" / "watching.md"

FIGURES = ProcessFigures(1.5, 40_000_000, 12)


def samples(status, process=FIGURES):
    """Return all samples of the page: name and labels, value."""
    page = metrics_page(status, process).decode()
    return {
        (sample.name.removeprefix("logcollector_"), *sample.labels.values()): (
            sample.value
        )
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }


def test_all_counters():
    """Each figure of a Status is on the page, those by reason with the reason."""
    times = CommitTimes()
    for seconds in (0.001, 0.015, 0.015, 60.0):
        times.observe(seconds)
    found = samples(
        Status(
            state="ready",
            version="1.2.3",
            started=1.5e9,
            problems=(Problem("disk_full", "x"),),
            connections=3,
            connections_refused_total={"limit": 4},
            received_total=100,
            recovered_total=5,
            rejected_total={"no_record": 6, "bad_json": 7},
            shed_total={"spool_full": 8},
            shed_by_peer_total={"10.0.0.1": 8},
            refused_names_total={"10.0.0.2": 22},
            dangerous_names_total={"10.0.0.2": 1},
            spilled_total=9,
            waiting_records=10,
            waiting_bytes=11,
            spool_records=12,
            spool_bytes=13,
            stored_total=14,
            refused_by_sqlite_total=15,
            database_bytes=16,
            wal_bytes=17,
            commits=times.distribution(),
            last_commit_age_seconds=18.5,
            index_lag_records=19,
            emitted_total=20,
            lines_dropped_total=21,
            loop_lag_seconds=0.25,
        )
    )
    assert {
        ("ready",): 0,
        ("problem", "disk_full"): 1,
        ("build_info", "1.2.3"): 1,
        ("start_time_seconds",): 1.5e9,
        ("connections",): 3,
        ("refused_connections_total", "limit"): 4,
        ("received_records_total",): 100,
        ("recovered_records_total",): 5,
        ("rejected_frames_total", "no_record"): 6,
        ("rejected_frames_total", "bad_json"): 7,
        ("shed_records_total", "spool_full"): 8,
        ("shed_records_by_peer_total", "10.0.0.1"): 8,
        ("refused_names_total", "10.0.0.2"): 22,
        ("dangerous_names_total", "10.0.0.2"): 1,
        ("spilled_records_total",): 9,
        ("queue_records",): 10,
        ("queue_bytes",): 11,
        ("spool_records",): 12,
        ("spool_bytes",): 13,
        ("stored_records_total",): 14,
        ("refused_records_total",): 15,
        ("database_bytes",): 16,
        ("wal_bytes",): 17,
        ("last_commit_age_seconds",): 18.5,
        ("index_lag_records",): 19,
        ("emitted_records_total",): 20,
        ("dropped_lines_total",): 21,
        ("loop_lag_seconds",): 0.25,
        ("commit_seconds_count",): 4,
        ("commit_seconds_bucket", "0.002"): 1,
        ("commit_seconds_bucket", "0.01"): 1,
        ("commit_seconds_bucket", "0.02"): 3,
        ("commit_seconds_bucket", "10.0"): 3,
        ("commit_seconds_bucket", "+Inf"): 4,
        ("process_cpu_seconds_total",): 1.5,
        ("process_resident_memory_bytes",): 40_000_000,
        ("process_open_fds",): 12,
    }.items() <= found.items()
    assert abs(found["commit_seconds_sum",] - 60.031) < 1e-9


def test_what_is_not_known_is_absent():
    """Before the first commit there is no age of the last; a metric is never wrong."""
    found = samples(Status(spool_records=None), ProcessFigures(0.0, None, None))

    assert (
        not {
            ("last_commit_age_seconds",),
            ("spool_records",),
            ("process_resident_memory_bytes",),
            ("process_open_fds",),
        }
        & found.keys()
    )


def test_the_figures_of_this_process():
    """They are those of a real process: more than nothing."""
    figures = process_figures()

    assert figures.cpu_seconds > 0
    assert figures.resident_bytes is None or figures.resident_bytes > 1_000_000
    assert figures.descriptors is None or figures.descriptors > 2


def test_many_peers():
    """Peers beyond a bound are one series; nothing is lost, and no counter falls."""
    counts = Counter({f"10.0.{n // 256}.{n % 256}": 1 for n in range(1000)})
    before = label_values(counts)
    counts["10.0.3.200"] += 50
    counts["10.9.9.9"] += 1
    after = label_values(counts)

    assert len(before) == MAX_LABEL_VALUES + 1
    assert before["other"] == 1000 - MAX_LABEL_VALUES
    assert sum(after.values()) == counts.total()
    assert all(after[value] >= before[value] for value in before)


def test_odd_names():
    """Whatever a label holds, it stays one label of one printable line."""
    evil = 'a"} 1\nlogcollector_ready 1 #\x1b[2J\\ é' + "x" * 1000
    found = samples(Status(shed_by_peer_total={evil: 2}))
    [peer] = [key[1] for key in found if key[0] == "shed_records_by_peer_total"]

    assert found["ready",] == 0
    assert len(peer) == 100
    assert peer.isprintable()


def test_two_long_names_with_the_same_beginning():
    """What is equal once cut is counted together: a series must not stand twice."""
    found = samples(Status(shed_by_peer_total={"x" * 200: 1, "x" * 300: 2}))

    assert found["shed_records_by_peer_total", "x" * 100] == 3


def test_the_page_names_all_metrics():
    """The table of docs/watching.md has exactly these metrics, with their labels."""
    page = metrics_page(Status(last_commit_age_seconds=1.0), FIGURES).decode()
    names = {
        name.removeprefix("logcollector_")
        for name in re.findall(r"^# TYPE (logcollector_\w+)", page, re.MULTILINE)
    }
    section = PAGE.read_text(encoding="utf-8").partition("| metric, after")[2]
    told = set()
    for row in section.partition("\n\n")[0].splitlines()[2:]:
        told |= set(re.findall(r"`(\w+)(?:\{\w+\})?`", row.split("|")[1]))

    assert told == names

"""Runs of processes are those that counting record by record finds."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from query.test_agreement import draw_node
from store.hypotheses import NOW, batches, drawn_values, moment
from store.stored import new_stored, reading

from collector.errors import ReadError
from collector.query.tree import Comparison, Everything, Since, Text, Until, every
from collector.store import search
from collector.store.inserter import note_import
from collector.store.processes import (
    now_of,
    process_runs,
    received_times,
    states,
    times_of,
)

HOUR, DAY = 3600, 86_400


def started_of(connection):
    """Return the start of each record's process, which no view shows."""
    return dict(
        connection.execute(
            "SELECT r.id, o.started FROM records AS r JOIN origins AS o "
            "ON o.id = r.origin_id"
        )
    )


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(data=st.data(), stored_batches=batches)
def test_runs_are_what_counting_gives(example_path, data, stored_batches):
    """Every record that matches is counted in one run, and its bounds are true."""
    with pytest.MonkeyPatch.context() as patch, new_stored(example_path) as one:
        patch.setattr(search, "SCANNED_IDS", data.draw(st.integers(1, 9)))
        for batch in stored_batches:
            one.add(*batch)
        node = draw_node(data, drawn_values(stored_batches))
        bounds = []
        if data.draw(st.booleans()):
            bounds.append(Since(data.draw(moment)))
        matching = one.matching(every(node, *bounds))
        whole = one.matching(times_of(every(node, *bounds)))
        started = started_of(one.connection)

        with reading(example_path) as reader:
            runs = process_runs(reader, every(node, *bounds))

    def told(row):
        return row.hostname, row.process or 0, row.processName or "", started[row.id]

    # Where a start is told, it is the run; else runs part by silence.
    assert {run.origin for run in runs} == {told(row) for row in matching}
    assert sum(run.count for run in runs) == len(matching)
    for run in runs:
        if not run.origin.started:
            continue
        mine = [row for row in matching if told(row) == run.origin]
        all_of_it = [row.id for row in whole if told(row) == run.origin]
        assert run.count == len(mine)
        assert run.worst == max(row.levelno for row in mine)
        if all_of_it:
            low, high = run.first_id, run.last_id
            assert (low, high) == (min(all_of_it), max(all_of_it))


def runs_of(stored, node=None):
    with reading(stored.path) as reader:
        runs = process_runs(reader, node or Everything())
    return sorted(runs, key=lambda run: run.first_id)


def test_threads_and_peers_are_one_run(stored, make_record):
    """A run is one, however many threads it has and ways it connects."""
    stored.add(
        make_record(thread=1, peer="::1"),
        make_record(thread=2, levelno=40),
        make_record(thread=1, peer="unix"),
    )
    [run] = runs_of(stored)

    assert (run.count, run.worst, run.first_id, run.last_id) == (3, 40, 1, 3)


def test_a_start_on_the_border_of_a_hundredth_is_one(stored, make_record):
    """Starts that differ by rounding are one run; a restart is another."""
    stored.add(
        *(make_record(started=at) for at in (NOW, NOW + 0.01, NOW, NOW + 0.3)),
    )

    assert [run.count for run in runs_of(stored)] == [3, 1]


def test_an_untold_start(stored, make_record):
    """Without a start, a PID that was silent for more than a day is a new run."""
    stored.add(
        *(
            make_record(created=NOW + hours * HOUR, started=0.0)
            for hours in (0, 0.1, 20, 44, 69.5, 70)
        ),
        make_record(created=NOW, started=0.0, process=7),
    )

    assert [run.count for run in runs_of(stored)] == [4, 2, 1]


def test_a_query_does_not_shorten_a_run(stored, make_record):
    """What matches is counted; first and last record are the run's own."""
    stored.add(
        make_record("start"),
        make_record("failed", levelno=40),
        make_record("end", created=NOW + 50),
        make_record("other", process=7),
    )
    [run] = runs_of(stored, Comparison("levelno", ">=", 40))

    assert (run.count, run.first_id, run.last_id) == (1, 1, 3)
    [run] = runs_of(stored, every(Text("failed"), Until(NOW + 40)))
    assert (run.count, run.first_id, run.last_id) == (1, 1, 2)


def states_of(stored, *, silent_seconds=600, node=None):
    with reading(stored.path) as reader:
        runs = process_runs(reader, node or Everything())
        runs.sort(key=lambda run: run.first_id)
        heard = received_times(reader, [run.last_id for run in runs])
        now = now_of(reader, node or Everything(), heard)
        return [
            state.value
            for state in states(runs, heard, now=now, silent_seconds=silent_seconds)
        ]


def test_states(stored, make_record):
    """Gone is a run whose PID has passed on, silent one that says nothing lately."""

    def at(seconds, **values):
        moment = NOW + seconds
        return make_record(created=moment, received=moment, **values)

    stored.add(
        at(0, process=1, started=NOW - 9),
        at(1, process=2, started=NOW - 9),
        at(2, process=1, started=NOW + 1.5),
        at(3, process=3, started=NOW - 9),
        at(700, process=1, started=NOW + 1.5),
        at(701, process=4, started=NOW - 9),
    )

    assert states_of(stored) == ["gone", "silent", "active", "silent", "active"]
    assert states_of(stored, silent_seconds=700)[1] == "active"
    # At that time nobody was silent for long yet, and the PID had passed on.
    until = Until(NOW + 100)
    assert states_of(stored, node=until) == ["gone", *["active"] * 3]


def test_two_with_one_pid_at_once_are_both_there(stored, make_record):
    """Processes of two containers that share host and PID are not gone."""
    stored.add(*(make_record(started=NOW - n % 2, process=1) for n in range(6)))

    assert states_of(stored) == ["active", "active"]


def test_processes_without_a_pid_do_not_replace_each_other(stored, make_record):
    """Where no PID is told, nothing says that it passed on."""
    stored.add(*(make_record(started=NOW + n, process=0) for n in range(2)))

    assert states_of(stored) == ["active", "active"]


def test_clocks_may_differ(stored, make_record):
    """Silence is told by the collector's clock, whatever a host's own says."""
    stored.add(
        make_record(created=NOW - DAY, received=NOW, hostname="late"),
        make_record(created=NOW + DAY, received=NOW + 1, hostname="early"),
    )

    assert states_of(stored) == ["active", "active"]


def test_imported_runs_are_judged_by_their_own_clock(stored, make_record):
    """Of old records, the time of receipt may be that of their file, or the import."""
    imported = NOW + DAY
    stored.add(
        make_record(created=NOW, received=imported, process=1),
        make_record(created=NOW + 1000, received=imported, process=2),
    )
    note_import(stored.connection, 0, imported)

    assert states_of(stored) == ["silent", "active"]


def test_an_imported_clock_that_is_ahead(stored, make_record):
    """An imported record of a host whose clock is ahead makes nobody silent."""
    stored.add(make_record(created=NOW, received=NOW, process=1))
    stored.add(make_record(created=NOW + 9 * DAY, received=NOW + 5, process=2))
    note_import(stored.connection, 1, NOW + 5)

    assert states_of(stored) == ["active", "active"]


def test_imports_beside_records_of_clients(stored, make_record):
    """What was imported, however late, makes nobody silent, nor anybody active."""

    def client(at, pid):
        return make_record(created=at - DAY, received=at, process=pid)

    def old(pid):
        return make_record(created=NOW - DAY, received=NOW + DAY, process=pid)

    stored.add(client(NOW, 1), client(NOW + 900, 2))
    for pid in (3, 4):
        stored.add(old(pid))
        note_import(stored.connection, pid - 1, NOW + DAY + pid)

    assert states_of(stored) == ["silent", "active", "silent", "silent"]
    # Also where only the one is asked for.
    assert states_of(stored, node=Comparison("process", "=", 1)) == ["silent"]
    stored.add(client(NOW + 1000, 5))
    assert states_of(stored)[1:] == ["active", "silent", "silent", "active"]


def test_an_empty_database(stored):
    """Where there are no records there are no runs."""
    assert runs_of(stored) == []
    assert states_of(stored) == []


def test_runs_without_end_are_refused(stored, make_record, monkeypatch):
    """More threads than memory should hold end it with a hint."""
    monkeypatch.setattr("collector.store.spells.MOST_SPELLS", 5)
    stored.add(*(make_record(thread=n) for n in range(6)))

    with pytest.raises(ReadError, match="narrow it down"):
        runs_of(stored)


def test_other_threads_of_a_process_are_its_run(stored, make_record):
    """A run lasts as long as any of its threads, whichever of them a query asks for."""
    stored.add(
        make_record("first", thread=1, created=NOW, received=NOW),
        make_record("bad", thread=2, levelno=40, created=NOW + 1, received=NOW + 1),
        make_record("last", thread=3, created=NOW + 2, received=NOW + 2),
    )
    with reading(stored.path) as reader:
        [run] = process_runs(reader, Text("bad"))

    assert (run.count, run.first_id, run.last_id) == (1, 1, 3)

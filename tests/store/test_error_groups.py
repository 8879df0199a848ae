"""Errors in groups: counted right, from real databases, within bounds."""

import json
from collections import Counter

import pytest
from store.stored import new_stored, opened, reading

from collector.errors import QueryTimeout
from collector.query.tree import Comparison, Everything, Not, Since, Text
from collector.store import error_groups as module
from collector.store.error_groups import Timeline, error_groups
from collector.store.reader import Deadline, open_reader
from collector.tracebacks.fingerprints import Fingerprints

START = 1_700_000_000.0


def traceback_of(function, message="boom", line=7, kind="ValueError"):
    return (
        "Traceback (most recent call last):\n"
        f'  File "/srv/shop/shop/db.py", line {line}, in {function}\n'
        f"    raise {kind}(message)\n"
        f"{kind}: {message}"
    )


@pytest.fixture
def store(tmp_path, make_record):
    """Makes a database of records, each with some values changed."""

    def make(*changes):
        with new_stored(tmp_path / "logs.sqlite") as one:
            one.add(*[make_record(**each) for each in changes])
        return one.path

    return make


def groups(path, node=None, **options):
    with reading(path) as reader:
        return error_groups(reader, node or Everything(), **options).groups


def test_records_of_one_cause_are_one_group(store):
    """Messages, values, lines, hosts and times may differ."""
    path = store(
        {"exc_text": traceback_of("load", "id 1"), "created": START + 90},
        {"message": "nothing wrong"},
        {"exc_text": traceback_of("load", "id 2", 9), "created": START + 10},
        {"exc_text": traceback_of("save", "id 3"), "created": START + 20},
        {
            "exc_text": traceback_of("load", "id 4"),
            "created": START + 50,
            "hostname": "web2",
        },
    )

    first, second = groups(path, timeline=Timeline(int(START), 60, 2))

    assert (first.count, first.type, first.message) == (3, "ValueError", "id 4")
    assert (first.first, first.last) == (START + 10, START + 90)
    assert (first.first_id, first.last_id) == (1, 5)
    assert first.history == [2, 1]
    assert sorted(first.hosts.values()) == [1, 2]
    assert first.hosts["web2"] == 1
    assert first.frame == ("/srv/shop/shop/db.py", 7, "load")
    assert (second.count, second.message, second.last_id) == (1, "id 3", 4)
    assert second.id != first.id


def test_a_pasted_traceback_is_an_error(store):
    """It is in the group of those that were logged with exc_info."""
    text = traceback_of("load")
    path = store(
        {"exc_text": text},
        {"message": f"the worker has died: {text}"},
        {"message": 'no "Traceback (most recent call last):" in this one'},
        {"message": text, "exc_text": "NoneType: None"},
        {"message": "no exception at all", "exc_text": "NoneType: None"},
    )

    [group] = groups(path)

    assert (group.count, group.first_id, group.last_id) == (3, 1, 4)


def test_a_query_narrows_it_down(store):
    """Groups are those of the records that a query matches."""
    path = store(
        {"exc_text": traceback_of("load"), "hostname": "web1", "created": START},
        {"exc_text": traceback_of("load"), "hostname": "web2", "created": START + 9},
        {"exc_text": traceback_of("save"), "hostname": "web1", "created": START + 9},
    )

    assert [g.count for g in groups(path)] == [2, 1]
    host = Comparison("hostname", "=", "web2")
    assert [g.hosts for g in groups(path, host)] == [{"web2": 1}]
    assert [g.count for g in groups(path, Since(START + 5))] == [1, 1]
    assert groups(path, Not(Text("boom"))) == []
    assert [g.frame.function for g in groups(path, Text("in save"))] == ["save"]


@pytest.mark.parametrize("indexed", [0, 3, 100])
def test_the_index_changes_nothing(tmp_path, make_record, indexed):
    """The same groups are found with an index, without, and with part of one."""
    with new_stored(tmp_path / "logs.sqlite") as one:
        for n in range(8):
            text = traceback_of("load", f"number {n}")
            one.add(make_record(exc_text=text if n % 2 else None))
            if n == indexed:
                one.index()
        if indexed == 100:
            one.index()

    assert [g.count for g in groups(one.path)] == [4]
    assert [g.count for g in groups(one.path, Text("number 7"))] == [1]


def test_only_some_groups(store):
    """The beginning of an id chooses groups."""
    path = store(*({"exc_text": traceback_of(f"f{n}")} for n in range(40)))
    every = groups(path)
    wanted = every[0].id[:1]

    chosen = groups(path, only=wanted)

    assert {g.id for g in chosen} == {g.id for g in every if g.id[0] == wanted}
    assert 0 < len(chosen) < len(every) == 40


def test_counts_agree_with_one_record_at_a_time(store, monkeypatch):
    """Also where statements are short, the numbers add up."""
    monkeypatch.setattr(module, "STEP_IDS", 7)
    hosts = ("a", "b", "c")
    changes = [
        {
            "exc_text": traceback_of("f" * (1 + n % 5)) if n % 3 else None,
            "hostname": hosts[n % 3],
            "created": START + n,
        }
        for n in range(100)
    ]

    found = groups(store(*changes), timeline=Timeline(int(START), 10, 10))

    expected = Counter(n % 5 for n in range(100) if n % 3)
    assert sorted(g.count for g in found) == sorted(expected.values())
    assert all(sum(g.history) == g.count == sum(g.hosts.values()) for g in found)
    assert [sum(each) for each in zip(*(g.history for g in found), strict=True)] == [
        sum(1 for n in range(k, k + 10) if n % 3) for k in range(0, 100, 10)
    ]


def test_times_beyond_the_timeline_count_at_its_ends(store):
    """What was before counts to the first piece, what comes after to the last."""
    path = store(
        *({"exc_text": traceback_of("f"), "created": t} for t in (0, 95, 100, 9e9))
    )

    [group] = groups(path, timeline=Timeline(90, 10, 3))

    assert group.history == [2, 1, 1]


def test_the_timeline_holds_all_records(store):
    """Without another one, the history spans the time of the records."""
    path = store(
        *({"exc_text": traceback_of("f"), "created": START + 600 * n} for n in range(9))
    )

    with reading(path) as reader:
        errors = error_groups(reader, Everything())

    line = errors.timeline
    assert line.start <= START
    assert START + 4800 < line.start + line.seconds * line.length < START + 7200
    assert sum(map(bool, errors.groups[0].history)) == 9


def test_groups_are_bounded(store, monkeypatch):
    """Beyond the most groups, those seen last the longest ago are left out."""
    monkeypatch.setattr(module, "MOST_GROUPS", 3)
    path = store(*({"exc_text": traceback_of(f"f{n // 2}")} for n in range(10)))

    with reading(path) as reader:
        errors = error_groups(reader, Everything())

    assert {g.frame.function for g in errors.groups} == {"f2", "f3", "f4"}
    assert [g.count for g in errors.groups] == [2, 2, 2]
    assert errors.left_out == 4


def test_hosts_are_bounded(store, monkeypatch):
    """Of very many hosts not all are named, and all records are counted."""
    monkeypatch.setattr(module, "MOST_HOSTS", 3)
    path = store(
        *({"exc_text": traceback_of("f"), "hostname": f"h{n % 5}"} for n in range(20))
    )

    [group] = groups(path)

    assert (len(group.hosts), group.count) == (3, 20)


def test_what_is_remembered_is_bounded(store, monkeypatch):
    """Forgetting fingerprints changes nothing."""
    monkeypatch.setattr(module, "MAX_KNOWN_BYTES", 500)
    path = store(*({"exc_text": traceback_of(f"f{n % 4}")} for n in range(20)))

    assert [g.count for g in groups(path)] == [5, 5, 5, 5]


def test_equal_texts_are_read_once(store, monkeypatch):
    """A thousand equal tracebacks take as long as one."""
    read = []

    class Counting(Fingerprints):
        def of_exception(self, text):
            read.append(text)
            return super().of_exception(text)

    monkeypatch.setattr(module, "Fingerprints", Counting)
    path = store(*({"exc_text": traceback_of("f")} for _ in range(1000)))

    assert [g.count for g in groups(path)] == [1000]
    assert len(read) == 1


def test_odd_texts_do_no_harm(store):
    """What is no UTF-8, or nothing, fails no query."""
    path = store(
        {"exc_text": traceback_of("f")},
        {"exc_text": "x"},
        {"exc_text": "Traceback (most recent call last):"},
        {"exc_text": " "},
    )
    with opened(path) as one:
        one.connection.execute(
            "UPDATE records SET exc_text = CAST(x'e9e9' AS TEXT) WHERE id = 2"
        )

    found = groups(path)

    assert [g.count for g in found if g.type] == [1]
    assert json.dumps([g.message for g in found])


def test_the_deadline_holds_within_texts(store):
    """A search ends in time also where single texts take long."""
    path = store(*({"exc_text": traceback_of(f"f{n}")} for n in range(50)))
    ticks = iter(range(10_000))
    deadline = Deadline(30, clock=lambda: next(ticks))

    with (
        pytest.raises(QueryTimeout),
        open_reader(path, deadline) as reader,
    ):
        error_groups(reader, Everything())

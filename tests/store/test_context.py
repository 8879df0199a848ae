"""Context is what the same run of a process logged around a record."""

import pytest
from store.stored import reading

from collector.query.tree import Everything, Text
from collector.store import context
from collector.store.context import neighbours, with_context
from collector.store.search import Search


def surroundings(stored, records, *, word="hit", newest_first=False):
    """Return the ids of what is shown for a word, with so many around each hit."""
    with reading(stored.path) as reader:
        rows = Search(reader, Text(word)).rows(newest_first=newest_first)
        shown = with_context(reader, rows, records, newest_first=newest_first)
        return [row.id for _, rows in shown for row in rows]


def fill(stored, make_record, text, **changes):
    """Store a record a letter: h is a hit, capitals are another process's."""
    stored.add(
        *[
            make_record(
                "hit" if letter in "hH" else "other",
                **((changes or {"process": 77}) if letter.isupper() else {}),
            )
            for letter in text
        ]
    )


@pytest.mark.parametrize(
    "other",
    [
        {"hostname": "web2"},
        {"process": 4243},
        {"processName": "Process-1"},
        {"started": 1_699_999_000.75},
    ],
)
def test_only_the_same_run_of_a_process_is_around(stored, make_record, other):
    """Another host, PID, name or start is another process."""
    fill(stored, make_record, "oOoOhOoOo", **other)

    assert surroundings(stored, 2) == [1, 3, 5, 7, 9]
    assert surroundings(stored, 1) == [3, 5, 7]


@pytest.mark.parametrize(
    "other",
    [
        {"thread": 5},
        {"threadName": "Thread-1"},
        {"peer": "10.0.0.1"},
        {"name": "other.logger"},
        {"levelno": 40},
    ],
)
def test_other_threads_and_loggers_of_it_are_around(stored, make_record, other):
    """All that the process logged counts, by whichever thread, logger or connection."""
    fill(stored, make_record, "OOhOO", **other)

    assert surroundings(stored, 1) == [2, 3, 4]


def test_the_order_is_that_of_the_hits(stored, make_record):
    """Newest first turns round what is around a hit, too."""
    fill(stored, make_record, "ooohooo")

    assert surroundings(stored, 2) == [2, 3, 4, 5, 6]
    assert surroundings(stored, 2, newest_first=True) == [6, 5, 4, 3, 2]


@pytest.mark.parametrize("newest_first", [True, False])
@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("ohoho", [1, 2, 3, 4, 5]),
        ("ohhho", [1, 2, 3, 4, 5]),
        ("ohooho", [1, 2, 3, 4, 5, 6]),
        ("ohoooho", [1, 2, 3, 5, 6, 7]),
    ],
)
def test_what_is_around_two_is_shown_once(
    stored, make_record, text, shown, newest_first
):
    """Where the surroundings of hits overlap, or touch, each record is there once."""
    fill(stored, make_record, text)

    found = surroundings(stored, 1, newest_first=newest_first)
    assert found == (shown[::-1] if newest_first else shown)


def test_hits_of_two_processes_have_each_their_own(stored, make_record):
    """Around each hit is what its own process logged."""
    fill(stored, make_record, "oOhHoO")

    assert surroundings(stored, 1) == [1, 3, 5, 2, 4, 6]
    assert surroundings(stored, 1, newest_first=True) == [6, 4, 2, 5, 3, 1]


@pytest.mark.parametrize("newest_first", [True, False])
def test_at_the_ends_there_is_less(stored, make_record, newest_first):
    """Before the first record and behind the last there is nothing."""
    fill(stored, make_record, "hoooh")

    found = surroundings(stored, 2, newest_first=newest_first)
    assert found == ([1, 2, 3, 4, 5][::-1] if newest_first else [1, 2, 3, 4, 5])
    assert surroundings(stored, 99) == [1, 2, 3, 4, 5]
    assert surroundings(stored, 0) == [1, 5]


def test_a_hit_alone_is_alone(stored, make_record):
    """A process that logged once has nothing around it."""
    fill(stored, make_record, "OOhOO")

    assert surroundings(stored, 3) == [3]


def test_the_nearest_comes_first(stored, make_record):
    """Neighbours are those next to a record, on the side that is asked for."""
    fill(stored, make_record, "oooOohoOoo")

    with reading(stored.path) as reader:
        assert neighbours(reader, 6, 3, newer=False) == [5, 3, 2]
        assert neighbours(reader, 6, 3, newer=True) == [7, 9, 10]
        assert neighbours(reader, 999, 3, newer=False) == []


def test_what_is_too_far_away_is_left_out(stored, make_record, monkeypatch):
    """Among a great many records of others, the search for neighbours ends."""
    monkeypatch.setattr(context, "MOST_IDS", 3)
    fill(stored, make_record, "ooOOhOOoo")

    assert surroundings(stored, 5) == [2, 5, 8]


def test_rows_are_whole(stored, make_record):
    """What is around a hit is the row of the view, as the hit is."""
    fill(stored, make_record, "oho")

    with reading(stored.path) as reader:
        rows = Search(reader, Text("hit")).rows(newest_first=False)
        groups = list(with_context(reader, rows, 1, newest_first=False))
        shown = [row for _, rows in groups for row in rows]
        everything = Search(reader, Everything()).rows(newest_first=False)
        assert shown == list(everything) == stored.rows()


def test_what_is_apart_is_told(stored, make_record):
    """Surroundings that overlap those before them are not apart."""
    fill(stored, make_record, "ohohoooho")

    with reading(stored.path) as reader:
        rows = Search(reader, Text("hit")).rows(newest_first=False)
        groups = list(with_context(reader, rows, 1, newest_first=False))
    assert [(apart, [row.id for row in rows]) for apart, rows in groups] == [
        (True, [1, 2, 3]),
        (False, [4, 5]),
        (True, [7, 8, 9]),
    ]

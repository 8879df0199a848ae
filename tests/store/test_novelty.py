"""What is new since a time, and what changed: told of records in a database."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from query.test_agreement import draw_node
from store.hypotheses import NOW, batches, drawn_values
from store.stored import new_stored, reading

from collector.query.tree import Comparison, Everything, Glob, Text
from collector.store.moved import CallSite
from collector.store.novelty import novelty
from collector.store.periods import Periods, without_times
from collector.store.processes import Origin, Run
from collector.store.seen_call_sites import call_sites_seen, loggers_seen
from collector.store.seen_runs import paired, runs_seen

# A whole minute and a half: rollups do not know it.
SINCE = 1_700_000_010
PERIODS = Periods(SINCE - 3600, SINCE, SINCE + 3600)

TRACEBACK = """Traceback (most recent call last):
  File "/srv/app/{file}.py", line 3, in {file}
    fail()
{type}: it went wrong"""


@pytest.fixture
def add(stored, make_record):
    """Stores records of one call site, `seconds` after the border."""

    def store(*seconds, **values):
        stored.add(
            *(
                make_record(**{"created": SINCE + at, "received": SINCE + at, **values})
                for at in seconds
            )
        )

    return store


@pytest.fixture
def told(stored):
    """Returns what is new and what changed."""

    def tell(node=None, periods=PERIODS):
        with reading(stored.path) as reader:
            return novelty(reader, node or Everything(), periods)

    return tell


def names(several):
    return [seen.what.logger for seen in several]


def often(count, since=0, until=3600):
    """Return so many seconds, evenly between two."""
    return [since + (until - since) * n / count for n in range(count)]


lengths = st.sampled_from([60, 3600, 86_400])

BEFORE, AFTER = often(30, -3600, 0), often(30)


def test_nothing_is_new(add, told):
    """What goes on as it was is not told."""
    add(*BEFORE, *AFTER)
    found = told()

    assert (found.before, found.after) == (30, 30)
    assert found.new_call_sites == found.new_loggers == found.new_processes == []
    assert found.call_site_rates == found.logger_rates == found.process_rates == []


def test_new_call_sites_and_loggers(add, told):
    """New is what the database has no record of before, the most severe first."""
    add(-90_000, 5, name="old")
    add(-1, 5, name="known")
    add(*often(5), name="often.new", lineno=1)
    add(0, name="new", lineno=2, levelno=40, levelname="ERROR")
    add(1, name="known", lineno=3, funcName="other")
    found = told()

    assert names(found.new_call_sites) == ["new", "often.new", "known"]
    assert [seen.rate.after for seen in found.new_call_sites] == [1, 5, 1]
    assert [seen.what for seen in found.new_loggers] == ["new", "often.new"]
    assert [seen.levelno for seen in found.new_loggers] == [40, 20]


def test_the_border_is_to_the_second(add, told):
    """Just before it is before, also within a minute."""
    add(-0.001, name="before")
    add(0, name="since")

    assert names(told().new_call_sites) == ["since"]


def test_a_query_narrows_it(add, told):
    """What matches is compared; what does not match is no precedent."""
    add(*BEFORE, message="all is well")
    add(*AFTER, message="timeout of the pool")
    add(5, name="other", message="timeout")

    assert names(told().new_call_sites) == ["other"]
    found = told(Text("timeout"))
    assert names(found.new_call_sites) == ["myapp.db", "other"]
    assert (found.before, found.after) == (0, 31)
    only = Comparison("name", "=", Glob(("other",)))
    assert names(told(only).new_call_sites) == ["other"]


def test_moved_call_sites_are_not_new(add, told):
    """A line that moved by a deploy is the same; its counts are put together."""
    add(*BEFORE, lineno=17, message="order 1 of Ann saved")
    add(*AFTER, lineno=25, message="order 2 of Bo saved")
    add(*AFTER, lineno=40, message="something else entirely")
    found = told()

    assert [seen.what.line for seen in found.new_call_sites] == [40]
    assert found.call_site_rates == []
    assert (found.before, found.after) == (30, 60)


def test_a_deploy_just_before_the_border(add, told):
    """A call site that moved a moment too early has moved, and did not change."""
    add(*BEFORE, lineno=17, message="order 1 of Ann saved")
    add(-3, *AFTER, lineno=25, message="order 2 of Bo saved")
    found = told()

    assert found.new_call_sites == found.call_site_rates == []
    assert found.before == 31


def test_changed_rates(add, told):
    """More, less and quiet are told, the greatest change first."""
    add(*often(300, -3600, 0), name="quiet")
    add(*often(20, -3600, 0), *often(400), name="more")
    add(*often(300, -3600, 0), *often(90), name="less")
    add(*often(300, -3600, 0), *often(290), name="same")
    add(-90_000, *often(40), name="back")
    found = told()

    rates = [
        (s.what.logger, s.rate.before, s.rate.after) for s in found.call_site_rates
    ]
    assert rates == [
        ("quiet", 300, 0),
        ("more", 20, 400),
        ("back", 0, 40),
        ("less", 300, 90),
    ]
    assert found.logger_rates == []


def test_a_logger_changes_by_what_its_call_sites_do_together(add, told):
    """Where no call site tells enough, their logger may."""
    for line in range(10):
        add(-5, *often(4), name="many", lineno=line)
    found = told()

    assert found.call_site_rates == []
    [seen] = found.logger_rates
    assert (seen.what, seen.rate.before, seen.rate.after) == ("many", 10, 40)


def test_errors(add, told):
    """New errors are those never seen before; others change their rate."""

    def text(kind, file="cart"):
        return TRACEBACK.format(type=kind, file=file)

    add(-90_000, 3, exc_text=text("KeyError"))
    add(-5, 3, exc_text=text("OSError"))
    add(*often(5), exc_text=text("ValueError"))
    add(*often(40, -3600, 0), exc_text=text("TypeError"))
    add(*often(2, -3600, 0), *often(90), exc_text=text("TypeError", "pay"))
    found = told()

    assert [(s.what.type, s.rate.after) for s in found.new_errors] == [
        ("ValueError", 5)
    ]
    assert [(s.what.type, s.rate.before, s.rate.after) for s in found.error_rates] == [
        ("TypeError", 2, 90),
        ("TypeError", 40, 0),
    ]


def pids(several):
    return sorted(seen.what.origin.process for seen in several)


def test_new_processes(add, told):
    """New is a process that had logged nothing before, whatever it matches."""
    add(1, process=1, started=SINCE + 0.5)
    # It was started before, and has been quiet until now.
    add(1, process=2, started=SINCE - 50.0)
    add(-9000, 1, process=3, started=SINCE - 9500.0)
    add(1, process=4, started=0.0)
    add(-9000, 1, process=5, started=0.0)
    # A thread is new, its process is not.
    add(-9000, process=6, thread=1)
    add(1, process=6, thread=2)
    # A PID that was used before.
    add(-9000, process=7, started=SINCE - 9500.0)
    add(1, process=7, started=SINCE + 0.25)

    assert pids(told().new_processes) == [1, 2, 4, 7]
    add(2, process=3, started=SINCE - 9500.0, message="timeout")
    assert pids(told(Text("timeout")).new_processes) == []


def test_rates_of_processes(add, told):
    """Who fell quiet is told, unless somebody took its place; so is who says more."""
    known = {"started": SINCE - 90_000.0}
    add(*BEFORE, *AFTER, process=1, processName="steady", **known)
    add(*BEFORE, process=2, processName="ended", **known)
    add(*BEFORE, process=3, processName="restarted", **known)
    add(*AFTER, process=4, processName="restarted", started=SINCE + 1.0)
    add(*BEFORE, *often(300), process=5, processName="busy", **known)
    add(-20, *AFTER, process=6, processName="early", started=SINCE - 25.0)
    found = told()

    assert pids(found.process_rates) == [2, 5]
    assert pids(found.new_processes) == [4]


def test_pairs_of_runs():
    """A run is found again by its start, on whichever side of a border that was."""

    def run(process, started):
        origin = Origin("web1", process, "MainProcess", started)
        return Run(origin, frozenset(), 1, 20, 1, 1)

    before = [run(1, 5.0), run(1, 9.0), run(2, 7.049), run(3, 1.0)]
    after = [run(2, 7.051), run(1, 9.0), run(1, 12.0)]

    assert paired(before, after) == [
        (before[2], after[0]),
        (before[1], after[1]),
        (None, after[2]),
        (before[0], None),
        (before[3], None),
    ]


def test_what_call_sites_are(add, told):
    """A call site is told with its place."""
    add(5, name="a.b", filename="x.py", lineno=3, funcName="f", levelname="INFO")
    [seen] = told().new_call_sites

    assert seen.what == CallSite("a.b", "x.py", "f", 3, "INFO")
    assert (seen.first_id, seen.last_id) == (1, 1)


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(data=st.data(), stored_batches=batches)
def test_every_record_is_counted_once(example_path, data, stored_batches):
    """Whatever has moved, the counts of call sites are those of the records."""
    since = int(NOW) + data.draw(st.integers(-90_000, 90_000))
    periods = Periods(since - data.draw(lengths), since, since + data.draw(lengths))
    with new_stored(example_path) as one:
        for batch in stored_batches:
            one.add(*batch)
        node = without_times(draw_node(data, drawn_values(stored_batches)))
        before = one.matching(periods.before(node))
        after = one.matching(periods.after(node))
        earlier = one.matching(periods.long_before(node))
        with reading(example_path) as reader:
            seen, loggers = call_sites_seen(reader, node, periods)
            runs = runs_seen(reader, node, periods)

    assert sum(each.rate.before for each in seen) == len(before)
    assert sum(each.rate.after for each in seen) == len(after)
    known = {row.name for row in (*before, *earlier)}
    new = {each.what for each in loggers_seen(seen, loggers, periods) if each.is_new}
    assert new == {row.name for row in after} - known
    # Those that were there before are not new.
    assert not any(each.is_new and each.rate.before for each in (*seen, *runs))
    assert sum(each.rate.after for each in runs) <= len(after)


def test_a_logger_whose_call_sites_are_all_new_is_known(stored, make_record):
    """What logged before the time compared with, from other files, is no new logger."""
    stored.add(
        make_record("old", created=NOW - 7200, pathname="/a.py", filename="a.py")
    )
    stored.add(make_record("new", created=NOW + 1, pathname="/b.py", filename="b.py"))
    periods = Periods(int(NOW) - 60, int(NOW), int(NOW) + 60)
    with reading(stored.path) as reader:
        seen, known = call_sites_seen(reader, Everything(), periods)

    assert [each.is_new for each in seen] == [True]
    assert [each.is_new for each in loggers_seen(seen, known, periods)] == [False]

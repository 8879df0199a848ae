"""`logcollector stats`: counts that are right, in every shape and zone."""

import csv
import io
import json
from collections import Counter
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

BERLIN = ZoneInfo("Europe/Berlin")
LEVELS = {10: "DEBUG", 20: "INFO", 30: "WARNING", 40: "ERROR", 50: "CRITICAL"}
LAST_SECOND = 253_402_300_799.0


@pytest.fixture
def database(fill):
    """Sixty records over an hour and a day, of a few loggers, hosts and levels."""
    return fill(
        *(
            {
                "created": 1_700_000_000.0 + 60 * n + (86_400 if n >= 40 else 0),
                "name": ("myapp", "myapp.db", "other")[n % 3],
                "lineno": 10 + n % 2,
                "levelno": (20, 20, 20, 30, 40)[n % 5],
                "levelname": ("INFO", "INFO", "INFO", "WARNING", "ERROR")[n % 5],
                "hostname": "web1" if n % 4 else "web2",
                "process": 100 + n % 2,
                "message": f"message {n}",
                "extra": json.dumps({"user": {"id": n % 2}, "count": n % 6})
                if n % 3
                else None,
            }
            for n in range(60)
        )
    )


@pytest.fixture
def rows(told):
    """Runs stats for a script, checks that all formats agree, returns objects."""

    def counted(database, *arguments):
        objects, table = told("stats", "--db", database, *arguments)
        flat = [{k: v for k, v in each.items() if k != "levels"} for each in objects]
        assert [[*row] for row in table] == [[*each] for each in flat]
        assert [row["count"] for row in table] == [str(each["count"]) for each in flat]
        return objects

    return counted


@pytest.fixture
def in_zone(monkeypatch):
    """Puts this machine into a time zone."""

    def put(zone):
        monkeypatch.setattr("collector.cli.reading.local_zone", lambda: zone)

    return put


def test_the_overview(run, database):
    """Without --by there is a histogram, then the levels, then the loggers."""
    result = run("stats", "--db", database, "--utc", env={"COLUMNS": "100"})

    assert result.exit_code == 0
    bars, levels, loggers = result.stdout.split("\n\n")
    assert bars.startswith("2023-11-14 22:00Z")
    counts = [int(line.split()[-1]) for line in bars.splitlines()[:-1]]
    assert (counts[0], sum(counts)) == (40, 60)
    assert [name in bars.splitlines()[-1] for name in ("error", "warning", "info")]
    assert [line.split()[:3] for line in levels.splitlines()] == [
        ["level", "count", "share"],
        ["INFO", "36", "60.0%"],
        ["ERROR", "12", "20.0%"],
        ["WARNING", "12", "20.0%"],
    ]
    assert [line.split()[:3] for line in loggers.splitlines()[1:]] == [
        ["myapp", "20", "33.3%"],
        ["myapp.db", "20", "33.3%"],
        ["other", "20", "33.3%"],
    ]


@pytest.mark.parametrize(
    ("by", "keys", "expected"),
    [
        ("level", ["level"], {("INFO",): 36, ("WARNING",): 12, ("ERROR",): 12}),
        ("logger", ["logger"], {("myapp",): 20, ("myapp.db",): 20, ("other",): 20}),
        ("host", ["host"], {("web1",): 45, ("web2",): 15}),
        (
            "process",
            ["host", "process", "pid"],
            {
                ("web1", "MainProcess", 100): 15,
                ("web1", "MainProcess", 101): 30,
                ("web2", "MainProcess", 100): 15,
            },
        ),
        (
            "callsite",
            ["file", "line", "function", "logger"],
            {
                ("/srv/app/db.py", line, "connect", name): 10
                for line in (10, 11)
                for name in ("myapp", "myapp.db", "other")
            },
        ),
        ("user.id", ["user.id"], {("0",): 20, ("1",): 20, (None,): 20}),
        ("extra.user.id", ["extra.user.id"], {("0",): 20, ("1",): 20, (None,): 20}),
        ("nothing.there", ["nothing.there"], {(None,): 60}),
    ],
)
def test_by(rows, database, by, keys, expected):
    """Records are counted by what was asked for, the largest group first."""
    objects = rows(database, "--by", by)
    counts = {tuple(each[key] for key in keys): each["count"] for each in objects}

    assert counts == expected
    assert [each["count"] for each in objects] == sorted(counts.values(), reverse=True)
    assert all(each["share"] == round(each["count"] / 60, 6) for each in objects)
    assert all(sum(each["levels"].values()) == each["count"] for each in objects)


def test_first_and_last(rows, database):
    """A group has the times of its first record and of its last."""
    [web1, web2] = rows(database, "--by", "host")

    assert (web1["first"], web1["last"]) == (1_700_000_060.0, 1_700_089_940.0)
    assert (web2["first"], web2["last"]) == (1_700_000_000.0, 1_700_089_760.0)


@pytest.mark.parametrize("key", ["count", "share", "levels", "first", "last"])
def test_a_key_named_like_a_column(run, fill, key):
    """A key of extra that is named like a number of the table is told, too."""
    database = fill({"extra": json.dumps({key: "mine"})}, {})
    result = run("stats", "--db", database, "--by", key, "-o", "json")
    objects = json.loads(result.stdout)

    assert [each["count"] for each in objects] == [1, 1]
    assert sum("mine" in each.values() for each in objects) == 1


def test_queries(rows, run, database):
    """Only what the query and the flags ask for is counted."""

    def counts(*arguments):
        return {each["level"]: each["count"] for each in rows(database, *arguments)}

    by = ("--by", "level")
    assert counts(*by, "--level", "warning") == {"WARNING": 12, "ERROR": 12}
    assert counts(*by, "--logger", "myapp.db", "--host", "web1")["INFO"] == 9
    assert counts(*by, '"message 7"') == {"INFO": 1}
    assert counts(*by, "--until", "1700000090") == {"INFO": 2}
    assert counts(*by, "nothing like it") == {}
    total = run("query", "--db", database, "--count", "user.id=1").stdout
    assert sum(counts(*by, "user.id=1").values()) == int(total) == 20


def test_a_limit(run, rows, database):
    """A table has as many rows as asked for, and says how many there are more."""
    assert len(rows(database, "--by", "callsite", "--limit", 2)) == 2
    assert len(rows(database, "--by", "callsite", "--limit", 0)) == 6
    shown = run("stats", "--db", database, "--by", "callsite", "-n", 2).stdout
    assert len(shown.splitlines()) == 4
    assert "4 more" in shown
    shares = [each["share"] for each in rows(database, "--by", "callsite", "-n", 2)]
    assert shares == [round(10 / 60, 6)] * 2


def test_twenty_rows_by_default(rows, fill):
    """Of many groups the twenty largest are shown."""
    database = fill(*({"name": f"n{n}"} for n in range(25)))

    assert len(rows(database, "--by", "logger")) == 20


@pytest.mark.parametrize(
    ("day", "hours"),
    [((2026, 3, 29), 23), ((2026, 10, 25), 25), ((2026, 6, 1), 24)],
    ids=["spring", "autumn", "summer"],
)
def test_days_of_a_changed_clock(rows, run, fill, in_zone, day, hours):
    """A day has the hours that its clock gave it, and all its records."""
    in_zone(BERLIN)
    midnight = datetime(*day, tzinfo=BERLIN).timestamp()
    # From 5 hours before the day to 7 hours after it, two an hour.
    times = [midnight + 1800 * n for n in range(-10, 2 * hours + 14)]
    database = fill(*({"created": created} for created in times))
    by_hour = rows(database, "--by", "hour")
    by_day = rows(database, "--by", "day")

    assert [each["count"] for each in by_hour] == [2] * (hours + 12)
    starts = [each["start"] for each in by_hour]
    assert starts == [times[0] + 3600 * n for n in range(hours + 12)]
    assert [each["count"] for each in by_day] == [10, 2 * hours, 14]
    assert by_day[1]["start"] == midnight
    assert by_day[1]["label"].startswith("{}-{:02}-{:02}".format(*day))
    everything = rows(database)
    assert sum(each["count"] for each in everything) == len(times)
    assert [each["start"] for each in everything] == sorted(
        {each["start"] for each in everything}
    )
    drawn = run("stats", "--db", database, "--by", "hour").stdout.splitlines()
    assert len(drawn) == hours + 12 + 1


def test_hours_of_a_zone_that_was_off_by_half_an_hour(rows, fill, in_zone):
    """Hours are those of the time's own offset, not of today's."""
    caracas = ZoneInfo("America/Caracas")
    in_zone(caracas)
    noon = datetime(2015, 6, 1, 12, tzinfo=caracas).timestamp()
    database = fill(*({"created": noon + 60 * n} for n in range(60)))
    [hour] = rows(database, "--by", "hour")

    assert hour == {
        "start": noon,
        "label": "2015-06-01 12:00",
        "count": 60,
        "levels": {"info": 60},
    }


def test_empty_buckets_are_there(rows, fill):
    """Between two buckets with records those without are told, with a 0."""
    database = fill({"created": 1_700_000_000.0}, {"created": 1_700_000_300.0})
    counts = [each["count"] for each in rows(database, "--by", "minute", "--utc")]

    assert counts == [1, 0, 0, 0, 0, 1]


@pytest.mark.parametrize("by", [None, "minute", "hour", "day", "level", "user.id"])
@pytest.mark.parametrize(
    "zone",
    [UTC, BERLIN, ZoneInfo("America/New_York"), ZoneInfo("Pacific/Kiritimati")],
    ids=str,
)
def test_hostile_times(run, rows, fill, in_zone, by, zone):
    """The first and the last second that can be stored are counted, and drawn."""
    in_zone(zone)
    times = [0.0, 1_700_000_000.0, 1_700_000_000.5, LAST_SECOND, LAST_SECOND + 0.9]
    database = fill(*({"created": created} for created in times))
    arguments = () if by is None else ("--by", by)

    assert sum(each["count"] for each in rows(database, *arguments)) == len(times)
    drawn = run("stats", "--db", database, *arguments, env={"COLUMNS": "80"})
    assert drawn.exit_code == 0
    assert all(len(line) <= 80 for line in drawn.stdout.splitlines())


@pytest.mark.parametrize("by", [None, "level", "callsite", "hour", "user.id"])
def test_without_records(run, fill, by):
    """Where there is nothing to count each format says so in its way."""
    database = fill()
    arguments = () if by is None else ("--by", by)

    def shown(output_format):
        result = run("stats", "--db", database, *arguments, "-o", output_format)
        assert (result.exit_code, result.stderr) == (0, "")
        return result.stdout

    assert shown("text") == "no records\n"
    assert shown("table") == "no records\n"
    assert shown("json") == "[]\n"
    assert shown("jsonl") == ""


@pytest.mark.parametrize("by", [None, "level", "callsite", "hour", "user.id"])
def test_csv_always_has_its_heading(run, fill, by):
    """As CSV, columns are named also where there is no record."""
    arguments = ["-o", "csv"] if by is None else ["-o", "csv", "--by", by]
    empty, full = fill(name="empty.sqlite"), fill({}, name="full.sqlite")
    heading = run("stats", "--db", full, *arguments).stdout.splitlines()[0]

    assert run("stats", "--db", empty, *arguments).stdout == f"{heading}\n"


@pytest.mark.parametrize(
    "by", ["", "extra.", "message", "Level", "since", "pid", "a." * 50 + "a"]
)
def test_what_records_are_not_counted_by(run, database, by):
    """A field that is no group, or no name at all, is the user's mistake."""
    result = run("stats", "--db", database, "--by", by)

    assert result.exit_code == 2, result.output
    assert "--by" in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize("output_format", ["text", "json", "jsonl", "csv"])
def test_nothing_steers_a_terminal(run, fill, output_format):
    """Control characters in names are shown escaped, by all groups and formats."""
    hostile = "a\x1b[31m\x07\x9b2J\x7f\r\u202eb"
    database = fill(
        {
            "name": hostile,
            "hostname": hostile,
            "levelname": hostile,
            "pathname": hostile,
            "funcName": hostile,
            "processName": hostile,
            "extra": json.dumps({"key": hostile}),
        }
    )
    for by in ("level", "logger", "callsite", "host", "process", "key"):
        result = run("stats", "--db", database, "--by", by, "-o", output_format)
        assert "31m" in result.stdout
        assert not set(result.stdout) & set("\x1b\x07\x9b\x7f\r\u202e"), by


def test_cells_are_no_formulas(run, fill):
    """What a spreadsheet would take for a formula is written as a text."""
    database = fill({"name": "=1+1"}, {"name": "@SUM(A1)"})
    shown = run("stats", "--db", database, "--by", "logger", "-o", "csv").stdout
    cells = [row[0] for row in csv.reader(io.StringIO(shown))]

    assert cells == ["logger", "'=1+1", "'@SUM(A1)"]


@pytest.mark.parametrize("columns", [1, 20, 60, 300])
def test_any_width(run, database, columns):
    """However narrow the terminal, there is a picture, with all the counts."""
    env = {"COLUMNS": str(columns)}
    result = run("stats", "--db", database, "--utc", env=env)

    assert result.exit_code == 0
    assert "36" in result.stdout


def test_the_sum_is_the_count(run, rows, database):
    """However records are grouped, the groups add up to what query counts."""
    query = ("--level", "warning", "message")
    total = int(run("query", "--db", database, "--count", *query).stdout)
    grouped = Counter(
        {
            by: sum(each["count"] for each in rows(database, "--by", by, *query))
            for by in ("level", "callsite", "process", "minute", "day", "user.id")
        }
    )

    assert total == 24
    assert set(grouped.values()) == {total}


def test_of_a_list_the_first_item_counts(run, fill):
    """A record counts once, for the first of the values that its key has."""
    path = fill({"extra": '{"tags":["a","b","c"]}'}, {"extra": '{"tags":["b"]}'})
    result = run("stats", "--by", "tags", "-o", "json", "--db", path)

    assert {each["tags"]: each["count"] for each in json.loads(result.stdout)} == {
        "a": 1,
        "b": 1,
    }


def test_groups_without_end_are_refused(run, fill, monkeypatch):
    """More groups than memory should hold end it with a hint."""
    monkeypatch.setattr("collector.store.stats.MOST_GROUPS", 10)
    path = fill(*({"extra": f'{{"n":{n}}}'} for n in range(11)))
    result = run("stats", "--by", "n", "--db", path)

    assert result.exit_code == 1
    assert "10" in result.stderr


def test_a_key_that_is_no_text(run, fill):
    """Bytes that are no UTF-8 in a key are no traceback."""
    result = run("stats", "--by", "\udcff", "-o", "json", "--db", fill({}))

    assert result.exception is None or isinstance(result.exception, SystemExit)


def test_the_overview_has_a_limit(run, fill):
    """--limit holds for the tables below the histogram, too."""
    path = fill(*({"name": f"logger{n:02}"} for n in range(12)))

    for limit, shown in ((), 10), (("-n", "2"), 2), (("-n", "0"), 12):
        result = run("stats", *limit, "--db", path)
        names = [
            line
            for line in result.stdout.splitlines()
            if "logger0" in line or "logger1" in line
        ]
        assert len(names) == shown

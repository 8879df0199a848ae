"""`logcollector new`: what to look at after a deploy, as text and for scripts."""

import shlex

import pytest

# A deploy at a quarter past ten in the evening.
DEPLOY = 1_700_000_100
SINCE = "2023-11-14T22:15:00Z"

TRACEBACK = """Traceback (most recent call last):
  File "/srv/shop/pay.py", line 7, in pay
    raise ValueError(cart)
ValueError: no card"""


def changes(*seconds, **values):
    """Return the records of one place, so many seconds after the deploy."""
    place = {"filename": f"{values['name'].rpartition('.')[2]}.py", "funcName": "f"}
    return [
        {"created": DEPLOY + at, "received": DEPLOY + at, **place, **values}
        for at in seconds
    ]


@pytest.fixture
def database(fill):
    """An hour before a deploy, and the hour after it."""
    error = {"levelno": 40, "levelname": "ERROR"}
    new = {"process": 5000, "started": DEPLOY + 1.25}
    before, after = range(-3600, 0, 60), range(1, 3600, 60)
    records = [
        *changes(*before, *after, name="shop.web", message="request served"),
        *changes(*before, name="shop.cache", message="cache filled"),
        *changes(*range(1, 3600, 5), name="shop.cache", message="cache filled"),
        *changes(*before, name="shop.mail", message="mail 3 sent", lineno=10),
        *changes(*after, name="shop.mail", message="mail 9 sent", lineno=12, **new),
        *changes(300, 400, name="shop.pay", message="payment failed",
                 exc_text=TRACEBACK, **error, **new),
        *changes(500, name="shop.audit", message="written", **new),
    ]  # fmt: skip
    return fill(*sorted(records, key=lambda each: each["created"]))


@pytest.fixture
def objects(told):
    """Runs it for a script, checks that all formats agree, returns objects."""

    def listed(database, *arguments):
        found, table = told(
            "new", "--since", SINCE, "--utc", "--db", database, *arguments
        )
        assert [row["kind"] for row in table] == [each["kind"] for each in found]
        return found

    return listed


def test_findings(objects, database):
    """Each finding is an object with its kind, the most important first."""
    found = objects(database)

    assert [(each["kind"], each["logger"]) for each in found] == [
        ("new_error", "shop.pay"),
        ("new_call_site", "shop.pay"),
        ("new_call_site", "shop.audit"),
        ("call_site_rate", "shop.cache"),
        ("new_logger", "shop.pay"),
        ("new_logger", "shop.audit"),
        ("new_process", "shop.mail"),
    ]
    assert len({tuple(each) for each in found}) == 1
    error, site, _, rate, *_, process = found
    assert (error["message"], error["after"]) == ("ValueError: no card", 2)
    assert error["command"].startswith(f"logcollector errors show {error['error']}")
    assert (site["file"], site["line"], site["first"], site["level"]) == (
        "pay.py",
        17,
        DEPLOY + 300,
        "error",
    )
    assert (rate["before"], rate["after"], rate["factor"]) == (60, 720, 12.0)
    assert (rate["before_per_hour"], rate["after_per_hour"]) == pytest.approx(
        (60, 720), rel=0.05
    )
    assert (process["pid"], process["after"]) == (5000, 63)


def test_its_commands_work(run, objects, database):
    """What it says to look closer with finds the records that it has counted."""
    for each in objects(database):
        if each["kind"] == "new_error":
            continue
        _, *arguments = shlex.split(each["command"])
        result = run(*arguments, "--count")
        assert result.exit_code == 0, result.output
        assert int(result.stdout) == each["after"], each["command"]


def test_text(run, database):
    """Sections, each finding with its message and a command to look closer."""
    result = run(
        "new", "--since", SINCE, "--utc", "--db", database, env={"COLUMNS": "100"}
    )
    sections = result.stdout.split("\n\n")

    assert [section.splitlines()[0] for section in sections[1:]] == [
        "New errors",
        "New call sites, warnings and above",
        "Changed rates",
        "New loggers",
        "New processes",
        "Other new call sites",
    ]
    summary = sections[0].splitlines()
    hour, time = "1 h 0 min", "2023-11-14 22:15:00Z"
    assert summary == [
        f"843 records in the {hour} since {time}, 180 in the {hour} before",
        "new: errors 1, call sites 2, loggers 2, processes 1; changed: call sites 1",
    ]
    assert "x 12.0" in sections[3]
    pasted = sections[2].splitlines()[4].strip()
    assert shlex.split(pasted)[:3] == [
        "logcollector",
        "query",
        f"logger=shop.pay file=pay.py line=17 since:{SINCE}",
    ]


def test_against(objects, database):
    """--against takes a longer time to compare with, as a length or a time."""
    short = objects(database, "--until", "2023-11-14T22:25:00Z")
    longer = objects(database, "--until", "2023-11-14T22:25:00Z", "--against", "50m")
    absolute = objects(
        database, "--until", "2023-11-14T22:25:00Z", "--against", "2023-11-14T21:25Z"
    )

    def rates(found):
        return [
            (each["before"], each["after"])
            for each in found
            if each["kind"] == "call_site_rate"
        ]

    assert rates(short) == [(10, 120)]
    assert rates(longer) == rates(absolute) == [(50, 120)]


def test_limit(run, objects, database):
    """So many of each kind are shown, and that there are more is said."""
    kinds = [each["kind"] for each in objects(database, "-n", "1")]
    assert len(kinds) == len(set(kinds)) == 5
    result = run("new", "--since", SINCE, "--db", database, "-n", "1")
    assert "1 of each are shown" in result.stdout


def test_a_quiet_hour(run, database):
    """Where nothing is new, that is what it says."""
    result = run("new", "--since", SINCE, "--db", database, "logger:shop.web")

    assert result.stdout.splitlines()[1:] == ["nothing is new, and no rate has changed"]


@pytest.mark.parametrize(
    ("since", "said"),
    [("2020-01-01", "no records before"), ("2023-11-15", "no records since")],
)
@pytest.mark.parametrize("output_format", ["text", "json", "csv"])
def test_nothing_to_compare(run, database, since, said, output_format):
    """Without records on both sides nothing is called new."""
    result = run(
        "new", "--since", since, "--utc", "--db", database, "-o", output_format
    )
    expected = {"json": "[]\n", "csv": "kind,"}.get(output_format, "nothing to compare")

    assert result.exit_code == 0
    assert result.stdout.startswith(expected)
    assert output_format != "text" or said in result.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "since when"),
        (["--until", "today"], "since when"),
        (["--since", "1h", "--against", "soon"], "--against soon"),
        (["--since", "2023-11-14", "--against", "2023-11-15"], "not before --since"),
        (["--since", "1h", "--limit", "-1"], "--limit"),
    ],
)
def test_mistakes(run, database, arguments, said):
    """What can't be compared is refused, and said why."""
    result = run("new", "--db", database, *arguments)

    assert result.exit_code == 2
    assert said in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize("output_format", ["text", "json", "jsonl", "csv"])
def test_nothing_steers_a_terminal(run, fill, output_format):
    """Control characters in names and messages are escaped in all formats."""
    hostile = "a\x1b[31m\x07\x9b2J\x7f\r\u202eb"
    database = fill(
        *changes(-60, name="before"),
        *changes(
            60, name=hostile, hostname=hostile, processName=hostile, message=hostile,
            levelno=40, levelname=hostile, started=0.0,
            exc_text=TRACEBACK.replace("pay", hostile).replace("no card", hostile),
        ),
    )  # fmt: skip
    result = run(
        "new", "--since", SINCE, "--db", database, "-o", output_format,
        env={"COLUMNS": "300"},
    )  # fmt: skip

    assert "31m" in result.stdout
    assert not set(result.stdout) & set("\x1b\x07\x9b\x7f\r\u202e")

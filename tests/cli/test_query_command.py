"""`logcollector query`: what its flags find, in which order, in which shape."""

import csv
import io
import json

import pytest

# Of a minute each, from 2023-11-14 22:13:20 UTC on; ids are 1 to 8.
DIVERSE = [
    {"message": "Connection refused", "levelno": 40, "levelname": "ERROR"},
    {"message": "retry 1", "name": "myapp.db.pool", "hostname": "web2"},
    {"message": "retry 2", "name": "myapp.dbx", "extra": '{"user": {"id": 42}}'},
    {"message": "slow", "levelno": 30, "levelname": "WARNING", "hostname": "db1"},
    {"message": "failed", "exc_text": "Traceback\n  OSError: connection reset"},
    {"message": 'a:b OR "x', "extra": '{"user.id": 43}', "process": 7},
    {"message": "done", "hostname": "web2", "levelno": 50, "levelname": "CRITICAL"},
    {"message": "bye", "name": "other", "processName": "Worker-1"},
]


@pytest.fixture
def database(fill):
    """Eight records, no two alike."""
    return fill(
        *(
            {"created": 1_700_000_000.0 + 60 * n, **each}
            for n, each in enumerate(DIVERSE)
        )
    )


@pytest.fixture
def ids(run):
    """Runs a query and returns the ids it shows, in order."""

    def found(database, *arguments):
        result = run(
            "query", "--db", database, "--utc", "-o", "jsonl", "--fields", "id",
            *arguments,
        )  # fmt: skip
        assert result.exit_code == 0, result.output
        return [json.loads(line)["id"] for line in result.stdout.splitlines()]

    return found


def test_orders(database, ids):
    """The newest come first, or the oldest, or the newest in the order of time."""
    assert ids(database) == [8, 7, 6, 5, 4, 3, 2, 1]
    assert ids(database, "-n", 3) == [8, 7, 6]
    assert ids(database, "-n", 3, "--order", "oldest") == [1, 2, 3]
    assert ids(database, "-n", 3, "--newest-last") == [6, 7, 8]
    assert ids(database, "-n", 3, "--order", "newest", "--newest-last") == [6, 7, 8]


def test_orders_that_exclude_each_other(run, database):
    """To ask for the oldest, and the newest last, is a mistake."""
    result = run("query", "--db", database, "--newest-last", "--order", "oldest")

    assert result.exit_code == 2
    assert "exclude each other" in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--level", "warning"], [7, 4, 1]),
        (["-l", "ERROR"], [7, 1]),
        (["--level", "25"], [7, 4, 1]),
        (["--logger", "myapp.db"], [7, 6, 5, 4, 2, 1]),
        (["--logger", "myapp.*"], [7, 6, 5, 4, 3, 2, 1]),
        (["--host", "web2"], [7, 2]),
        (["--host", "web*"], [8, 7, 6, 5, 3, 2, 1]),
        (["--since", "2023-11-14T22:18:20"], [8, 7, 6]),
        (["-s", "1700000300"], [8, 7, 6]),
        (["--until", "2023-11-14T22:15:20Z"], [2, 1]),
        (["--grep", "CONNECTION re"], [5, 1]),
        (["-g", "retry", "-g", "2"], [3]),
        (["--grep", 'a:b OR "x'], [6]),
        (["--grep", ""], [8, 7, 6, 5, 4, 3, 2, 1]),
        (["--before", "3"], [2, 1]),
        (["--after", "6"], [8, 7]),
        (["--before", "6", "--after", "3"], [5, 4]),
        (["--before", "4", "--after", "3"], []),
        (["--before", "-1"], []),
        (["--before", str(10**30)], [8, 7, 6, 5, 4, 3, 2, 1]),
        (["--after", str(10**30)], []),
        (["connection", "re"], [5, 1]),
        (["retry OR slow"], [4, 3, 2]),
        (["--", "-retry", "host:web*"], [8, 7, 6, 5, 1]),
        (["NOT", "retry", "host:web*"], [8, 7, 6, 5, 1]),
        (["user.id>=42"], [6, 3]),
        (["user.id=42"], [3]),
        (["/ret.y [12]/"], [3, 2]),
        (["id:4"], [4]),
        (["has:exc"], [5]),
        (["pid:7"], [6]),
        (["process:worker-*"], [8]),
        (["nothing like it"], []),
    ],
    ids=str,
)  # fmt: skip
def test_filters(database, ids, arguments, expected):
    """Each flag and each form of a query finds what it asks for."""
    assert ids(database, *arguments) == expected


def test_filters_together(database, ids):
    """All that is asked for must hold, whichever way it is said."""
    both = ["--level", "info", "--host", "web2", "--logger", "myapp", "-g", "retry"]

    assert ids(database, *both) == [2]
    assert ids(database, *both, "host:web1") == []
    assert ids(database, "--host", "web2", "done OR slow") == [7]
    assert ids(database, "--since", "1700000060", "--until", "1700000240") == [4, 3, 2]
    assert ids(database, "--before", 5, "-n", 1, "host:web1") == [3]


def test_limits(fill, ids):
    """A hundred records are shown, or as many as asked for; 0 stands for all."""
    database = fill(*({"message": str(n)} for n in range(1300)))

    assert ids(database) == list(range(1300, 1200, -1))
    assert ids(database, "--limit", 1) == [1300]
    assert ids(database, "--limit", 0) == list(range(1300, 0, -1))
    assert ids(database, "--limit", 0, "--newest-last") == list(range(1, 1301))


def test_a_limit_may_be_huge(database, ids):
    """No limit is too large: it is only that of what is shown."""
    assert len(ids(database, "--limit", 10**25)) == len(DIVERSE)


@pytest.mark.parametrize("size", [1, 7, 50, 1000])
@pytest.mark.parametrize("query", [(), ("even",), ("--level", "error")], ids=str)
def test_pages(fill, ids, size, query):
    """Page after page, back or forth, every record is shown once."""
    database = fill(
        *(
            {
                "message": "even" if n % 2 else "odd",
                "levelno": 40 if n % 7 == 0 else 20,
                "created": 1_700_000_000.0 - n,
            }
            for n in range(120)
        )
    )
    every = ids(database, "-n", 0, *query)
    back: list[int] = []
    while page := ids(database, "-n", size, "--before", (back or [10**9])[-1], *query):
        back += page
    forth: list[int] = []
    while page := ids(
        database, "-n", size, "--order", "oldest", "--after", (forth or [0])[-1], *query
    ):
        forth += page

    assert len(every) > 10
    assert back == every
    assert forth == every[::-1]


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["retry"],
        ["--level", "warning"],
        ["--since", "1700000090"],
        ["--host", "web1", "user.id>0"],
        ["--before", "6"],
        ["--after", "2", "--before", "7", "--level", "warning"],
        ["nothing like it"],
    ],
    ids=str,
)
def test_counts(run, database, ids, arguments):
    """--count prints the number of records that --limit 0 shows, and no more."""
    result = run("query", "--db", database, "--count", "-n", 1, *arguments)

    assert result.exit_code == 0
    assert result.stdout == f"{len(ids(database, '-n', 0, *arguments))}\n"
    assert result.stderr == ""


def test_context(fill, ids):
    """Around each hit is shown what the same run of a process logged, once."""
    database = fill(
        *(
            {
                "message": f"{name} {n}",
                "hostname": name,
                "started": 5.0 if name == "a" else 6.0,
            }
            for n in range(5)
            for name in ("a", "b")
        )
    )

    # a has the odd ids, b the even ones.
    assert ids(database, "-C", 1, '"a 2"') == [7, 5, 3]
    assert ids(database, "-C", 1, '"b 2"', "--order", "oldest") == [4, 6, 8]
    assert ids(database, "-C", 3, '"a 0"') == [7, 5, 3, 1]
    assert ids(database, "-C", 1, '"a 1" OR "a 2"') == [7, 5, 3, 1]
    assert ids(database, "-C", 1, '"a 1" OR "a 2"', "-n", 1) == [7, 5, 3]
    assert ids(database, "-C", 1, '"a 1" OR "a 3"', "--newest-last") == [1, 3, 5, 7, 9]
    assert ids(database, "-C", 9, "--before", 4, "-n", 1) == [9, 7, 5, 3, 1]
    assert ids(database, "-C", 0, '"a 2"') == [5]


def test_text(run, fill):
    """As text a record is one line, with what belongs to it marked below."""
    database = fill(
        {
            "message": "first\nsecond",
            "exc_text": "Traceback:\n  here",
            "extra": '{"user": "bob smith", "n": 1}',
        }
    )

    assert run("query", "--db", database, "--utc").stdout == (
        "2023-11-14 22:13:20.250Z INFO     myapp.db web1[4242]  first"
        '  user="bob smith" n=1\n'
        "    | second\n"
        "    | Traceback:\n"
        "    |   here\n"
    )


def test_formats_agree(run, database, ids):
    """All formats show the same records in the same order."""

    def shown(output_format):
        result = run("query", "--db", database, "--utc", "-o", output_format)
        assert result.exit_code == 0, result.output
        return result.stdout

    messages = [each["message"] for each in reversed(DIVERSE)]
    documents = json.loads(shown("json"))

    assert [each["message"] for each in documents] == messages
    assert [json.loads(line) for line in shown("jsonl").splitlines()] == documents
    rows = list(csv.DictReader(io.StringIO(shown("csv"))))
    assert [row["message"] for row in rows] == messages
    assert list(rows[0]) == list(documents[0])
    lines = shown("text").splitlines()
    heads = [line for line in lines if not line.startswith("    | ")]
    assert [m in head for m, head in zip(messages, heads, strict=True)] == [True] * 8
    heading, *lines = shown("table").splitlines()
    assert heading.split() == ["time", "level", "logger", "host", "message"]
    assert [m in line for m, line in zip(messages, lines, strict=True)] == [True] * 8


@pytest.mark.parametrize(
    ("output_format", "shown"),
    [
        ("text", ""),
        ("json", "[]\n"),
        ("jsonl", ""),
        ("csv", "id,message\n"),
        ("table", "id  message\n"),
    ],
)
def test_nothing_found_is_whole_output_too(run, fill, output_format, shown):
    """Without a record each format is still valid, with status 0."""
    result = run("query", "--db", fill(), "-o", output_format, "--fields", "id,message")

    assert (result.exit_code, result.stdout, result.stderr) == (0, shown, "")


def test_fields(run, database):
    """The fields asked for are shown, in that order, by these names."""

    def shown(output_format):
        return run(
            "query", "--db", database, "--utc", "-n", 1, "user.id:*", "-o",
            output_format, "--fields", "time,host,Level,user.id,extra.nothing",
        ).stdout  # fmt: skip

    assert shown("text") == "2023-11-14 22:18:20.000Z\tweb1\tINFO\t43\t-\n"
    assert json.loads(shown("jsonl")) == {
        "time": "2023-11-14T22:18:20.000Z",
        "host": "web1",
        "Level": "INFO",
        "user.id": 43,
        "extra.nothing": None,
    }
    assert shown("csv").splitlines() == [
        "time,host,Level,user.id,extra.nothing",
        "2023-11-14T22:18:20.000Z,web1,INFO,43,",
    ]


def test_cells_are_no_formulas(run, fill):
    """What a spreadsheet would take for a formula is written as a text."""
    hostile = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", " =1", "\uff1d1"]
    database = fill(*({"message": text, "name": text} for text in hostile))
    result = run(
        "query", "--db", database, "-o", "csv", "--newest-last",
        "--fields", "id,message,logger",
    )  # fmt: skip

    rows = list(csv.reader(io.StringIO(result.stdout)))[1:]
    assert [row[0] for row in rows] == [str(n) for n in range(1, len(hostile) + 1)]
    cells = [cell for row in rows for cell in row[1:]]
    assert len(cells) == 2 * len(hostile)
    assert all(cell.startswith("'") for cell in cells)


@pytest.mark.parametrize("output_format", ["text", "table", "json", "jsonl", "csv"])
def test_nothing_steers_a_terminal(run, fill, output_format):
    """Control characters of a record, in whichever part, are shown escaped."""
    hostile = "a\x1b[31m\x07\x9b2J\x7f\r\u202eb"
    database = fill(
        {
            "message": hostile,
            "name": hostile,
            "hostname": hostile,
            "levelname": hostile,
            "exc_text": hostile,
            "stack_info": hostile,
            "extra": json.dumps({hostile: hostile}, ensure_ascii=False),
        }
    )
    result = run("query", "--db", database, "-o", output_format, env={"COLUMNS": "400"})

    assert result.exit_code == 0
    assert "31m" in result.stdout
    assert not set(result.stdout) & set("\x1b\x07\x9b\x7f\r\u202e")


def test_no_color_in_a_pipe(run, database):
    """What is no terminal gets no colours."""
    assert "\x1b" not in run("query", "--db", database, "-g", "retry").stdout


@pytest.mark.parametrize("text", ["\udcff", "retry\udc80"])
def test_bytes_that_are_no_utf_8_are_text_too(ids, database, text):
    """An argument that is no UTF-8 is looked for; no record can have it."""
    assert ids(database, "--grep", text) == []
    assert ids(database, text) == []
    assert ids(database, "--host", text) == []
    assert ids(database, "--logger", text) == []


@pytest.mark.parametrize("text", ["%", "_", "*", "'", '"', "\\", "\0", "[", "NEAR("])
def test_what_other_languages_take_for_operators_is_text(fill, ids, text):
    """LIKE's wildcards, FTS operators, quotes and NUL are looked for as they are."""
    # A NUL is stored escaped, so no record has one.
    database = fill(
        {"message": f"a{text}b"} if text != "\0" else {}, {"message": "a-b"}
    )

    assert ids(database, "--grep", f"a{text}b") == ([] if text == "\0" else [1])


class TestDatabase:
    """Which database is read."""

    @pytest.fixture
    def shown(self, run, fill, tmp_path, monkeypatch):
        """Runs a query that shows the one message of the database it reads."""
        monkeypatch.chdir(tmp_path)
        monkeypatch.delenv("LOGCOLLECTOR_DB", raising=False)
        for name in ("flag", "variable", "settings", "logs"):
            fill({"message": name}, name=f"{name}.sqlite")
        (tmp_path / "config.toml").write_text('db = "settings.sqlite"\n')
        (tmp_path / "without.toml").write_text("port = 1\n")

        def shown(*arguments, **env):
            result = run("query", "--fields", "message", *arguments, env=env)
            assert result.exit_code == 0, result.output
            return result.stdout.strip()

        return shown

    def test_the_first_that_is_named_is_read(self, shown):
        """--db goes before LOGCOLLECTOR_DB, that before the settings' file."""
        variable = {"LOGCOLLECTOR_DB": "variable.sqlite"}
        settings = {"LOGCOLLECTOR_CONFIG": "config.toml"}

        assert shown("--db", "flag.sqlite", **variable, **settings) == "flag"
        assert shown(**variable, **settings) == "variable"
        assert shown(**settings) == "settings"
        assert shown() == "logs"

    def test_what_names_nothing_is_passed_over(self, shown):
        """An empty variable and settings without a database name none."""
        assert shown(LOGCOLLECTOR_DB="") == "logs"
        assert shown(LOGCOLLECTOR_CONFIG="without.toml") == "logs"

    def test_the_settings_of_a_service(self, shown, tmp_path):
        """Settings in the service's folder name the database, too."""
        assert shown(CONFIGURATION_DIRECTORY=str(tmp_path)) == "settings"

    def test_wrong_settings_are_told(self, run, tmp_path):
        """A settings file that is wrong or missing is the user's mistake."""
        wrong = tmp_path / "wrong.toml"
        wrong.write_text("prot = 1\n")
        for file in (wrong, tmp_path / "missing.toml"):
            result = run("query", env={"LOGCOLLECTOR_CONFIG": str(file)})
            assert result.exit_code == 2
            assert str(file.name) in result.stderr


def test_a_line_stands_between_surroundings(run, fill):
    """In text, -- is between what is apart; other formats have records alone."""
    path = fill(
        *({"message": text} for text in ("a", "hit", "b", "c", "d", "hit", "e"))
    )
    result = run("query", "hit", "-C", "1", "--order", "oldest", "--db", path)

    lines = [line.split()[-1] for line in result.stdout.splitlines()]
    assert lines == ["a", "hit", "b", "--", "d", "hit", "e"]
    result = run("query", "hit", "-C", "1", "-o", "jsonl", "--db", path)
    assert len(result.stdout.splitlines()) == 6

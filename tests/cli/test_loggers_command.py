"""`logcollector loggers`: the tree, its counts, in every format."""

import pytest


@pytest.fixture
def database(fill):
    """Loggers of a shop, and others."""
    counts = {
        ("shop.web", 20): 5,
        ("shop.web.cart", 40): 2,
        ("shop.web.cart", 20): 1,
        ("shop.db.pool", 30): 2,
        ("asyncio", 10): 3,
    }
    return fill(
        *(
            {"name": name, "levelno": level, "levelname": str(level)}
            for (name, level), count in counts.items()
            for _ in range(count)
        )
    )


@pytest.fixture
def objects(told):
    """Runs it for a script, checks that all formats agree, returns objects."""

    def listed(database, *arguments):
        found, table = told("loggers", "--db", database, *arguments)
        assert [row["logger"] for row in table] == [each["logger"] for each in found]
        assert [row["count"] for row in table] == [str(each["count"]) for each in found]
        return found

    return listed


def counts_of(told):
    return [(each["logger"], each["count"], each["own"]) for each in told]


def test_objects(objects, database):
    """Each logger has its own records and those with all below it."""
    told = objects(database)

    assert counts_of(told) == [
        ("shop", 10, 0),
        ("shop.web", 8, 5),
        ("shop.web.cart", 3, 3),
        ("shop.db.pool", 2, 2),
        ("asyncio", 3, 3),
    ]
    assert told[1] == {
        "logger": "shop.web",
        "parent": "shop",
        "depth": 1,
        "own": 5,
        "count": 8,
        "share": round(8 / 13, 6),
        "worst": "error",
        "levels": {"info": 6, "error": 2},
        "first": 1_700_000_000.25,
        "last": 1_700_000_000.25,
    }


def test_text(run, database):
    """The tree is drawn, the largest first, with worst level and counts."""
    result = run("loggers", "--db", database, env={"COLUMNS": "60"})

    assert result.stdout.splitlines() == [
        "logger      worst    own  count  share",
        "shop        error      0     10  76.9%",
        "├─ web      error      5      8  61.5%",
        "│  └─ cart  error      3      3  23.1%",
        "└─ db.pool  warning    2      2  15.4%",
        "asyncio     debug      3      3  23.1%",
    ]


def test_depth_and_order(objects, database):
    """--depth cuts names and counts what is below in; --sort name is by name."""
    assert counts_of(objects(database, "--depth", "1")) == [
        ("shop", 10, 0),
        ("asyncio", 3, 3),
    ]
    assert counts_of(objects(database, "-d", "2", "--sort", "name")) == [
        ("asyncio", 3, 3),
        ("shop", 10, 0),
        ("shop.db", 2, 0),
        ("shop.web", 8, 5),
    ]


def test_a_query(objects, database):
    """Only what matches is counted, by rollups or not."""
    assert counts_of(objects(database, "level>=warning")) == [
        ("shop", 4, 0),
        ("shop.db.pool", 2, 2),
        ("shop.web.cart", 2, 2),
    ]
    assert counts_of(objects(database, "hello", "--logger", "asyncio")) == [
        ("asyncio", 3, 3)
    ]


def test_limit(run, objects, database):
    """The largest are shown, each below its parent, and how many more is said."""
    assert counts_of(objects(database, "-n", "2")) == [
        ("shop", 10, 0),
        ("shop.web", 8, 5),
    ]
    result = run("loggers", "--db", database, "-n", "2")
    assert result.stdout.endswith("... and 3 more (--limit 0: all)\n")


@pytest.mark.parametrize("output_format", ["text", "json", "csv"])
def test_no_records(run, fill, output_format):
    """Where nothing is found the output is empty, as its format has it."""
    empty = {"json": "[]\n", "csv": "logger,"}.get(output_format, "no records\n")
    result = run("loggers", "--db", fill({}), "-o", output_format, "nowhere")

    assert result.exit_code == 0
    assert result.stdout.startswith(empty)


@pytest.mark.parametrize("output_format", ["text", "json", "jsonl", "csv"])
def test_nothing_steers_a_terminal(run, fill, output_format):
    """Control characters in names are escaped in all formats."""
    database = fill(
        {"name": "a.\x1b[31m\x07"}, {"name": "a.b\x9b2J\x7f"}, {"name": "\r\u202eb"}
    )
    shown = run(
        "loggers", "--db", database, "-o", output_format, env={"COLUMNS": "300"}
    ).stdout

    assert "31m" in shown
    assert not set(shown) & set("\x1b\x07\x9b\x7f\r\u202e")


def test_stdout_without_unicode(database, tmp_path):
    """Where stdout takes ASCII only the tree is drawn in that."""
    import subprocess
    import sys

    from integration.daemon import environment

    done = subprocess.run(
        [sys.executable, "-m", "collector", "loggers", "--db", database],
        env=environment({"PYTHONIOENCODING": "ascii"}),
        capture_output=True,
        text=True,
        check=True,
    )

    assert "|  `- cart" in done.stdout

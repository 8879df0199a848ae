"""`logcollector rejects`: seeing what was rejected, and trying again."""

import base64
import csv
import io
import json
import sqlite3
from contextlib import closing

import pytest
from integration.wire import pickled_frame, stock_frame
from store.stored import opened, reading

from collector.store import rejected
from collector.store.consistency import check
from collector.store.inserter import insert_rejects
from collector.store.rejects import MAX_PAYLOAD_BYTES, make_reject

BASE = 1_700_000_000.0


def rows(path, sql):
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql).fetchall()


@pytest.fixture
def rejects(fill):
    """Makes a database of one record, and of rejects of some payloads."""

    def make(*payloads, **values):
        path = fill({})
        with opened(path) as one:
            insert_rejects(
                one.connection,
                [
                    make_reject(
                        payload,
                        **{
                            "received": BASE + n,
                            "peer": f"10.0.0.{n}",
                            "reason": "malformed_pickle" if n % 2 else "too_deep",
                            "detail": f"detail {n}",
                            **values,
                        },
                    )
                    for n, payload in enumerate(payloads)
                ],
                1000,
            )
        return path

    return make


def ids(text):
    lines = text.splitlines()[1:]
    return [int(line.split()[0]) for line in lines if not line.startswith("...")]


def test_list(run, rejects):
    """The newest come first, with when, of whom, how long and why."""
    path = rejects(b"abc", b"defg")
    result = run("rejects", "list", "--db", path, "--utc")

    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == [
        "id  received              peer      bytes  reason            detail",
        " 2  2023-11-14 22:13:21Z  10.0.0.1      4  malformed_pickle  detail 1",
        " 1  2023-11-14 22:13:20Z  10.0.0.0      3  too_deep          detail 0",
    ]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], [5, 4, 3, 2, 1]),
        (["--limit", "2"], [5, 4]),
        (["--limit", "0"], [5, 4, 3, 2, 1]),
        (["--reason", "too_deep"], [5, 3, 1]),
        (["--peer", "10.0.0.3"], [4]),
        (["2", "5", "77"], [5, 2]),
        (["--since", "2023-11-14T22:13:22Z"], [5, 4, 3]),
        (["--until", "2023-11-14T22:13:22Z", "--reason", "too_deep"], [1]),
    ],
)
def test_what_is_listed(run, rejects, monkeypatch, arguments, expected):
    """Ids, reasons, peers and times choose, together; in pages of any size."""
    path = rejects(*[b"x"] * 5)
    for size in (1, 2, 100):
        monkeypatch.setattr(rejected, "STEP_REJECTS", size)
        assert ids(run("rejects", "list", "--db", path, *arguments).stdout) == expected


def test_what_is_not_listed(run, rejects):
    """How many more there are is told, where people read it."""
    path = rejects(*[b"x"] * 5)
    few = run("rejects", "list", "-n", "2", "--db", path, "--reason", "too_deep")
    as_lines = run("rejects", "list", "-n", "2", "--db", path, "-o", "jsonl")

    assert few.stdout.splitlines()[-1] == "... and 1 more (--limit 0: all)"
    assert "more" not in run("rejects", "list", "-n", "5", "--db", path).stdout
    assert len(as_lines.stdout.splitlines()) == 2


def test_formats(run, rejects):
    """JSON, JSON lines, CSV and a table hold the same."""
    path = rejects(b"abc", detail="a\nb\x1b[31m" + "long " * 100)
    as_json = json.loads(run("rejects", "list", "--db", path, "-o", "json").stdout)
    as_lines = run("rejects", "list", "--db", path, "-o", "jsonl").stdout
    as_csv = run("rejects", "list", "--db", path, "-o", "csv").stdout
    table = run("rejects", "list", "--db", path, "-o", "table").stdout

    assert as_json == [json.loads(as_lines)]
    assert as_json[0]["detail"].startswith("a\nb\x1b[31m")
    assert (as_json[0]["payload_bytes"], as_json[0]["kept_bytes"]) == (3, 3)
    [told] = csv.DictReader(io.StringIO(as_csv))
    assert told["reason"] == "too_deep"
    assert max(map(len, table.splitlines())) <= 120
    for text in (as_lines, as_csv, table, run("rejects", "list", "--db", path).stdout):
        assert "\x1b" not in text


def test_without_rejects(run, fill):
    """Nothing is listed, exported or asked about where there is nothing."""
    path = fill({})
    for name in (["list"], ["export"], ["retry", "--all"], ["clear", "--all"]):
        result = run("rejects", *name, "--db", path)
        assert (result.exit_code, result.stdout) == (0, ""), name


@pytest.mark.parametrize("name", ["retry", "export", "clear"])
def test_none_is_meant(run, rejects, name):
    """Where what is asked for holds for none, that is told, and is no failure."""
    path = rejects(b"x")
    result = run("rejects", name, "--reason", "empty", "--db", path)

    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == f"{path}: there are no such rejects\n"


@pytest.mark.parametrize("name", ["show", "retry", "export", "clear"])
def test_an_id_that_is_not_there(run, rejects, name):
    """Who names a reject that is not there has made a mistake; status 1."""
    path = rejects(b"x")
    result = run("rejects", name, "77", "--db", path)

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        f"logcollector: {path}: has no reject 77; `rejects list` tells which\n"
    )


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("retry", "1 stored, 0 remain rejected\n"),
        ("export", ""),
        ("clear -y", "1 reject deleted\n"),
    ],
)
def test_some_ids_that_are_not_there(run, rejects, name, said):
    """The others are dealt with all the same."""
    path = rejects(b'{"msg": "fine"}')
    result = run("rejects", *name.split(), "1", "78", "77", "--db", path)

    assert result.exit_code == 1
    assert result.stderr == (f"{path}: {said}" if said else "") + (
        f"logcollector: {path}: has no rejects 77, 78; `rejects list` tells which\n"
    )
    assert len(rows(path, "SELECT id FROM rejects")) == (name == "export")
    assert len(result.stdout.splitlines()) == (name == "export")


@pytest.mark.parametrize(
    ("reason", "payload", "told"),
    [
        ("frame_too_large", b"GET ", "only its length was read"),
        ("frame_too_large", b"\x7f\xff\xff\xff", "raise max_frame_bytes"),
        ("truncated", stock_frame("x")[4:50], "only its beginning had arrived"),
        ("connection_lost", stock_frame("x")[:50], "only its beginning had arrived"),
        ("frame_timeout", b'{"msg', "to be sent again"),
        ("stopped", b"", "to be sent again"),
    ],
)
def test_what_was_never_whole(run, rejects, reason, payload, told):
    """It is not decoded, as if it were a payload, but what is so and helps is told."""
    path = rejects(payload, reason=reason)
    shown = run("rejects", "show", "1", "--db", path)
    retried = run("rejects", "retry", "1", "--db", path)

    [today] = [line for line in shown.stdout.splitlines() if line.startswith("today")]
    assert today.startswith(f"today     {reason}: ")
    assert told in today
    assert retried.exit_code == 1
    assert retried.stdout == f"1: {today[10:]}\n"
    assert retried.stderr == f"{path}: 0 stored, 1 remain rejected\n"


@pytest.mark.parametrize("name", ["list", "show 1", "export", "retry 1", "clear -y 1"])
def test_too_little_time(run, rejects, name):
    """Reading takes no longer than --timeout says; nothing is changed."""
    path = rejects(b'{"msg": "fine"}')
    arguments = ("rejects", *name.split(), "--db", path, "--timeout")
    late = run(*arguments, "0.0000001")

    assert late.exit_code == 1
    assert "--timeout" in late.stderr
    assert rows(path, "SELECT count(*) FROM rejects") == [(1,)]
    assert run(*arguments, "60").exit_code == 0


def test_show(run, rejects):
    """One reject has its bytes, and what it would be today."""
    path = rejects(b"GET / HTTP/1.1\r\nHost: x\x1b", stock_frame("fine now")[4:])
    bad = run("rejects", "show", "1", "--db", path, "--utc")
    good = run("rejects", "show", "2", "--db", path, "--bytes", "16")

    assert bad.exit_code == 0, bad.output
    assert "received  2023-11-14 22:13:20.000Z" in bad.stdout
    assert "today     malformed_pickle: " in bad.stdout
    assert bad.stdout.splitlines()[-2:] == [
        "00000000  47 45 54 20 2f 20 48 54 54 50 2f 31 2e 31 0d 0a  GET / HTTP/1.1..",
        "00000010  48 6f 73 74 3a 20 78 1b                          Host: x.",
    ]
    assert "today     a record of app, INFO: fine now" in good.stdout
    assert good.stdout.splitlines()[-1].startswith("00000000  7d 71 00 28")
    assert good.stderr.startswith("16 of ")


def test_export_as_json(run, rejects):
    """Each line has all of a reject, its payload in base64."""
    payloads = [b"\x00\xff", b"", b"x" * (MAX_PAYLOAD_BYTES + 1)]
    result = run("rejects", "export", "--db", rejects(*payloads))

    told = [json.loads(line) for line in result.stdout.splitlines()]
    assert [one["id"] for one in told] == [1, 2, 3]
    exported = [base64.b64decode(one["payload"]) for one in told]
    assert exported == [payload[:MAX_PAYLOAD_BYTES] for payload in payloads]
    assert told[2]["payload_bytes"] == MAX_PAYLOAD_BYTES + 1


def test_export_as_files(run, rejects, tmp_path):
    """Each payload is a file of its own; none that is there is overwritten."""
    path = rejects(b"one", b"two", b"three")
    folder = tmp_path / "out"
    result = run(
        "rejects", "export", "--db", path, "--to", folder, "--reason", "too_deep"
    )
    again = run("rejects", "export", "--db", path, "--to", folder)

    assert result.exit_code == 0, result.output
    assert {each.name: each.read_bytes() for each in folder.iterdir()} == {
        "1.payload": b"one",
        "3.payload": b"three",
    }
    # As those of other files with content of records, whatever others may read.
    assert {each.stat().st_mode & 0o777 for each in folder.iterdir()} == {0o640}
    assert folder.stat().st_mode & 0o777 == 0o750
    assert again.exit_code == 1
    assert "is there already" in again.stderr


def test_retry(run, rejects):
    """What can be read becomes a record, received when it came; the rest is told."""
    path = rejects(
        stock_frame("of a stock client", user={"id": 1})[4:],
        b"\x80garbage\x1b[31m",
        b'{"msg": "json", "hostname": "web7"}',
        b'{"msg": "' + b"x" * MAX_PAYLOAD_BYTES,
        b'{"no": "message"}',
    )
    result = run("rejects", "retry", "--all", "--db", path)

    assert result.exit_code == 1
    assert result.stderr == f"{path}: 2 stored, 3 remain rejected\n"
    lines = dict(line.split(": ", 1) for line in result.stdout.splitlines())
    assert lines.keys() == {"2", "4", "5"}
    assert lines["4"].startswith("incomplete: only 65,536 of its 65,545 bytes")
    assert lines["5"].startswith("no_message")
    assert rows(path, "SELECT id FROM rejects") == [(2,), (4,), (5,)]
    assert rows(
        path,
        "SELECT message, hostname, peer, round(received, 3) FROM logs "
        "WHERE id > 1 ORDER BY id",
    ) == [
        ("of a stock client", "10.0.0.0", "10.0.0.0", BASE),
        ("json", "web7", "10.0.0.2", BASE + 2),
    ]
    with reading(path) as reader:
        assert check(reader) == []


def test_retry_with_the_limits_of_today(run, rejects):
    """What was too much under the settings gets in once they allow for it."""
    path = rejects(pickled_frame({"msg": "m", "items": list(range(3000))})[4:])
    few = {"LOGCOLLECTOR_DECODE_MAX_OPERATIONS": "1000"}
    refused = run("rejects", "retry", "1", "--db", path, env=few)
    taken = run("rejects", "retry", "1", "--db", path)

    assert refused.exit_code == 1
    assert rows(path, "SELECT count(*) FROM rejects") == [(0,)]
    assert taken.exit_code == 0, taken.output


def test_retry_stores_each_once(run, rejects, monkeypatch):
    """In steps of any size, with some taken away meanwhile, none is stored twice."""
    monkeypatch.setattr(rejected, "STEP_REJECTS", 3)
    path = rejects(*[json.dumps({"msg": str(n)}).encode() for n in range(10)])
    store_again = rejected.store_again

    def take_one_away(connection, records):
        rejected.delete(connection, [5])
        return store_again(connection, records)

    monkeypatch.setattr("collector.cli.rejects.retry.store_again", take_one_away)
    result = run("rejects", "retry", "--all", "--db", path)
    again = run("rejects", "retry", "--all", "--db", path)

    assert (result.exit_code, again.exit_code) == (0, 0)
    assert "9 stored, 0 remain" in result.stderr
    assert [row[0] for row in rows(path, "SELECT message FROM logs WHERE id > 1")] == [
        str(n) for n in range(10) if n != 4
    ]


def test_what_sqlite_refuses_again_stays(run, rejects):
    """One that SQLite still refuses keeps no other out; it is told, and stays."""
    path = rejects(
        *[json.dumps({"msg": text}).encode() for text in ("good", "bad", "fine")]
    )
    with opened(path) as one:
        one.connection.execute(
            "CREATE TRIGGER refuse BEFORE INSERT ON records WHEN new.message = 'bad' "
            "BEGIN SELECT RAISE(ABORT, 'no bad messages'); END"
        )
    result = run("rejects", "retry", "--all", "--db", path)

    assert result.exit_code == 1
    assert result.stdout == "2: refused by SQLite: no bad messages\n"
    assert rows(path, "SELECT id FROM rejects") == [(2,)]
    assert rows(path, "SELECT message FROM logs WHERE id > 1") == [("good",), ("fine",)]


@pytest.mark.parametrize("name", ["retry", "clear"])
def test_something_must_be_chosen(run, rejects, name):
    """Without a choice nothing happens, nor with a choice and --all."""
    path = rejects(b"x")
    for arguments in ([], ["--all", "1"]):
        result = run("rejects", name, "--db", path, *arguments)
        assert result.exit_code == 2
        assert "--all" in result.stderr
    assert rows(path, "SELECT count(*) FROM rejects") == [(1,)]


def test_clear(run, rejects, monkeypatch):
    """What is chosen is deleted, in steps, once that is confirmed."""
    monkeypatch.setattr("collector.cli.rejects.clear.STEP_REJECTS", 2)
    path = rejects(*[b"x"] * 6)
    no = run("rejects", "clear", "--all", "--db", path, input="n\n")
    nobody = run("rejects", "clear", "--all", "--db", path)
    assert (no.exit_code, nobody.exit_code) == (1, 1)
    assert rows(path, "SELECT count(*) FROM rejects") == [(6,)]

    yes = run("rejects", "clear", "--reason", "too_deep", "--db", path, input="y\n")
    assert yes.exit_code == 0, yes.output
    assert "3 rejects deleted" in yes.stderr
    assert rows(path, "SELECT id FROM rejects") == [(2,), (4,), (6,)]
    assert run("rejects", "clear", "4", "-y", "--db", path).exit_code == 0
    assert rows(path, "SELECT id FROM rejects") == [(2,), (6,)]

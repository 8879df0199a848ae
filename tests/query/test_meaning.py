"""What queries mean, told of one record, by the predicate and by SQL."""

import math

import pytest

from collector.query.predicate import matches
from collector.query.tree import Comparison, Everything, Glob, Has, Path, Regex

# (what is special about the record, what finds it, what does not)
MEANINGS = {
    "text": (
        {"message": "Connection REFUSED by db_1 at 100%", "exc_text": "Boom\nat x"},
        ["refused", '"on ref"', "db_1", "100%", "boom", "a", '""', "-nothing"],
        ["ref*", "db%1", "10_%", '"refused boom"', "dbx1", "-boom", "a__"],
    ),
    "no traceback": (
        {"message": "a", "exc_text": None},
        ["a", "-b", "-exc:b", "-has:exc", '-exc=""'],
        ["b", "exc:b", "exc:*", "has:exc", "exc!=b", "exc<b"],
    ),
    "case of Unicode": (
        {"message": "Straße ΣΑΣ É \u212a ﬁn ıİ"},
        ["STRASSE", "σας", "ΣΑς", "é", "k", "fin", "I\u0307", '"k fi"', "i\u0307"],
        ["strase", '"e\u0301"', "ï"],
    ),
    "backslashes and quotes": (
        {"message": 'C:\\temp\\% "x" \\_'},
        ["C:\\temp", r'"\\%"', r'"\"x\""', "\\_", "emp\\%"],
        ["C:/temp", r"\\\\"],
    ),
    "patterns": (
        {"message": "took 15 ms", "exc_text": "ValueError: Bad\nat y"},
        [
            "/TOOK [0-9]+ ms/",
            "/^took/",
            "/ms$/",
            "/valueerror: bad/",
            "/(?m)bad$/",
            "/\\p{Lu}/",
            "/x*/",
        ],
        ["/^15/", "/took.*bad/", "/\\//"],
    ),
    "one of several tables": (
        {"level": "Audit", "hostname": "h", "message": "m"},
        ["level:audit OR line:5 OR x", "host:h OR pid:1 OR x", "m (pid:1 OR host:h)"],
        ["level:audit line:5 m", "host:h pid:1 m", "x OR line:5 OR pid:1"],
    ),
    "names": (
        {"hostname": "Web-01.example"},
        [
            "host:web-01.EXAMPLE",
            "host:w*",
            "host:*01*",
            "host:*",
            "host=Web-01.example",
            "host!=web-01.example",
            "host:w*b*.e*e",
            "host>Web",
            "host<web",
            "has:host",
            'host:"WEB-01.example"',
        ],
        [
            "host:web-01",
            "host:eb*",
            "host:*0",
            "host=web-01.example",
            "host:w*z*",
            'host:"w*"',
            "host!=Web-01.example",
            "host>=web",
            "host:w*bb*",
            "host:?eb-01.example",
            "host:[w]eb*",
        ],
    ),
    "globs do not overlap": (
        {"hostname": "aba"},
        ["host:a*a", "host:*b*", "host:ab*a", "host:a**a", "host:a*b*a"],
        ["host:ab*ba", "host:aba*a", "host:*b*b*", "host:aba*aba"],
    ),
    "stars": (
        {"hostname": "a*b"},
        [r"host:a\*b", 'host:"a*b"', "host=a*b", r"host:*\**"],
        [r"host:\*", r"host:a\*", "host=a**b"],
    ),
    "loggers": (
        {"name": "a.b.c"},
        [
            "logger:a.b.c",
            "logger:a.b",
            "logger:a",
            "logger:A.B",
            "logger:*.c",
            "logger:*.b",
            "logger=a.b.c",
            "name:a",
        ],
        ["logger:a.", "logger:a.b.", "logger:a.b.c.d", "logger=a.b", "logger:b"],
    ),
    "levels": (
        {"levelno": 30, "level": "WARNING"},
        [
            "level:warning",
            "level:Warn",
            "level=WARN",
            "level:30",
            "level>=warning",
            "level>info",
            "level<=30",
            "level<error",
            "level!=info",
            "level:w*",
            "levelno:3*",
            "levelno>29.5",
            "level=30.0",
            "level!=audit",
            "has:level",
        ],
        [
            "level:info",
            "level>warning",
            "level!=warning",
            "level!=30",
            "level:e*",
            "level<warning",
            "levelno:*4",
            "-level:warn",
        ],
    ),
    "levels of one's own": (
        {"levelno": 35, "level": "Audit"},
        ["level:audit", "level=Audit", "level:a*", "level>warning", "level!=AUDIT"],
        ["level=AUDIT", "level:warning", "level!=Audit", "level:35*"],
    ),
    "a level's number with another name": (
        {"levelno": 30, "level": "ACHTUNG"},
        ["level:warning", "level:achtung", "level>=warning"],
        ["level!=warning", "level:w*"],
    ),
    "a level's name with another number": (
        {"levelno": 7, "level": "warning"},
        ["level:warning", "level=warning", "level<info"],
        ["level>=warning", "level!=warning"],
    ),
    "level 0": (
        {"levelno": 0, "level": "NOTSET"},
        ["level:notset", "level:0", "level<debug", "has:levelno", "level!=5"],
        ["level>0", "-has:levelno"],
    ),
    "numbers": (
        {"process": 4242, "thread": 9007199254740993, "lineno": 17},
        [
            "pid:4242",
            "pid=4242.0",
            "pid>4241.5",
            "pid:42*",
            "process:4242",
            "pid!=1",
            "thread:9007199254740993",
            "thread>9007199254740992",
            "line:1*",
            "id:1",
            "id:*",
            "id<99999999999999999999",
            "id>-99999999999999999999",
            "id!=1e300",
            "pid=4.242e3",
        ],
        [
            "pid:424",
            "pid:24*",
            "thread:9007199254740992",
            "thread=9007199254740994",
            "line>17",
            "id>9223372036854775807",
            "id:99999999999999999999",
            "id:2",
            "thread=9007199254740992.0",
            "line!=17",
        ],
    ),
    "numbers that are not known": (
        {"process": 0, "thread": 0, "lineno": 0},
        ["-has:pid", "-pid:0", "-line!=1", "has:process", "has:thread"],
        [
            "has:pid",
            "pid:0",
            "line<5",
            "line!=1",
            "pid:*",
            "has:line",
            "thread<1",
            "id:0",
        ],
    ),
    "texts that are not known": (
        {"processName": "", "threadName": "", "pathname": "", "filename": ""}
        | {"module": "", "funcName": "", "process": 0},
        ["-has:func", "-module:*", "-file:*", "-file!=x", "-has:process", '-func=""'],
        [
            "has:module",
            "func!=x",
            "func<z",
            "file!=x",
            "has:file",
            "module:*",
            'func=""',
            'func>=""',
            "file<z",
        ],
    ),
    "processes and threads": (
        {"processName": "Worker-3", "threadName": "77", "thread": 5, "process": 9},
        [
            "process:9",
            "process:worker*",
            "thread:5",
            'thread:"77"',
            "threadName:77",
            "process!=x",
            "process=Worker-3",
            "thread!=4",
        ],
        ["thread:77", "process:3", "process=worker-3", "process!=Worker-3"],
    ),
    "files": (
        {"pathname": "/srv/App/db.py", "filename": "db.py"},
        [
            "file:db.py",
            "file:app/db.py",
            "file:/srv/app/db.py",
            "file:srv/*",
            "file:d*",
            "file=App/db.py",
            "file=db.py",
            "file!=app/db.py",
            "file:*.py",
            "has:file",
            "pathname:*/db.py",
            "filename=db.py",
            "file>/srv",
            "file:*b.py",
        ],
        [
            "file:b.py",
            "file:pp/db.py",
            "file=app/db.py",
            "file:srv",
            "file!=App/db.py",
            "pathname:db.py",
            "file:srv/app",
            "file!=db.py",
            "filename:app/db.py",
        ],
    ),
    "prose": (
        {"message": "One two THREE", "stack_info": "at frame"},
        [
            "message:two",
            "message:one*three",
            'message:"e t"',
            "stack:FRAME",
            'message="One two THREE"',
            "message!=one",
            "message>=One",
            "message:*",
            "stack!=x",
            "has:stack",
            "message:t*t",
        ],
        [
            "message:three*one",
            "message=two",
            "exc:two",
            "stack=frame",
            "message:t*w*t*t",
            'message:"one*three"',
            'message!="One two THREE"',
            "message:e*two*two",
        ],
    ),
    "tasks": (
        {"taskName": "Task-12"},
        ["task:task-12", "task:task-*", "has:task", "task!=x", "taskName=Task-12"],
        ["task:task", "-has:task"],
    ),
    "no task": ({}, ["-has:task", "-task:*"], ["has:task", "task!=x", "task<z"]),
    "peers": (
        {"peer": "10.0.0.7"},
        ["peer:10.0.*", "peer=10.0.0.7", "has:peer"],
        ["peer:10.0"],
    ),
    "times": (
        {"created": 1_699_999_940.0, "delay_ms": 250},
        [
            "since:60s",
            "until:59s",
            "since:1h",
            "created:today",
            "created=1699999940",
            "received>1699999940.2",
            "received:1699999940.25",
            "created<=1699999940",
            "received:today",
            "has:created",
            "created!=1699999941",
            "received<now",
        ],
        [
            "since:59s",
            "until:60s",
            "created:yesterday",
            "created>1699999940",
            "received<=1699999940",
            "received!=1699999940.25",
            "created:60m",
        ],
    ),
}


@pytest.mark.parametrize("special", MEANINGS)
def test_what_finds_a_record(store, read, special):
    """What should find the record does, what should not does not."""
    changes, finds, misses = MEANINGS[special]
    own = store.add(**changes)
    (row,) = store.rows()

    for text in (*finds, *misses):
        node = read(text)
        assert matches(node, row) is (text in finds), text
        assert store.found(node) == [own] * (text in finds), text


def test_the_empty_query_finds_all(store):
    """Everything is everything."""
    store.add()
    store.add()

    assert len(store.found(Everything())) == 2


ODD_VALUES = [b"\xff\x00bytes", "\x00", 5, 1.5, math.nan, math.inf, None, "\ud800"]


@pytest.mark.parametrize("odd", ODD_VALUES, ids=ascii)
def test_the_predicate_never_raises(make_row, odd):
    """A hostile database may hold anything anywhere."""
    row = make_row()
    row = row._replace(**dict.fromkeys(row._fields, odd))
    nodes = [Regex("x"), Has(Path(("a",))), Comparison(Path(("a",)), "=", 1)]
    for field in row._fields:
        nodes += [
            Comparison(field, ":", Glob(("x", ""))),
            Comparison(field, "<", 5),
            Comparison(field, ">", "x"),
            Has(field),
        ]

    for node in nodes:
        assert matches(node, row) in {True, False}

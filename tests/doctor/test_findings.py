"""What is made of what was observed, one finding at a time."""

import re
import stat
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest

from collector.addresses import TcpAddress, UnixAddress
from collector.cli import main
from collector.cli.db import group as db
from collector.cli.rejects import group as rejects
from collector.config import load_settings
from collector.doctor.arrival import judge_delivery
from collector.doctor.clock import ClockReading, is_synchronised, judge_clock
from collector.doctor.collecting import Holders, judge_holders, judge_log
from collector.doctor.commands import commands_for
from collector.doctor.configuration import judge_error, sources
from collector.doctor.content import Content, furthest_ahead, judge_content, judge_index
from collector.doctor.conversation import Conversation, Target
from collector.doctor.delivery import Delivery, marked_frame, text_with
from collector.doctor.descriptors import judge_descriptors, room_for_peers
from collector.doctor.file_system import Room, judge_mount, judge_room
from collector.doctor.finding import failed, found, ok, skipped, warning, worst
from collector.doctor.health import judge_no_status, judge_status
from collector.doctor.library import WRITING_COMMANDS, has_reset_bug, judge_library
from collector.doctor.listening import Owners, judge_listener
from collector.doctor.mounts import Mount
from collector.doctor.processes import Process, this_user
from collector.doctor.replies import judge_conversation
from collector.doctor.rights import Place, judge_rights, look_at_rights
from collector.doctor.serving import picked
from collector.doctor.waiting import Spooled, judge_spool, look_at_spool
from collector.errors import ConfigError, NoSuchDatabase, ReadError
from collector.status import Problem, Status
from collector.store.checkpointer import TOO_LARGE_BYTES
from collector.store.disk import FREE_BYTES
from collector.wire.decoder import Decoder
from collector.wire.limits import DecodeLimits

DATABASE = Path("/var/lib/logs.sqlite")
COMMANDS = commands_for(Path("my settings.toml"), {"db": "a.sqlite"})


@pytest.mark.parametrize(
    ("version", "has_it"),
    [
        ((3, 6, 23), False),
        ((3, 7, 0), True),
        ((3, 40, 1), True),
        ((3, 44, 5), True),
        ((3, 44, 6), False),
        ((3, 45, 0), True),
        ((3, 50, 6), True),
        ((3, 50, 7), False),
        ((3, 51, 2), True),
        ((3, 51, 3), False),
        ((3, 53, 0), False),
    ],
)
def test_versions_with_the_reset_bug(version, has_it):
    """It came with 3.7.0; 3.51.3, 3.50.7 and 3.44.6 have it repaired."""
    assert has_reset_bug(version) is has_it
    assert judge_library(version, has_trigrams=True).state == (
        "warning" if has_it else "ok"
    )


DOCS = Path(__file__).resolve().parent.parent.parent / "docs"


@pytest.mark.parametrize("command", WRITING_COMMANDS)
def test_what_the_reset_bug_is_dangerous_for(command):
    """Each command that writes is named, by the doctor and in its document."""
    finding = judge_library((3, 45, 0), has_trigrams=True)
    document = (DOCS / "operating.md").read_text(encoding="utf-8")

    assert command in " ".join(finding.advice)
    assert f"`{command}`" in document.partition("### SQLite before")[2]


def test_all_commands_that_write_are_known():
    """Those whose code opens a database to write to it, and no others."""
    commands = {
        **{name: module for name, (module, _) in main.COMMANDS.items()},
        **{f"db {name}": module for name, (module, _) in db.COMMANDS.items()},
        **{f"rejects {name}": module for name, (module, _) in rejects.COMMANDS.items()},
    }
    writing = re.compile(
        r"collector\.(?:store\.(?:beside|vacuum)|moving\.importing) import"
    )
    assert set(WRITING_COMMANDS) == {
        name
        for name, module in commands.items()
        if writing.search(Path(import_module(module).__file__).read_text())
    }


def test_a_library_without_an_index():
    """That searches will be slow is told, beside what else is wrong."""
    finding = judge_library((3, 53, 0), has_trigrams=False)
    assert finding.state == "warning"
    assert "search index" in finding.seen
    assert len(judge_library((3, 40, 0), has_trigrams=False).advice) == 3


NOW = 1_800_000_000.0
CLOCK = ClockReading(now=NOW, zone="UTC +0000", is_synchronised=True)


@pytest.mark.parametrize(
    ("changes", "state", "said"),
    [
        ({}, "ok", "2027-01-15 08:00:00 UTC, zone UTC"),
        ({"is_synchronised": None}, "ok", ""),
        ({"is_synchronised": False}, "warning", "no NTP"),
        ({"now": 0.0}, "failed", "long ago"),
        ({"received": NOW + 4}, "ok", ""),
        ({"received": NOW + 3600}, "warning", "3,600 s later"),
        ({"file_changed": NOW + 60}, "warning", "the database was changed 60 s later"),
        ({"ahead": ("web1", 4.0)}, "ok", ""),
        ({"ahead": ("web1", 90.0)}, "warning", "records of web1 come 90 s before"),
    ],
)
def test_clocks(changes, state, said):
    """A clock is held against the kernel, the files and the newest records."""
    finding = judge_clock(replace(CLOCK, **changes))
    assert finding.state == state
    assert said in finding.seen


def test_the_kernels_clock_can_be_asked():
    """Whatever the answer is, there is one, and no error."""
    assert is_synchronised() in (True, False, None)


def test_the_host_that_is_furthest_ahead():
    """Of each host the newest record counts: its clock may be right by now."""
    rows = [(100.0, 100.0, "a"), (99.0, 150.0, "a"), (98.0, 103.0, "b"), (1, None, "c")]
    assert furthest_ahead(rows) == ("b", 5.0)
    assert furthest_ahead([]) is None


@pytest.mark.parametrize(
    ("kind", "state"),
    [
        ("ext4", "ok"),
        ("nfs4", "failed"),
        ("cifs", "failed"),
        ("fuse.sshfs", "failed"),
        ("9p", "warning"),
        ("tmpfs", "warning"),
        ("overlay", "warning"),
    ],
)
def test_file_systems(kind, state):
    """A write-ahead log does not work over a network; memory does not last."""
    mount = Mount("/data", kind, is_read_only=False, device=(1, 2))
    assert judge_mount("file system", DATABASE, mount).state == state
    read_only = replace(mount, is_read_only=True)
    assert judge_mount("file system", DATABASE, read_only).state == "failed"
    assert judge_mount("file system", DATABASE, None).state == "skipped"


@pytest.mark.parametrize(
    ("room", "state"),
    [
        (Room(10**12, 10**6), "ok"),
        (Room(10**12, None), "ok"),
        (Room(None, None), "skipped"),
        (Room(FREE_BYTES, 10**6), "warning"),
        (Room(FREE_BYTES - 1, 10**6), "failed"),
        (Room(10**12, 3), "failed"),
        (Room(1000 * 1024**2, 10**6), "warning"),
    ],
)
def test_room(room, state):
    """There should be room for the log and the spool; a full disk is a fault."""
    assert judge_room("disk space", room, 1024**3).state == state


OWNER = Process(7, "logcollector", 1000, frozenset({1000, 50}))
FILE = Place(DATABASE, stat.S_IFREG | 0o640, 1000, 1000, needed=6)
FOLDER = Place(DATABASE.parent, stat.S_IFDIR | 0o750, 1000, 1000, needed=7)


@pytest.mark.parametrize(
    ("place", "state", "said"),
    [
        (FILE, "ok", ""),
        (FOLDER, "ok", ""),
        (replace(FILE, mode=stat.S_IFREG | 0o440), "failed", "may not write it"),
        (replace(FILE, uid=1, gid=1), "failed", "may not read or write it"),
        (replace(FILE, uid=1, gid=50), "failed", "may not write it"),
        (replace(FILE, uid=1, gid=50, mode=stat.S_IFREG | 0o660), "ok", ""),
        (replace(FILE, uid=1, has_list=True), "ok", ""),
        (replace(FILE, mode=stat.S_IFREG | 0o644), "warning", "may read the records"),
        (replace(FILE, mode=stat.S_IFREG | 0o666), "warning", "may change the records"),
        (replace(FOLDER, mode=stat.S_IFDIR | 0o777), "warning", "may remove"),
        (replace(FOLDER, mode=stat.S_IFDIR | 0o1777), "ok", ""),
        (replace(FOLDER, mode=stat.S_IFDIR | 0o550), "failed", "may not write it"),
    ],
)
def test_rights(place, state, said):
    """By owner, group and others; who has too much is told as well."""
    finding = judge_rights([place], OWNER)
    assert finding.state == state
    assert said in finding.seen
    root = replace(OWNER, uid=0)
    assert judge_rights([replace(place, mode=stat.S_IFREG)], root).state == "ok"


def test_a_link_in_place_of_the_log(tmp_path):
    """The daemon follows no link beside its database, so it would not start."""
    database = tmp_path / "logs.sqlite"
    (tmp_path / "logs.sqlite-wal").symlink_to(tmp_path / "elsewhere")
    finding = look_at_rights(database, tmp_path / "spool", this_user(), COMMANDS)
    assert finding.state == "failed"
    assert "symbolic link" in finding.seen


def test_what_is_there_of_a_database(tmp_path):
    """Only files that are there are looked at, and the folder above a spool."""
    tmp_path.chmod(0o700)
    away = tmp_path / "away"
    away.mkdir(mode=0o700)
    database = tmp_path / "logs.sqlite"
    database.touch(0o600)
    finding = look_at_rights(database, away / "spool", this_user(), COMMANDS)
    assert finding.state == "ok"
    assert "and 2 files and folders" in finding.seen


def test_databases():
    """One that can be read, one that is not there, one that may not be read."""
    whole = judge_content(DATABASE, Content(newest_id=1234, size_bytes=10**7), COMMANDS)
    missing = Content(error=NoSuchDatabase("x"), is_there=False)
    denied = Content(error=ReadError("x: may not"), is_denied=True)
    old = Content(error=ReadError("x: has version 3; `serve` upgrades it"))

    assert whole.seen == "/var/lib/logs.sqlite, 10.0 MB, newest record 1,234"
    assert judge_content(DATABASE, missing, COMMANDS).state == "warning"
    assert judge_content(DATABASE, denied, COMMANDS).state == "skipped"
    assert judge_content(DATABASE, old, COMMANDS).advice == ("`serve` upgrades it",)
    assert judge_content(DATABASE, Content(error=ReadError("x")), COMMANDS).seen == "x"


def test_indexes():
    """One that is far behind is told; one that is off is no fault."""
    behind = Content(newest_id=5_000_000, indexed_id=1)
    assert judge_index(behind, wanted=True).state == "warning"
    assert judge_index(behind, wanted=False).state == "ok"
    assert judge_index(Content(newest_id=5, indexed_id=1), wanted=True).state == "ok"


HELD = Holders(is_known=True, collector=7, process=OWNER)


def test_holders():
    """A database has its collector, or none, or that is not shown."""
    nobody = Holders(is_known=True)
    assert judge_holders(HELD, COMMANDS, is_there=True).state == "ok"
    hidden = replace(HELD, process=None)
    assert judge_holders(hidden, COMMANDS, is_there=True).seen.startswith("PID 7 ")
    finding = judge_holders(nobody, COMMANDS, is_there=True)
    assert (finding.state, finding.advice[0].split("   ")[0]) == (
        "failed",
        "logcollector serve --config 'my settings.toml' --db a.sqlite",
    )
    hidden = Holders(is_known=False)
    assert judge_holders(hidden, COMMANDS, is_there=True).state == "skipped"


def test_the_log(tmp_path):
    """The collector may write; another may hold it up; readers may let it grow."""
    path = tmp_path / "logs.sqlite"
    assert judge_log(path, replace(HELD, writer=7)).state == "ok"
    other = judge_log(path, replace(HELD, writer=2**30))
    assert (other.state, f"PID {2**30}" in other.seen) == ("warning", True)
    with (tmp_path / "logs.sqlite-wal").open("wb") as log:
        log.truncate(TOO_LARGE_BYTES + 1)
    assert judge_log(path, HELD).state == "warning"


def test_descriptors():
    """Too few for max_connections as it was set, or too few for anything."""
    few = judge_descriptors(OWNER, 952, 4096, is_default=False)
    assert few.state == "warning"
    assert judge_descriptors(OWNER, 952, 4096, is_default=True).state == "ok"
    assert judge_descriptors(OWNER, 20, 4096, is_default=True).state == "warning"
    assert judge_descriptors(OWNER, None, 4096, is_default=True).state == "skipped"
    assert room_for_peers(replace(OWNER, descriptors=1024), 2) == 1024 - 64 - 8
    assert room_for_peers(OWNER, 1) is None
    assert room_for_peers(None, 1) > 0


def test_spools(tmp_path):
    """What waits is counted: without a collector for its start, damage to be seen."""
    spool = tmp_path / "logs.sqlite-spool"
    assert look_at_spool(spool) == (0, 0, 0)
    spool.mkdir()
    (spool / "0000000000000004096.frames").write_bytes(bytes(24))
    (spool / "reserve").write_bytes(bytes(10_000))
    assert judge_spool(spool, look_at_spool(spool), runs=True).state == "ok"
    (spool / "0000000000000008192.frames").write_bytes(bytes(2_000_000))
    spooled = look_at_spool(spool)
    running, stopped = (judge_spool(spool, spooled, runs=r) for r in (True, False))
    assert (running.state, stopped.state) == ("warning", "warning")
    assert "2.0 MB wait" in running.seen
    assert "the next start" in stopped.seen
    (spool / "0000000000000004096.frames.damaged").write_bytes(b"x")
    assert "1 damaged" in judge_spool(spool, look_at_spool(spool), runs=True).seen


def test_health():
    """Its problems become findings: what loses records is a failure."""
    well = Status(state="ready", database=str(DATABASE))
    spooling = replace(
        well, state="problems", problems=(Problem("spooling", "go to the spool"),)
    )
    full = replace(
        spooling, problems=(*spooling.problems, Problem("disk_full", "no room"))
    )
    starting = replace(well, state="starting")

    assert judge_status(DATABASE, well).state == "ok"
    assert judge_status(None, well).state == "ok"
    assert judge_status(DATABASE, starting).state == "warning"
    assert judge_status(DATABASE, spooling).state == "warning"
    assert judge_status(DATABASE, full).state == "failed"
    assert len(judge_status(DATABASE, full).advice) == 2
    assert judge_status(Path("/other"), well).state == "failed"
    assert judge_no_status("http://x: no; is it on?").advice == ("is it on?",)


def test_ports_that_were_picked():
    """Only the port that the system has picked is taken from the answer."""
    told = ["unix:/run/other.sock", "10.0.0.1:7", "127.0.0.1:99", "[::1]:98", "::1:x"]
    assert picked(TcpAddress("127.0.0.1", 0), told) == TcpAddress("127.0.0.1", 99)
    assert picked(TcpAddress("::1", 0), told) == TcpAddress("::1", 98)
    assert picked(TcpAddress("127.0.0.1", 5), told) == TcpAddress("127.0.0.1", 5)
    assert picked(TcpAddress("0.0.0.0", 0), told) == TcpAddress("0.0.0.0", 0)
    assert picked(UnixAddress("/a"), told) == UnixAddress("/a")


def test_settings():
    """Where they come from is told without values; a key of root's is no mistake."""
    secret = {"LOGCOLLECTOR_HTTP_TOKEN": "0123456789abcdef", "LOGCOLLECTOR_TO": "x"}
    assert sources(Path("/a.toml"), secret) == "/a.toml, LOGCOLLECTOR_HTTP_TOKEN"
    assert "defaults" in sources(None, {})
    denied = ConfigError("tls_key", "/k.pem: cannot be read: Permission denied")
    assert judge_error(None, denied).state == "warning"
    wrong = ConfigError("port", "no number")
    assert judge_error(Path("a b.toml"), wrong).advice == (
        "correct it, then: logcollector config check 'a b.toml'",
    )


TARGET = Target(TcpAddress("127.0.0.1", 9020))
TAKEN = Conversation(outcome="taken", is_local=True)


@pytest.mark.parametrize(
    ("outcome", "state", "said"),
    [
        ("refused", "failed", "nobody listens there"),
        ("unreachable", "failed", "can't be reached"),
        ("unresolved", "failed", "no host of that name"),
        ("silent", "failed", "did not answer within"),
        ("hung_up", "failed", "hung up"),
        ("wants_tls", "failed", "speaks TLS"),
        ("no_tls", "failed", "does not speak TLS"),
        ("tls_refused", "failed", "certificate"),
        ("untrusted", "failed", "clients that trust this CA refuse it"),
        ("answered", "failed", "is no collector: it answered"),
    ],
)
def test_conversations(outcome, state, said):
    """Each way to fail has its words, and something to do."""
    finding = judge_conversation("listener", TARGET, Conversation(outcome=outcome))
    assert (finding.state, bool(finding.advice)) == (state, True)
    assert said in finding.seen


def test_conversations_over_unix_sockets():
    """A path may be missing, left over, or closed to this user."""
    target = Target(UnixAddress("/run/a b.sock"))
    missing, left, denied = (
        judge_conversation("listener", target, Conversation(outcome=outcome))
        for outcome in ("missing", "refused", "denied")
    )
    assert missing.state == left.state == "failed"
    assert "nobody listens at" in left.seen
    assert (denied.state, denied.advice[0].startswith("ls -l '/run/a b.sock'")) == (
        "warning",
        True,
    )


def test_who_is_let_in():
    """The networks of the settings tell whether this address may connect."""
    [listener] = load_settings(flags={"allow": ["10.0.0.0/8"]}).listeners()
    target = replace(TARGET, settings=listener)
    talk = Conversation(outcome="hung_up", own_address="192.0.2.1")
    assert (
        "`allow` does not have 192.0.2.1" in judge_conversation("x", target, talk).seen
    )
    talk = replace(talk, own_address="10.1.2.3", error="reset")
    assert judge_conversation("x", target, talk).seen == "hung up: reset"


def test_listeners():
    """Who else listens is named, unless it is a proxy, or another host's."""
    other = Owners(frozenset({2**30}))
    stores = replace(other, databases=(Path("/other.sqlite"),))
    refused = Conversation(outcome="silent", is_local=True)

    assert judge_listener(TARGET, TAKEN, Owners(frozenset({7})), HELD).state == "ok"
    assert judge_listener(TARGET, TAKEN, other, HELD).state == "warning"
    assert judge_listener(TARGET, TAKEN, stores, HELD).state == "failed"
    far = replace(TAKEN, is_local=False)
    assert judge_listener(TARGET, far, stores, HELD).state == "ok"
    finding = judge_listener(TARGET, refused, other, HELD)
    assert finding.advice[0].endswith(f"kill {2**30}")


MISSED = Delivery(target=TARGET, talk=TAKEN, seconds=1.0)


@pytest.mark.parametrize(
    ("changes", "state", "said"),
    [
        ({"record_id": 12}, "ok", "found as record 12 after 1.00 s"),
        ({"holders": HELD}, "failed", "it was not in /var/lib/logs.sqlite"),
        ({"others": (Path("/o.db"),)}, "failed", "stores into /o.db"),
        ({"spooled": Spooled(1, 9, 0)}, "failed", "waits in the spool"),
        ({"holders": replace(HELD, writer=8)}, "failed", "has locked the database"),
        ({"holders": replace(HELD, writer=7)}, "failed", "it was not in"),
        ({"holders": Holders(is_known=True)}, "failed", "no collector stores into"),
        ({"unreadable": "may not"}, "warning", "can't be seen: may not"),
        ({"unreadable": "may not", "stored_more": True}, "ok", "stored something"),
        (
            {"status": Status(problems=(Problem("spooling", "to the spool"),))},
            "failed",
            "the collector says: to the spool",
        ),
    ],
)
def test_deliveries(changes, state, said):
    """What is known beside it explains why a record was not found."""
    finding = judge_delivery(DATABASE, replace(MISSED, **changes), COMMANDS)
    assert finding.state == state
    assert said in finding.seen
    assert finding.advice or state == "ok"


def test_the_frame_is_a_stock_clients():
    """What is sent is decoded as any SocketHandler's record."""
    frame = marked_frame("abc")
    assert int.from_bytes(frame[:4], "big") == len(frame) - 4
    attributes = Decoder(DecodeLimits()).decode(frame[4:])
    assert attributes["name"] == "logcollector.doctor"
    assert attributes["msg"] == text_with("abc")


def test_a_step_that_breaks_is_a_finding():
    """The other steps go on."""

    def broken():
        raise ZeroDivisionError("oh")

    finding = found("clock", broken)
    assert (finding.step, finding.state) == ("clock", "failed")
    assert "ZeroDivisionError: oh" in finding.seen


def test_the_worst_tells():
    """One failure is a failure; what was skipped does not count."""
    assert worst([ok("a", ""), skipped("b", "")]) == "ok"
    assert worst([ok("a", ""), warning("b", "")]) == "warning"
    assert worst([warning("a", ""), failed("b", "")]) == "failed"

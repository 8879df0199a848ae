"""The receiver: every payload is stored, rejected or shed, and counted."""

import asyncio
import json
import pickle
import sqlite3
from collections import Counter
from contextlib import closing

import pytest

from collector.emit.emitter import Emitter
from collector.errors import DecodeError
from collector.intake.connection import wait_for_room
from collector.intake.peer_counts import MAX_COUNTED_PEERS, OTHER_PEERS
from collector.intake.receiver import Receiver
from collector.wire.decoder import Decoder
from collector.wire.limits import DecodeLimits
from collector.wire.refused_names import RefusedNames

PEER, HOST = "10.0.0.7", "web7"
GLOBAL = b"cos\nsystem\n."


def payload(text="hello", **attributes) -> bytes:
    return json.dumps({"msg": text, "name": "app", **attributes}).encode()


async def test_a_payload_becomes_a_row(make_parts):
    """What was received is stored with its peer, host and time of receipt."""
    parts = await make_parts()
    parts.take(pickle.dumps({"msg": "pickled", "name": "app"}, 1))
    parts.take(payload("own host", hostname="db1"))
    await parts.finish()

    columns = "message, name, peer, hostname, received"
    assert parts.rows(f"SELECT {columns} FROM logs ORDER BY id") == [
        ("pickled", "app", PEER, HOST, 1_700_000_000.0),
        ("own host", "app", PEER, "db1", 1_700_000_000.0),
    ]


async def test_everything_is_accounted_for(make_parts):
    """Received is stored, waiting, rejected and shed, at every step."""
    parts = await make_parts(high_records=5)
    for n in range(8):
        parts.take(payload(str(n)))
        parts.take(b"nonsense")
        assert parts.is_balanced()
    assert parts.receiver.shed_total == Counter({"memory_full": 3})
    assert parts.receiver.shed_by_peer_total == Counter({PEER: 3})
    parts.start()
    await parts.until(lambda: not parts.backlog.waiting_records)
    parts.take(GLOBAL)
    await parts.finish()

    assert parts.is_balanced()
    assert parts.receiver.received_total == 17
    assert parts.writer.stored_total == 5
    assert parts.receiver.rejected_total.total() == 9
    assert parts.receiver.rejected_by_peer_total == Counter({PEER: 9})


async def test_a_frame_that_broke_off_is_accounted_for(make_parts):
    """What a connection rejects before its payload is complete counts too."""
    parts = await make_parts()
    parts.receiver.reject(b"{", peer=PEER, reason="truncated", detail="it ended")

    assert parts.is_balanced()


async def test_a_bad_payload_is_kept_with_its_reason(make_parts):
    """A payload that is no record becomes a reject; its neighbours are stored."""
    parts = await make_parts()
    parts.take(payload("before"))
    parts.take(b"")
    parts.take(GLOBAL)
    parts.take(payload("after"))
    await parts.finish()

    assert parts.rows("SELECT message FROM logs") == [("before",), ("after",)]
    rejects = parts.rows("SELECT peer, reason, payload FROM rejects ORDER BY id")
    assert [row[0] for row in rejects] == [PEER, PEER]
    assert [row[2] for row in rejects] == [b"", GLOBAL]
    assert Counter(row[1] for row in rejects) == parts.receiver.rejected_total


class Broken:
    """A decoder with a bug."""

    def __init__(self, error: Exception) -> None:
        self.error = error
        self.refused = RefusedNames()

    def decode(self, data: bytes) -> dict[str, object]:
        raise self.error


def is_compiled() -> bool:
    import collector.intake.receiver as module

    return not (module.__file__ or "").endswith(".py")


@pytest.mark.skipif(is_compiled(), reason="a compiled class takes no stand-in")
@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (RuntimeError("a bug"), "internal_error"),
        (RecursionError(), "internal_error"),
        (MemoryError(), "internal_error"),
        (DecodeError("odd", "it is odd"), "odd"),
    ],
)
async def test_a_bug_costs_one_payload(make_parts, said, error, reason):
    """An error that is no DecodeError becomes a reject, and is told to us."""
    parts = await make_parts()
    working = parts.receiver.decoder
    parts.receiver.decoder = Broken(error)
    parts.take(payload("unlucky"))
    parts.receiver.decoder = working
    parts.take(payload("next"))
    await parts.finish()

    assert parts.rows("SELECT reason FROM rejects") == [(reason,)]
    assert parts.rows("SELECT message FROM logs") == [("next",)]
    failed = [text for text in said if not text.startswith("rejected what")]
    assert bool(failed) is (reason == "internal_error")


async def test_a_stalled_writer_is_not_waited_for(make_parts, said):
    """With memory full and the database locked, records are shed; said once."""
    parts = await make_parts(high_records=3)
    await parts.database.run(lambda c: c.execute("PRAGMA busy_timeout = 0"))
    with closing(sqlite3.connect(parts.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        for n in range(3):
            parts.take(payload(str(n)))
        parts.start()
        await parts.until(lambda: parts.writer.stalled)
        for n in range(4):
            assert parts.receiver.is_full
            await asyncio.wait_for(wait_for_room(parts.receiver), 5)
            parts.take(payload(f"shed {n}"))
        assert parts.is_balanced()
        assert parts.receiver.shed_total.total() == 4
        assert len([text for text in said if "shed" in text]) == 1
        other.execute("ROLLBACK")
    await parts.until(lambda: not parts.backlog.waiting_records)
    parts.take(payload("later"))
    await parts.finish()

    messages = [row[0] for row in parts.rows("SELECT message FROM logs ORDER BY id")]
    assert messages[:3] + messages[4:] == ["0", "1", "2", "later"]
    assert messages[3].startswith("4 records were shed in ")
    [row] = parts.rows("SELECT level, name, peer, extra FROM logs WHERE id = 4")
    assert row[:3] == ("WARNING", "logcollector", "logcollector")
    assert json.loads(row[3]) == {"shed": 4, "seconds": 0.0, "peers": {PEER: 4}}


async def test_the_end_of_shedding_is_said(make_parts, said):
    """Once records are taken again, that and the loss are said."""
    parts = await make_parts(high_records=1)
    parts.take(payload("kept"))
    parts.take(payload("shed"))
    parts.start()
    await parts.until(lambda: not parts.backlog.waiting_records)
    # As a connection does it: there is room, so it does not ask for any.
    assert not parts.receiver.is_full
    parts.take(payload("kept too"))

    assert len(said) == 2
    assert "1 records were shed" in said[1]


async def test_a_busy_writer_is_waited_for(make_parts):
    """While the writer gets on, a connection waits for room and sheds nothing."""
    parts = await make_parts(high_records=2)
    parts.take(payload("0"))
    parts.take(payload("1"))
    waiting = asyncio.create_task(wait_for_room(parts.receiver))
    await asyncio.sleep(0)
    assert not waiting.done()
    parts.start()
    await asyncio.wait_for(waiting, 5)
    parts.take(payload("2"))
    await parts.finish()

    assert parts.receiver.shed_total.total() == 0
    assert len(parts.rows("SELECT 1 FROM logs")) == 3


async def test_at_a_stop_nobody_waits(make_parts):
    """At a stop no connection waits for room that may never come."""
    parts = await make_parts(high_records=1)
    parts.take(payload())
    parts.receiver.stopping = True

    await asyncio.wait_for(wait_for_room(parts.receiver), 5)


async def test_peers_without_end_are_counted_together(make_parts):
    """A bounded number of peers is counted apart."""
    parts = await make_parts(high_records=1)
    for n in range(MAX_COUNTED_PEERS + 10):
        parts.take(b"nonsense", peer=f"peer{n}")

    by_peer = parts.receiver.rejected_by_peer_total
    assert len(by_peer) == MAX_COUNTED_PEERS + 1
    assert by_peer[OTHER_PEERS] == 10
    assert by_peer.total() == parts.receiver.received_total


class Kept:
    """An output that keeps what it is given."""

    def __init__(self) -> None:
        self.messages: list[str] = []

    def write(self, records) -> None:
        self.messages.extend(record.message for record in records)

    def close(self) -> None:
        pass


def test_without_a_database_records_are_only_shown():
    """Records go to the emitter; rejects are counted; nothing is ever full."""
    output = Kept()
    emitter = Emitter(output, levelno=0, queue_records=100)
    emitter.start()
    receiver = Receiver(
        Decoder(DecodeLimits()), backlog=None, writer=None, emitter=emitter
    )
    receiver.receive(payload("shown"), PEER, HOST)
    receiver.receive(b"nonsense", PEER, HOST)
    emitter.stop(10)

    assert output.messages == ["shown"]
    assert not receiver.is_full
    assert (receiver.received_total, receiver.rejected_total.total()) == (2, 1)

"""Records that SQLite refuses: one reject each, and their neighbours stored."""

import json
import sqlite3

import pytest

from collector.errors import StoreError
from collector.store.rejects import make_reject

REFUSE = """
CREATE TRIGGER refuse BEFORE INSERT ON records WHEN new.message LIKE 'bad%'
BEGIN SELECT RAISE({how}, 'no bad messages'); END;
"""


def a_reject(detail: str = "nothing in it"):
    return make_reject(b"xyz", received=1.0, peer="::1", reason="empty", detail=detail)


@pytest.mark.parametrize("how", ["ABORT", "FAIL", "ROLLBACK"])
@pytest.mark.parametrize("place", [0, 499, 999])
async def test_one_refused_record_of_a_batch_costs_itself(
    running, make_record, how, place
):
    """The culprit becomes a reject; 999 others are stored once, in order."""
    one = await running(batch_records=1000)
    await one.script(REFUSE.format(how=how))
    texts = [f"good {n}" for n in range(1000)]
    texts[place] = "bad"
    one.add(*[make_record(text) for text in texts])
    await one.finish()

    assert one.messages() == [text for text in texts if text != "bad"]
    assert one.writer.refused_total == 1
    assert one.writer.stored_total == 999
    assert one.writer.rejects_stored_total == 1
    assert one.backlog.waiting_records == 0


@pytest.mark.parametrize("how", ["ABORT", "ROLLBACK"])
async def test_statements_after_a_refused_one_are_not_stored_twice(
    running, make_record, how
):
    """A batch of several statements, refused in its first, is stored once."""
    one = await running(batch_records=10_000)
    await one.script(REFUSE.format(how=how))
    texts = [f"good {n}" for n in range(4000)]
    texts[100] = "bad"
    one.add(*[make_record(text, name=f"logger{text[-1]}") for text in texts])
    await one.finish()

    assert one.messages() == [text for text in texts if text != "bad"]


async def test_several_refused_records_become_as_many_rejects(running, make_record):
    """Each refused record is rejected, in order, whatever stands between them."""
    one = await running(batch_records=256)
    await one.script(REFUSE.format(how="ABORT"))
    texts = [f"bad {n}" if n % 50 in (0, 1) else f"good {n}" for n in range(500)]
    one.add(*[make_record(text) for text in texts])
    await one.finish()

    assert one.messages() == [text for text in texts if text.startswith("good")]
    rejected = [json.loads(row[0]) for row in one.rows("SELECT payload FROM rejects")]
    assert [attributes["message"] for attributes in rejected] == [
        text for text in texts if text.startswith("bad")
    ]
    assert one.writer.refused_total == 20


async def test_a_refused_record_can_be_sent_again(running, make_record):
    """The reject holds the whole record as JSON, its peer and the reason."""
    one = await running()
    await one.script(REFUSE.format(how="ABORT"))
    one.add(make_record("bad", extra='{"user":1}', peer="10.0.0.7"))
    await one.finish()

    row = one.rows("SELECT received, peer, reason, detail, payload FROM rejects")[0]
    assert row[:4] == (
        1_700_000_000.5,
        "10.0.0.7",
        "refused_by_sqlite",
        "no bad messages",
    )
    attributes = json.loads(row[4])
    assert attributes["message"] == "bad"
    assert attributes["name"] == "myapp.db"
    assert attributes["levelno"] == 20
    assert attributes["hostname"] == "web1"


async def test_ids_of_a_refused_batch_do_not_dangle(running, make_record):
    """Names that were new in a refused transaction are right in the next."""
    one = await running(batch_records=10)
    await one.script(REFUSE.format(how="ABORT"))
    one.add(make_record("bad", name="new", process=77))
    one.add(*[make_record(f"good {n}", name="new", process=77) for n in range(9)])
    one.add(*[make_record(f"late {n}", name="new", process=77) for n in range(10)])
    await one.finish()

    assert one.rows("SELECT count(*) FROM records") == [(19,)]
    assert one.rows("SELECT name, process, count(*) FROM logs GROUP BY 1, 2") == [
        ("new", 77, 19)
    ]


@pytest.mark.parametrize(
    ("attribute", "value"),
    [("message", "lone \ud800 surrogate"), ("name", "\udcff"), ("lineno", 1 << 70)],
)
async def test_a_value_that_no_row_can_hold_is_rejected(
    running, make_record, attribute, value
):
    """Should such a record ever be made, it alone becomes a reject."""
    one = await running()
    one.add(make_record("before"))
    one.add(make_record(**{attribute: value}))
    one.add(make_record("after"))
    await one.finish()

    assert one.messages() == ["before", "after"]
    assert one.rows("SELECT reason FROM rejects") == [("refused_by_sqlite",)]


async def test_rejects_are_stored_whole(running):
    """Rejects of a backlog are rows of the table rejects."""
    one = await running()
    one.backlog.add_reject(a_reject())
    await one.finish()

    assert one.rows("SELECT * FROM rejects") == [
        (1, 1.0, "::1", "empty", "nothing in it", b"xyz", 3)
    ]
    assert one.writer.rejects_stored_total == 1


async def test_a_reject_may_quote_anything(running):
    """A detail with lone surrogates and NUL is stored, escaped."""
    one = await running()
    one.backlog.add_reject(a_reject("a \ud800 and a \0"))
    await one.finish()

    assert one.rows("SELECT detail FROM rejects") == [("a \\ud800 and a \\0",)]


def test_a_reject_keeps_the_beginning_of_its_payload():
    """A long payload is cut at 64 KiB and its length is kept."""
    reject = make_reject(b"x" * 70_000, received=1.0, peer="", reason="r", detail="d")

    assert (len(reject.payload), reject.payload_bytes) == (65_536, 70_000)


async def test_the_oldest_rejects_go_first(running):
    """No more than max_rejects are kept, across transactions."""
    one = await running(max_rejects=10)
    one.start()
    for n in range(60):
        one.backlog.add_reject(a_reject(str(n)))
        if n % 7 == 0:
            await one.until(lambda n=n: one.writer.rejects_stored_total == n + 1)
    await one.finish()

    kept = [int(row[0]) for row in one.rows("SELECT detail FROM rejects ORDER BY id")]
    assert kept == list(range(50, 60))


async def test_records_and_rejects_of_one_batch_are_both_stored(running, make_record):
    """A refused record does not cost the rejects that wait with it."""
    one = await running()
    await one.script(REFUSE.format(how="ABORT"))
    one.add(make_record("bad"))
    one.backlog.add_reject(a_reject("first"))
    one.backlog.add_reject(a_reject("second"))
    await one.finish()

    assert sorted(one.rows("SELECT detail FROM rejects")) == [
        ("first",),
        ("no bad messages",),
        ("second",),
    ]


async def test_a_refused_reject_ends_the_writer(running):
    """What can't be kept even as a reject is a failure of the store."""
    one = await running()
    await one.script(
        "CREATE TRIGGER r BEFORE INSERT ON rejects "
        "BEGIN SELECT RAISE(ABORT, 'no rejects'); END;"
    )
    one.backlog.add_reject(a_reject())
    one.backlog.add_reject(a_reject())

    with pytest.raises(StoreError, match="no rejects") as caught:
        await one.finish()
    assert str(one.path) in str(caught.value)
    assert isinstance(caught.value.__cause__, sqlite3.IntegrityError)

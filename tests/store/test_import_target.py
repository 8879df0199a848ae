"""The database that is imported into: small steps, which leave the lock free."""

import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest
from store.stored import ROLLUPS, expected_rollups, opened

from collector.errors import ReadError, StoreError
from collector.store import import_target
from collector.store.claim import Claim
from collector.store.import_target import first_step, next_step, open_target
from collector.store.inserter import insert_rejects
from collector.store.rejects import make_reject


def target_at(path):
    return open_target(path, synchronous="off")


@pytest.fixture
def pauses(monkeypatch):
    """Notes each pause, and does in it what a test asks for."""

    class Pauses(list):
        def meanwhile(self):
            pass

    noted = Pauses()

    def sleep(seconds):
        noted.append(seconds)
        noted.meanwhile()

    monkeypatch.setattr(import_target.time, "sleep", sleep)
    return noted


def test_behind_each_step_the_lock_is_free(stored, path, pauses, make_record):
    """Whoever wants to write finds a moment for it between any two steps."""
    records = [make_record(f"m{n}") for n in range(450)]
    with closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as other:

        def write():
            other.execute("BEGIN IMMEDIATE")
            other.execute("COMMIT")

        pauses.meanwhile = write
        with target_at(path) as target:
            target.store(records, [])

    assert len(pauses) >= 2
    assert min(pauses) >= 0.02
    assert [row.message for row in stored.rows()] == [each.message for each in records]


def test_a_new_database_is_filled_without_pauses(path, pauses, make_record):
    """Where nobody else can be there is nobody to wait for."""
    with target_at(path) as target:
        target.store([make_record()] * 450, [])

    assert pauses == []


def test_pauses_begin_when_somebody_writes(path, pauses, make_record):
    """Also to a database that it has made it leaves others room once they come."""
    with target_at(path) as target:
        target.store([make_record()] * 10, [])
        assert pauses == []
        with opened(path) as other:
            other.add(make_record("from a client"))
        target.store([make_record()] * 10, [])

    assert len(pauses) == 1


@pytest.mark.parametrize(
    ("records", "took", "expected"),
    [
        (100, 0.0, 200),
        (2000, 0.0, 2000),
        (2000, 0.04, 1000),
        (1000, 0.02, 1000),
        (200, 10.0, 100),
        (100, 0.02, 100),
    ],
)
def test_steps_are_as_large_as_there_is_time_for(records, took, expected):
    """A step that took long makes the next one smaller, within bounds."""
    assert next_step(records, took) == expected


def test_large_records_make_small_steps(make_record):
    """A transaction has bounded text, and at least one record."""
    large = make_record("x" * 3_000_000)

    assert len(first_step([large] * 5, 100)) == 2
    assert len(first_step([make_record("x" * 9_000_000)] * 3, 100)) == 1
    assert len(first_step([make_record()] * 5, 3)) == 3


def test_rollups_and_imports_are_right_among_others(stored, path, make_record):
    """Records of clients between the steps are counted, and not taken for imported."""
    with target_at(path) as target:
        for n in range(4):
            target.store([make_record(created=60.0 * n)] * 3, [])
            if n % 2:
                stored.add(make_record("from a client", created=60.0 * n))

    connection = stored.connection
    assert connection.execute(ROLLUPS).fetchall() == expected_rollups(connection)
    found = connection.execute("SELECT first_id, last_id FROM imports").fetchall()
    assert found == [(1, 6), (8, 13)]


def test_a_step_that_fails_leaves_no_import(stored, path, make_record):
    """Records and the note on them are there together, or not at all."""
    stored.connection.execute(
        "CREATE TRIGGER full BEFORE INSERT ON imports "
        "BEGIN SELECT RAISE(ABORT, 'no room'); END"
    )
    with pytest.raises(StoreError, match="no room"), target_at(path) as target:
        target.store([make_record()], [])

    assert stored.rows() == []


def test_rejects_of_an_import_are_there_once(stored, path):
    """The same line, rejected again, is no second reject."""
    reject = make_reject(b"x", received=1.0, peer="import", reason="r", detail="d")
    for _ in range(2):
        with target_at(path) as target:
            target.store([], [reject])
    [(count,)] = stored.connection.execute("SELECT count(*) FROM rejects")

    assert count == 1


def test_a_database_that_a_daemon_is_making_is_left_to_it(path):
    """While a daemon makes the database, no import does."""
    claim = Claim(path)
    claim.take()
    try:
        with pytest.raises(StoreError, match="another logcollector"), target_at(path):
            pass
    finally:
        claim.release()


def test_a_link_beside_a_new_database_is_not_followed(path, tmp_path):
    """Whoever may write into the folder can't lead the import elsewhere."""
    (tmp_path / f"{path.name}-wal").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreError, match="symbolic link"), target_at(path):
        pass


def test_another_programs_database_is_not_written_to(path):
    """A database that is none of ours stays as it is."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE t (x)")
    before = path.read_bytes()
    refused = pytest.raises(ReadError, match="not a database of logcollector")
    with refused, target_at(path):
        pass
    assert path.read_bytes() == before


def test_rejects_of_clients_stay(stored, path, make_record):
    """An import deletes none of those that are there, however many they are."""
    old = [
        make_reject(b"%d" % n, received=1.0, peer="::1", reason="r", detail="d")
        for n in range(1500)
    ]
    insert_rejects(stored.connection, old, 2000)
    reject = make_reject(b"x", received=1.0, peer="import", reason="r", detail="d")
    with target_at(path) as target:
        target.store([], [reject])
    [(count,)] = stored.connection.execute("SELECT count(*) FROM rejects")

    assert count == 1501


def some_rejects(count, peer):
    return [
        make_reject(b"%d" % n, received=1.0, peer=peer, reason="r", detail="d")
        for n in range(count)
    ]


def kept_of(stored):
    return dict(
        stored.connection.execute("SELECT peer, count(*) FROM rejects GROUP BY peer")
    )


def test_rejects_of_imports_and_of_clients_do_not_oust_each_other(stored, path):
    """A wrong file that is imported costs no reject of a client, neither later."""
    insert_rejects(stored.connection, some_rejects(20, "::1"), 20)
    with target_at(path) as target:
        target.store([], some_rejects(50, "import"))
    insert_rejects(stored.connection, some_rejects(5, "::2"), 20)

    assert kept_of(stored) == {"::1": 15, "::2": 5, "import": 50}


def test_as_many_rejects_are_kept_as_may_be(stored):
    """Where some have been deleted, others are not deleted in their place."""
    insert_rejects(stored.connection, some_rejects(20, "::1"), 20)
    stored.connection.execute("DELETE FROM rejects WHERE id BETWEEN 5 AND 14")
    insert_rejects(stored.connection, some_rejects(10, "::2"), 20)

    assert kept_of(stored) == {"::1": 10, "::2": 10}


def test_rejects_of_all_imports_are_bounded(stored, path, monkeypatch):
    """Each import keeps the first of its own; of all, the newest are kept."""
    monkeypatch.setattr(import_target, "MOST_KEPT", 250)
    for number in range(4):
        with target_at(path) as target:
            rejects = some_rejects(120, "import")
            target.store([], [replace(each, detail=f"{number}") for each in rejects])
    found = stored.connection.execute("SELECT detail, payload FROM rejects").fetchall()

    assert [detail for detail, _ in found] == ["1"] * 50 + ["2"] * 100 + ["3"] * 100
    assert found[-1][1] == b"99"

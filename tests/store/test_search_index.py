"""The search index: grown in steps, by anybody, and never an other answer."""

import sqlite3
import threading
from contextlib import closing

import pytest
from store.stored import reading

from collector.query.tree import Text
from collector.record import normalise
from collector.store import search_index
from collector.store.search import Search
from collector.store.search_index import create_index, index_some, remaining


def found(stored, text):
    """Return the ids of the records with a text, as a search finds them."""
    with reading(stored.path) as reader:
        return list(Search(reader, Text(text)).ids(newest_first=False))


def indexed_id(stored):
    with reading(stored.path) as reader:
        return reader.indexed_id()


def test_the_index_grows_in_steps(stored, make_record):
    """Each step indexes so many ids and says how many remain."""
    stored.add(*[make_record(f"needle {n}") for n in range(10)])
    assert create_index(stored.connection)
    assert remaining(stored.connection) == 10

    left = [index_some(stored.connection, 4) for _ in range(4)]

    assert left == [6, 2, 0, 0]
    assert remaining(stored.connection) == 0
    assert stored.indexed("nee") == list(range(1, 11))
    stored.add(make_record("needle"))
    assert remaining(stored.connection) == 1
    assert indexed_id(stored) == 10


def test_a_step_goes_on_where_another_connection_stopped(stored, make_record):
    """After a restart, nothing is indexed twice or left out."""
    stored.add(*[make_record(f"needle {n}") for n in range(10)])
    stored.index(4)
    for _ in range(2):
        with closing(sqlite3.connect(stored.path, isolation_level=None)) as other:
            assert create_index(other)
            index_some(other, 5)

    assert stored.indexed("nee") == list(range(1, 11))
    assert indexed_id(stored) == 10


def test_two_may_index_at_the_same_time(stored, make_record):
    """Each record is in the index once, whoever of two connections indexes it."""
    stored.add(*[make_record(f"needle {n}") for n in range(400)])
    together = threading.Barrier(2)
    errors = []

    def work():
        try:
            with closing(
                sqlite3.connect(stored.path, timeout=20, isolation_level=None)
            ) as connection:
                together.wait(20)
                create_index(connection)
                while index_some(connection, 7):
                    pass
        except Exception as error:
            errors.append(error)

    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)

    assert errors == []
    assert stored.indexed("nee") == list(range(1, 401))
    assert indexed_id(stored) == 400


def test_one_may_begin_anew_while_another_goes_on(stored, make_record):
    """A connection goes on with the index that another has made anew."""
    stored.add(*[make_record(f"needle {n}") for n in range(30)])
    with (
        closing(sqlite3.connect(stored.path, isolation_level=None)) as first,
        closing(sqlite3.connect(stored.path, isolation_level=None)) as second,
    ):
        create_index(first)
        index_some(first, 20)
        create_index(second, anew=True)
        assert indexed_id(stored) == 0
        assert found(stored, "needle") == list(range(1, 31))
        assert index_some(first, 3) == 27
        assert index_some(second, 20) == 7
        assert index_some(first, 20) == 0

    assert stored.indexed("nee") == list(range(1, 31))


def test_an_index_that_was_dropped_is_built_from_the_first_record(stored, make_record):
    """Where the table of the index is missing, nothing counts as indexed."""
    stored.add(*[make_record(f"needle {n}") for n in range(10)])
    stored.index()
    stored.connection.execute("DROP TABLE search_0")

    assert create_index(stored.connection)

    assert found(stored, "needle") == list(range(1, 11))
    assert remaining(stored.connection) == 10
    index_some(stored.connection, 100)
    assert stored.indexed("nee") == list(range(1, 11))


def test_an_index_that_is_there_is_kept(stored, make_record):
    """Making it again, as at each start, changes nothing."""
    stored.add(make_record("needle"))
    stored.index()
    assert create_index(stored.connection)

    assert remaining(stored.connection) == 0
    assert stored.indexed("nee") == [1]


TEXTS = [
    "Große Straße",
    "GROSSE STRASSE",
    "İstanbul",
    "\u212aelvin",
    "ﬁle ﬄuff",
    "ΟΔΟΣ οδος",
    "e\u0301clair",
    "😀😀😀 emoji 😀",
    "日本語テキスト",
    'quotes " and \' and "" AND OR NOT NEAR( *',
    "100% _under_ \\back",
    "line one\nline two",
]


@pytest.mark.parametrize("index", [True, False])
def test_texts_of_all_kinds_are_found(stored, make_record, index):
    """Every piece of every text finds it, in whatever case, with and without index."""
    stored.add(*[make_record(text) for text in TEXTS])
    stored.add(*[make_record("-", exc_text=text) for text in TEXTS])
    if index:
        stored.index()
        assert indexed_id(stored) == 2 * len(TEXTS)

    with reading(stored.path) as reader:
        for text in TEXTS:
            pieces = {text[n : n + size] for n in range(len(text)) for size in (3, 5)}
            for piece in sorted(pieces):
                for written in (piece, piece.upper(), piece.casefold()):
                    node = Text(written)
                    wanted = [row.id for row in stored.matching(node)]
                    ids = list(Search(reader, node).ids(newest_first=False))
                    assert ids == wanted, written


@pytest.mark.parametrize("index", [True, False])
def test_records_whose_nuls_are_escaped_are_found(stored, index):
    """What was a NUL when it came is found as the escape that it is stored as."""
    stored.add(
        normalise(
            {"msg": "before\0after \udc80 end", "name": "a", "levelno": 20},
            received=1_700_000_000.0,
            peer="::1",
            hostname="h",
        )
    )
    if index:
        stored.index()
    [row] = stored.rows()

    assert "\0" not in row.message
    for text in ("\\0aft", "re\\0", "\\udc80", "AFTER"):
        assert found(stored, text) == [1]
    assert found(stored, "re\0af") == []


@pytest.mark.parametrize(
    ("words", "better"),
    [("trigram case_sensitive 1", "no_such_one"), ("fts5", "fts99")],
)
def test_an_sqlite_without_trigrams_has_no_index(
    stored, make_record, monkeypatch, words, better
):
    """Where the tokenizer or FTS5 is missing there is no index, and no harm."""
    monkeypatch.setattr(
        search_index, "_CREATE", search_index._CREATE.replace(words, better)
    )
    stored.add(make_record("needle"))

    assert not create_index(stored.connection)
    assert not create_index(stored.connection, anew=True)

    assert not stored.connection.in_transaction
    assert indexed_id(stored) == 0
    assert found(stored, "needle") == [1]


def test_a_reader_without_fts5_scans(stored, make_record):
    """An index that this SQLite can't read is not used."""
    stored.add(make_record("needle"))
    stored.index()
    # As if the module were not known.
    stored.connection.executescript(
        "PRAGMA writable_schema = ON;"
        "UPDATE sqlite_master SET sql = replace(sql, 'fts5', 'fts99') "
        "WHERE name = 'search_0';"
    )

    assert indexed_id(stored) == 0
    assert found(stored, "needle") == [1]


def test_other_faults_are_raised(stored, monkeypatch):
    """Not every fault means that there can't be an index."""
    monkeypatch.setattr(search_index, "_CREATE", "CREATE NONSENSE")

    with pytest.raises(sqlite3.OperationalError, match="syntax error"):
        create_index(stored.connection)
    assert not stored.connection.in_transaction


def test_a_step_that_fails_leaves_no_trace(stored, make_record):
    """When the database is full, what is indexed stays as it was."""
    stored.add(*[make_record(f"needle {n}") for n in range(3)])
    stored.index(1)
    stored.add(*[make_record(f"{n:x}" * 300) for n in range(500)])
    [(pages,)] = stored.connection.execute("PRAGMA page_count")
    stored.connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(sqlite3.OperationalError, match="full"):
        index_some(stored.connection, 1000)

    assert not stored.connection.in_transaction
    assert indexed_id(stored) == 1
    assert found(stored, "needle") == [1, 2, 3]
    stored.connection.execute("PRAGMA max_page_count = 1073741823")
    assert index_some(stored.connection, 1000) == 0
    assert stored.indexed("nee") == [1, 2, 3]


def test_gaps_between_ids_count_as_done(stored, make_record):
    """Deleted records don't hold up the index, nor do ids that went with them."""
    stored.add(*[make_record(f"needle {n}") for n in range(10)])
    stored.connection.execute("DELETE FROM records WHERE id BETWEEN 3 AND 8")
    create_index(stored.connection)

    assert [index_some(stored.connection, 4) for _ in range(3)] == [6, 0, 0]
    assert stored.indexed("nee") == [1, 2, 9, 10]
    stored.connection.execute("DELETE FROM records")
    assert remaining(stored.connection) == 0
    assert index_some(stored.connection, 4) == 0
    stored.add(make_record("needle"))
    assert index_some(stored.connection, 4) == 0
    assert found(stored, "needle") == [11]


def test_a_step_is_bounded_by_characters_too(stored, make_record, monkeypatch):
    """Few long messages make a step as many short ones do, one at least."""
    monkeypatch.setattr(search_index, "STEP_CHARS", 100)
    stored.add(
        make_record("x" * 60),
        make_record("y" * 60),
        make_record("z" * 500, exc_text="e"),
    )
    create_index(stored.connection)

    left = [index_some(stored.connection, 2000) for _ in range(3)]

    assert left == [1, 0, 0]
    assert stored.indexed("zzz") == [3]


def test_a_damaged_index_changes_nothing_but_the_speed(stored, make_record):
    """Where the index can't be read, what it should hold is scanned."""
    stored.add(*[make_record(f"needle {n}") for n in range(10)])
    stored.index(100)
    stored.connection.execute(
        "UPDATE search_0_data SET block = x'ffffffffffff' WHERE id > 10"
    )

    assert found(stored, "needle") == list(range(1, 11))


def test_an_index_whose_state_is_lost_is_begun_anew(stored, make_record):
    """Without its one row of state a search scans, and the index is made again."""
    stored.add(make_record("needle"))
    stored.index(10)
    stored.connection.execute("DELETE FROM search_state")
    assert indexed_id(stored) == 0
    assert found(stored, "needle") == [1]

    create_index(stored.connection)
    assert remaining(stored.connection) == 1
    index_some(stored.connection, 10)

    assert stored.indexed("nee") == [1]

"""The emitter: never in the way of who adds, whatever the output does."""

import errno
import io
import os

import pytest

from collector.emit.emitter import RECORDS_PER_WRITE, Emitter
from collector.emit.formatter import CollectorFormatter
from collector.emit.outputs import StreamOutput


@pytest.fixture
def emit(gate):
    """Starts an emitter on the gate; ends it with the test."""
    made = []

    def start(levelno=0, queue_records=1000):
        made.append(Emitter(gate, levelno=levelno, queue_records=queue_records))
        made[-1].start()
        return made[-1]

    yield start
    gate.let_through(10_000)
    for emitter in made:
        emitter.stop(10)
        assert not emitter.is_blocked


def test_records_are_shown_in_order(gate, emit, make_record):
    """All records are shown once, in the order they were added."""
    emitter = emit(queue_records=10_000)
    gate.let_through(10_000)
    texts = [str(n) for n in range(3 * RECORDS_PER_WRITE + 7)]
    for text in texts:
        emitter.add(make_record(text))

    assert emitter.stop(10) == 0
    assert gate.messages == texts
    assert emitter.emitted_total == len(texts)
    assert emitter.dropped_total == 0
    assert gate.closed.is_set()


def test_records_below_the_level_are_not_shown(gate, emit, make_record):
    """The level is a threshold; what is below it is neither shown nor dropped."""
    emitter = emit(levelno=30)
    gate.let_through(100)
    for levelno in (0, 29, 30, 31, 50):
        emitter.add(make_record(str(levelno), levelno=levelno))
    emitter.stop(10)

    assert gate.messages == ["30", "31", "50"]
    assert emitter.dropped_total == 0


def test_a_blocked_output_does_not_block_who_adds(gate, emit, make_record, said):
    """Beyond the queue's bound records are dropped, counted, and said once."""
    emitter = emit(queue_records=10)
    emitter.add(make_record("in the write"))
    gate.wait_for_write()
    for n in range(100):
        emitter.add(make_record(str(n)))

    assert emitter.dropped_total == 90
    assert len(said) == 1
    assert "too slow" in said[0]

    gate.let_through(10_000)
    assert emitter.stop(10) == 0
    assert gate.messages == ["in the write", *map(str, range(10))]
    assert emitter.emitted_total == 11
    assert len(said) == 2
    assert "keeps up again; 90 lines" in said[1]


def test_a_second_bout_of_dropping_is_said_again(gate, emit, make_record, said):
    """Once the output has kept up, a new loss is news."""
    emitter = emit(queue_records=1)
    for bout in (1, 2):
        emitter.add(make_record())
        gate.wait_for_write()
        emitter.add(make_record())
        emitter.add(make_record("dropped"))
        gate.let_through(2)
        gate.wait_for_write()
        said.wait_for(2 * bout)
    emitter.stop(10)

    assert emitter.dropped_total == 2
    assert "dropped" not in gate.messages
    assert [("too slow" in text) for text in said] == [True, False, True, False]


def test_a_stop_does_not_wait_for_ever(gate, emit, make_record):
    """Past its deadline a stop returns, and tells what was not shown."""
    emitter = emit()
    emitter.add(make_record("stuck"))
    gate.wait_for_write()
    emitter.add(make_record())
    emitter.add(make_record())

    assert emitter.stop(0.01) >= 2
    assert emitter.is_blocked
    assert not gate.closed.is_set()


def test_a_retired_emitter_ends_by_itself(gate, emit, make_record):
    """retire returns at once; what waits is shown, then the output closed."""
    emitter = emit()
    emitter.add(make_record("first"))
    gate.wait_for_write()
    emitter.add(make_record("second"))
    emitter.retire()
    assert not gate.closed.is_set()

    gate.let_through(2)
    assert gate.closed.wait(10)
    assert gate.messages == ["first", "second"]


def test_an_idle_emitter_stops(gate, emit):
    """An emitter that was given nothing closes its output."""
    emitter = emit()

    assert emitter.stop(10) == 0
    assert gate.closed.is_set()


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        OSError(errno.EIO, "Input/output error"),
        RuntimeError("a handler's own trouble"),
        KeyError("hostname"),
        ValueError("a filter's own trouble"),
        UnicodeEncodeError("ascii", "é", 0, 1, "ordinal not in range(128)"),
    ],
)
def test_a_failing_output_is_tried_again(gate, emit, make_record, said, error):
    """An error drops the lines of one write; said once, and once when over."""
    emitter = emit()
    gate.errors = [error, error]
    for text in ("lost", "lost too", "shown"):
        emitter.add(make_record(text))
        gate.wait_for_write()
        gate.let_through()
    emitter.stop(10)

    assert gate.messages == ["shown"]
    assert (emitter.emitted_total, emitter.dropped_total) == (1, 2)
    assert len(said) == 2
    assert said[0].startswith("cannot write lines: ")
    assert said[1] == "writing lines again"


def test_a_pipe_without_a_reader_is_given_up(make_record, said):
    """After a broken pipe all lines are dropped; that is said, once."""
    read_end, write_end = os.pipe()
    os.close(read_end)
    with open(write_end, "w", encoding="utf-8", buffering=1) as stream:
        emitter = Emitter(
            StreamOutput(stream, CollectorFormatter("%(message)s")),
            levelno=0,
            queue_records=1000,
        )
        emitter.start()
        for _ in range(500):
            emitter.add(make_record())
        assert emitter.stop(10) == 0
        assert (emitter.emitted_total, emitter.dropped_total) == (0, 500)
        assert len(said) == 1
        assert "Broken pipe" in said[0]
        # What is left in the stream's buffer has nowhere to go.
        with pytest.raises(BrokenPipeError):
            stream.close()


def test_a_closed_stream_is_given_up(make_record, said):
    """A stream that was closed stays so: its lines are dropped, said once."""
    stream = io.StringIO()
    stream.close()
    emitter = Emitter(
        StreamOutput(stream, CollectorFormatter("%(message)s")),
        levelno=0,
        queue_records=1000,
    )
    emitter.start()
    for _ in range(5):
        emitter.add(make_record())
    emitter.stop(10)

    assert emitter.dropped_total == 5
    assert len(said) == 1


def test_an_output_that_cannot_be_closed_ends_the_thread(gate, emit, said):
    """An error in closing is said and no more."""

    def fail():
        raise OSError(errno.EIO, "cannot close")

    gate.close = fail
    emitter = emit()
    emitter.stop(10)

    assert not emitter.is_blocked
    assert len(said) == 1

"""CollectorFormatter: what logging itself would print, with host and PID."""

import logging
import socket
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.emit.formatter import DEFAULT_DATEFMT, CollectorFormatter
from collector.emit.log_record import as_log_record
from collector.record import RECORD_FIELDS, Record

TEXTS = [
    "name",
    "levelname",
    "message",
    "hostname",
    "processName",
    "threadName",
    "pathname",
    "filename",
    "module",
    "funcName",
    "asctime",
]
NUMBERS = [
    "levelno",
    "process",
    "thread",
    "lineno",
    "created",
    "relativeCreated",
    "msecs",
]
FORMATS = [
    "%(message)s",
    "%(levelname)s:%(name)s:%(message)s",
    "%(asctime)s %(message)s",
    "%(asctime)s %(name)-15s %(levelname)-8s %(processName)-10s %(message)s",
    "%(relativeCreated)5d %(name)-15s %(levelname)-8s %(message)s",
    "[%(asctime)s] [%(process)d] [%(levelname)s] %(message)s",
    "%(pathname)s:%(lineno)d %(funcName)s() %(message)s",
    "%(created)f %(msecs)03d %(thread)x %(threadName)r",
    "100%% %(name)s %(message)s",
    "%(message)s %(message)s",
    "%(name).5s|%(name)10.5s|%(name)-10s|",
    "%(levelno)03d %(process)+d %(lineno)#x %(created).3e",
    "%(taskName)s %(message)s",
    "%(message)s\n%(name)s",
]


def oracle(record: Record, fmt: str, datefmt: str | None) -> str:
    """Return what the standard library's own formatter makes of a record."""
    formatter = logging.Formatter(fmt, datefmt)
    log_record = as_log_record(record)
    return formatter.format(log_record)


@pytest.mark.parametrize("datefmt", [None, DEFAULT_DATEFMT, "%H:%M", "%d.%m.%y %%"])
@pytest.mark.parametrize("fmt", FORMATS)
def test_the_same_text_as_logging(make_record, fmt, datefmt):
    """A format prints what it prints in any program that uses logging."""
    record = make_record(taskName="Task-1")

    assert CollectorFormatter(fmt, datefmt).format_record(record) == oracle(
        record, fmt, datefmt
    )


FIELD = st.one_of(
    st.tuples(
        st.sampled_from(TEXTS),
        st.sampled_from(["", "5", "-9", ".3", "12.4", "-12.4"]),
        st.sampled_from("sra"),
    ),
    st.tuples(
        st.sampled_from(NUMBERS),
        st.sampled_from(["", "5", "-9", "03", "+", " ", ".3", "10.2"]),
        st.sampled_from("dsf"),
    ),
).map(lambda field: "%({}){}{}".format(*field))
LITERAL = st.text(st.characters(exclude_characters="%", exclude_categories=["Cs"]))


@given(
    fields=st.lists(st.tuples(FIELD, LITERAL | st.just("%%")), min_size=1, max_size=6),
    text=st.text(st.characters(exclude_categories=["Cs"])),
    created=st.floats(0, 4_000_000_000),
    number=st.integers(-(2**63), 2**63 - 1),
    datefmt=st.sampled_from([None, "%Y", "%H:%M:%S"]),
)
def test_any_format_gives_what_logging_gives(
    make_record, fields, text, created, number, datefmt
):
    """Whatever fields, widths and conversions are combined, the text is equal."""
    fmt = "".join(field + literal for field, literal in fields)
    record = make_record(
        text, name=text[:20], created=created, lineno=number, levelno=number
    )

    assert CollectorFormatter(fmt, datefmt).format_record(record) == oracle(
        record, fmt, datefmt
    )


def test_the_default_format(make_record):
    """By default a line shows host and PID of the sender, and an ISO time."""
    record = make_record("Jackdaws love it.", relativeCreated=59.6)
    line = CollectorFormatter().format_record(record)

    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(1_700_000_000))
    assert line == (
        f"   59 myapp.db        INFO     web1 4242 {stamp} Jackdaws love it."
    )


def test_without_datefmt_times_have_milliseconds(make_record):
    """With no datefmt the time is as logging prints it, to the millisecond."""
    formatter = CollectorFormatter("%(asctime)s", None)

    for created, end in ((1_700_000_000.25, ",250"), (1_700_000_001.0, ",000")):
        assert formatter.format_record(make_record(created=created)).endswith(end)


@pytest.mark.parametrize("fmt", ["%(name)s", "%(name)s %(message)s"])
def test_logname_replaces_every_name(make_record, fmt):
    """With a logname each record is shown under it."""
    formatter = CollectorFormatter(fmt, logname="collected")

    assert formatter.format_record(make_record()).split()[0] == "collected"


def test_extras_are_shown_on_demand(make_record):
    """With show_extra the extra attributes end the line, before the traceback."""
    record = make_record(extra='{"user":"ann"}', exc_text="Traceback: x")

    shown = CollectorFormatter("%(message)s", show_extra=True).format_record(record)
    hidden = CollectorFormatter("%(message)s").format_record(record)
    assert shown == 'hello {"user":"ann"}\nTraceback: x'
    assert hidden == "hello\nTraceback: x"
    none = CollectorFormatter("%(message)s", show_extra=True)
    assert none.format_record(make_record()) == "hello"


@pytest.mark.parametrize("message", ["m", "m\n", ""])
@pytest.mark.parametrize("exc_text", [None, "Traceback", "Traceback\n"])
@pytest.mark.parametrize("stack_info", [None, "Stack"])
def test_traceback_and_stack_stand_below(make_record, message, exc_text, stack_info):
    """Traceback and stack are put where logging puts them."""
    record = make_record(message, exc_text=exc_text, stack_info=stack_info)

    assert CollectorFormatter("%(message)s").format_record(record) == oracle(
        record, "%(message)s", None
    )


def test_formats_may_name_extras(make_record):
    """An extra is shown where a record has it, a mark where it has not."""
    formatter = CollectorFormatter("%(message)s user=%(user)s n=%(count)03d")

    have = make_record(extra='{"user":"ann","count":7}')
    wrong = make_record(extra='{"user":"ann","count":"many"}')
    assert formatter.format_record(have) == "hello user=ann n=007"
    assert formatter.format_record(make_record()) == "hello user=- n=000"
    assert formatter.format_record(wrong).startswith("hello user=")
    assert formatter.format_record(wrong).endswith("n=000")


@pytest.mark.parametrize(
    "value", ["1", "-1", "1e300", "1114112", '"text"', "null", "[1]", '{"a":1}', "true"]
)
@pytest.mark.parametrize("conversion", list("sradixXofeFgc"))
def test_no_extra_fails_a_format(make_record, conversion, value):
    """Whatever a client puts into an extra, the line is made."""
    formatter = CollectorFormatter(f"%(message)s %(odd){conversion}")

    line = formatter.format_record(make_record(extra=f'{{"odd":{value}}}'))
    assert line.startswith("hello ")


@pytest.mark.parametrize("field", sorted(set(RECORD_FIELDS) - {"extra", "received"}))
def test_every_field_of_a_record_can_be_shown(make_record, field):
    """A field can stand alone, beside others, and beside extras."""
    record = make_record()
    value = str(getattr(record, field))

    for fmt in (f"%({field})s", f"%({field})s%(absent).0s", f"%({field})s%(name).0s"):
        assert CollectorFormatter(fmt).format_record(record) == value


def test_extras_do_not_replace_what_a_record_has(make_record):
    """A client can't change host, message or level through an extra."""
    extra = '{"message":"forged","hostname":"forged","getMessage":"forged"}'
    line = CollectorFormatter("%(message)s %(hostname)s %(x)s").format_record(
        make_record(extra=extra)
    )

    assert line == "hello web1 -"


@pytest.mark.parametrize("fmt", ["%(message)s", "%(name)s %(message)s", "%(x)s%%"])
def test_received_text_is_no_format(make_record, fmt):
    """Percent signs in what was received are shown as they are."""
    text = "100 %s %d %(name)s %% %n"
    record = make_record(text, name=text, extra='{"x":"%s %(message)s"}')

    assert CollectorFormatter(fmt).format_record(record) == oracle(record, fmt, None)


@pytest.mark.parametrize(
    "fmt",
    ["no field", "%(message)", "%(message)d", "%(name)d %(message)s", "%(message)y"],
)
def test_bad_formats_are_refused(fmt):
    """A format that could print no record is a ValueError at once."""
    with pytest.raises(ValueError, match=r"."):
        CollectorFormatter(fmt)


def test_plain_log_records_get_host_and_pid():
    """The formatter serves any logging handler: what is missing is this host's."""
    formatter = CollectorFormatter("%(hostname)s %(process)d %(message)s")
    own = logging.LogRecord("n", 20, "p", 1, "hi %s", ("there",), None)
    bare = logging.makeLogRecord({"msg": "bare", "process": None})
    foreign = logging.makeLogRecord({"msg": "x", "hostname": "web9", "process": 5})

    here = socket.gethostname()
    assert formatter.format(own) == f"{here} {own.process} hi there"
    assert formatter.format(bare) == f"{here} 0 bare"
    assert formatter.format(foreign) == "web9 5 x"


@pytest.mark.parametrize(
    "options", [{}, {"logname": "collected"}, {"show_extra": True}], ids=str
)
def test_both_ways_give_the_same_line(make_record, options):
    """format of a LogRecord and format_record of its Record agree."""
    record = make_record(extra='{"user":"ann"}', exc_text="Traceback")
    formatter = CollectorFormatter("%(name)s %(user)s %(message)s", **options)

    assert formatter.format(as_log_record(record)) == formatter.format_record(record)

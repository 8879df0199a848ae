"""Strategies for records that come in batches, late and out of order."""

from hypothesis import strategies as st
from query.test_agreement import extra, name, number, optional, text

from collector.record import MAX_CREATED, Record

# A Tuesday, 22:13:20 UTC.
NOW = 1_700_000_000.0

MINUTE, HOUR, DAY = 60, 3600, 86400

# On the borders of minutes, hours and days, just beside them, and days apart.
moment = st.one_of(
    st.builds(
        lambda unit, number, beside: NOW // unit * unit + number * unit + beside,
        st.sampled_from([MINUTE, HOUR, DAY]),
        st.integers(-3, 3),
        st.sampled_from([0.0, -0.001, 0.001, 30.5, -1800.25]),
    ),
    st.floats(NOW - 5 * DAY, NOW + 5 * DAY),
    st.sampled_from([0.0, 59.999, MAX_CREATED - 0.5]),
)


def _record(**values) -> Record:
    for known in ("name", "hostname", "peer", "processName", "threadName"):
        values[known] = values[known] or ""
    return Record(received=values["created"] + values.pop("delay"), **values)


record = st.builds(
    _record,
    created=moment,
    delay=st.sampled_from([0.0, 0.25, 90_000.0]),
    name=st.sampled_from(["", "a", "a.b", "b", "Straße"]),
    levelno=st.sampled_from([10, 20, 30, 40]),
    levelname=st.sampled_from(["INFO", "WARNING", "Audit"]),
    message=text,
    hostname=st.sampled_from(["", "web1", "web2"]),
    process=number,
    processName=st.sampled_from(["", "MainProcess"]),
    started=st.sampled_from([0.0, NOW]),
    thread=st.sampled_from([0, 1]),
    threadName=name,
    pathname=st.sampled_from(["", "/srv/a/db.py"]),
    filename=st.sampled_from(["", "db.py"]),
    module=name,
    lineno=st.sampled_from([0, 17]),
    funcName=st.sampled_from(["", "connect"]),
    peer=st.sampled_from(["", "::1"]),
    taskName=optional,
    exc_text=optional,
    stack_info=optional,
    extra=extra.filter(lambda json: json != ""),
)

# As they are stored: one list for each transaction.
batches = st.lists(st.lists(record, min_size=1, max_size=6), min_size=1, max_size=5)


def drawn_values(stored: list[list[Record]]) -> list[dict[str, object]]:
    """Return what records hold, for queries that find some of them."""
    names = ("created", "message", "exc_text", "name", "hostname", "extra")
    return [
        {each: getattr(one, each) for each in names}
        for batch in stored
        for one in batch
    ]

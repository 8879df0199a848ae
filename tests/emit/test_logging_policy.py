"""Records handed to this process's own logging policy."""

import logging
from collections.abc import Iterator
from contextlib import closing

import pytest

from collector.emit import outputs
from collector.emit.formatter import CollectorFormatter
from collector.emit.outputs import LoggingOutput, open_output
from collector.errors import ConfigError

PLAIN = CollectorFormatter("%(message)s")


@pytest.fixture(autouse=True)
def own_logging() -> Iterator[None]:
    """Give the test a root logger without handlers, and restore the process's."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers[:] = []
    yield
    for handler in root.handlers:
        handler.close()
    root.handlers[:] = handlers
    root.setLevel(level)


class Keeper(logging.Handler):
    """Keeps what it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@pytest.fixture
def keeper() -> Keeper:
    """A handler of the root logger."""
    made = Keeper()
    logging.getLogger().addHandler(made)
    return made


def test_records_reach_the_logger_of_their_name(make_record):
    """A policy for a name applies to the records of that name."""
    one, other = Keeper(), Keeper()
    logging.getLogger("policy.test.one").addHandler(one)
    logging.getLogger("policy.test.other").addHandler(other)
    LoggingOutput().write(
        [make_record("1", name="policy.test.one.below"), make_record("2", name="x")]
    )
    logging.getLogger("policy.test.one").removeHandler(one)
    logging.getLogger("policy.test.other").removeHandler(other)

    assert [record.getMessage() for record in one.records] == ["1"]
    assert other.records == []


def test_handlers_see_a_whole_record(make_record, keeper):
    """Handlers find all attributes, extras among them, and a final message."""
    LoggingOutput().write(
        [make_record("100 % %s", extra='{"user":"ann"}', exc_text="Traceback")]
    )

    (record,) = keeper.records
    assert record.getMessage() == "100 % %s"
    assert (record.user, record.hostname, record.process) == ("ann", "web1", 4242)
    assert (record.levelname, record.created) == ("INFO", 1_700_000_000.25)
    assert logging.Formatter().format(record) == "100 % %s\nTraceback"


def test_logname_chooses_the_logger(make_record, keeper):
    """With a logname all records go to that logger, under that name."""
    LoggingOutput(logname="collected").write([make_record(), make_record(name="b")])

    assert [record.name for record in keeper.records] == ["collected", "collected"]


def test_names_without_end_make_no_loggers(make_record, keeper, monkeypatch):
    """Beyond a bound, records of new names go to the root logger."""
    monkeypatch.setattr(outputs, "MAX_LOGGERS", 3)
    output = LoggingOutput()
    output.write([make_record(name=f"bounded{n}") for n in range(6)])

    known = logging.getLogger().manager.loggerDict
    assert [f"bounded{n}" in known for n in range(6)] == [True] * 3 + [False] * 3
    assert [record.name for record in keeper.records] == [
        f"bounded{n}" for n in range(6)
    ]


@pytest.mark.parametrize("name", ["deep" + ".x" * 60, "long" + "x" * 600])
def test_unreasonable_names_make_no_loggers(make_record, keeper, name):
    """Very deep and very long names are handled by the root logger."""
    LoggingOutput().write([make_record(name=name)])

    assert name not in logging.getLogger().manager.loggerDict
    assert len(keeper.records) == 1


@pytest.mark.parametrize("name", ["logcollector", "logcollector.anything"])
def test_a_client_cannot_speak_as_the_daemon(make_record, keeper, said, name):
    """Records under the daemon's own name don't reach its own logger."""
    LoggingOutput().write([make_record(name=name)])

    assert list(said) == []
    assert len(keeper.records) == 1


def test_a_policy_is_a_dictconfig(tmp_path, make_record):
    """A policy may send names where it likes; it needs no version."""
    path = tmp_path / "policy.log"
    output = open_output(
        "logging",
        PLAIN,
        logging_config={
            "handlers": {"file": {"class": "logging.FileHandler", "filename": path}},
            "root": {"handlers": ["file"]},
        },
    )
    output.write([make_record("to the file")])
    output.close()

    assert path.read_text() == "to the file\n"


def test_without_a_policy_lines_go_to_stderr(make_record, capsys):
    """The default policy shows each record, in the format of the settings."""
    # The test runner adds handlers of its own between fixtures and test.
    logging.getLogger().handlers[:] = []
    output = open_output("logging", PLAIN)
    output.write([make_record("shown", levelno=1)])

    assert capsys.readouterr().err == "shown\n"


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({"version": 2}, "Unsupported version"),
        ({"handlers": {"a": {"class": "no.such.Class"}}}, "a"),
        ({"handlers": {"a": {}}}, "a"),
        ({"handlers": "a"}, "a"),
        ({"loggers": 5}, "int"),
        ({"root": {"handlers": ["absent"]}}, "absent"),
        ({"root": {"level": "NO_LEVEL"}}, "NO_LEVEL"),
        ({"formatters": {"f": {"format": "no field"}}}, "f"),
    ],
)
def test_a_bad_policy_is_a_wrong_setting(config, reason):
    """What logging refuses is said of the setting, with the cause."""
    with pytest.raises(ConfigError, match=reason) as caught:
        open_output("logging", PLAIN, logging_config=config)

    assert caught.value.key == "logging"


def test_a_reason_is_said_once():
    """A refusal without a deeper cause is not repeated."""
    with pytest.raises(ConfigError) as caught:
        open_output("logging", PLAIN, logging_config={"version": 2})

    assert caught.value.reason.count("Unsupported version") == 1


def test_a_bad_policy_leaves_the_old_one(tmp_path, make_record):
    """Records go on where they went when a new policy is refused."""
    path = tmp_path / "policy.log"
    handlers = {"file": {"class": "logging.FileHandler", "filename": str(path)}}
    good = {"handlers": handlers, "root": {"handlers": ["file"]}}
    output = open_output("logging", PLAIN, logging_config=good)
    (file,) = [
        handler
        for handler in logging.getLogger().handlers
        if getattr(handler, "baseFilename", "") == str(path)
    ]
    with closing(file):
        with pytest.raises(ConfigError):
            open_output(
                "logging", PLAIN, logging_config={"root": {"handlers": ["absent"]}}
            )
        output.write([make_record("still here")])

    assert path.read_text() == "still here\n"

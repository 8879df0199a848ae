"""The command line, run in this process, and databases for it to read."""

import csv
import io
import json

import pytest
from click.testing import CliRunner
from store.stored import new_stored

from collector.cli.main import cli


@pytest.fixture
def run(monkeypatch):
    """Runs the command line in this process, without the user's environment."""
    for name in ("LOGCOLLECTOR_CONFIG", "LOGCOLLECTOR_TO", "CONFIGURATION_DIRECTORY"):
        monkeypatch.delenv(name, raising=False)

    def invoke(*arguments, **options):
        return CliRunner().invoke(
            cli, [str(argument) for argument in arguments], **options
        )

    return invoke


@pytest.fixture
def told(run):
    """Runs a command for a script: its objects, in JSON as in lines, and CSV rows."""

    def ask(*arguments):
        def output(output_format):
            result = run(*arguments, "-o", output_format)
            assert result.exit_code == 0, result.output
            assert result.stderr == ""
            return result.stdout

        objects = json.loads(output("json"))
        assert [json.loads(line) for line in output("jsonl").splitlines()] == objects
        return objects, list(csv.DictReader(io.StringIO(output("csv"))))

    return ask


@pytest.fixture
def fill(tmp_path, make_record):
    """Makes a database of records, each with some values changed."""

    def make(*changes, name="logs.sqlite"):
        with new_stored(tmp_path / name) as one:
            one.add(*[make_record(**each) for each in changes])
        return one.path

    return make

"""The command line, run in this process."""

import pytest
from click.testing import CliRunner

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

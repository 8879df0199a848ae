"""The command line: what is listed, what is refused, and how it ends."""

import shlex

import click
import msgspec
import pytest

from collector.cli import config, demo, serve
from collector.cli.main import COMMANDS, cli, exit_status
from collector.cli.settings_file import settings_file
from collector.cli.settings_options import WITHOUT_FLAG, given
from collector.cli.version import version_text
from collector.config import load_settings
from collector.errors import (
    CollectorError,
    ConfigError,
    ListenError,
    SchemaTooNew,
    StoreError,
)
from collector.settings import Settings


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ConfigError("key", "reason"), 2),
        (ListenError("x"), 69),
        (StoreError("x"), 74),
        (SchemaTooNew("x"), 74),
        (CollectorError("x"), 1),
    ],
)
def test_exit_statuses(error, status):
    """Each kind of error has its exit status."""
    assert exit_status(error) == status


def test_all_commands_are_listed(run):
    """The help lists every command with its summary."""
    result = run("--help")

    assert result.exit_code == 0
    for name, (_, summary) in COMMANDS.items():
        line = next(
            line for line in result.output.splitlines() if line.startswith(f"  {name} ")
        )
        assert summary in line


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_help(run, name):
    """Every listed command is there and explains itself."""
    result = run(name, "--help")

    assert result.exit_code == 0
    assert result.output.startswith("Usage:")
    assert isinstance(cli.get_command(click.Context(cli), name), click.Command)


@pytest.mark.parametrize(
    ("name", "at_least"), [("query", 5), ("tail", 4), ("stats", 4)]
)
def test_the_examples_of_the_help_work(run, fill, name, at_least):
    """Each example that --help gives works as it stands, but for following."""
    failed = {"levelno": 40, "levelname": "ERROR", "exc_text": "Traceback\n  OSError"}
    database = fill({}, failed, {"message": "timeout", "extra": '{"user": {"id": 42}}'})
    lines = [
        line.strip().partition(" | ")[0].replace(" -f", "")
        for line in (cli.get_command(click.Context(cli), name).help or "").splitlines()
        if line.strip().startswith(f"logcollector {name}")
    ]

    assert len(lines) >= at_least
    for line in lines:
        result = run(*shlex.split(line)[1:], env={"LOGCOLLECTOR_DB": str(database)})
        assert result.exit_code == 0, (line, result.output)


def test_unknown_commands_are_refused(run):
    """A command that does not exist is a user's mistake."""
    result = run("sevre")

    assert result.exit_code == 2
    assert "sevre" in result.output


def test_the_version_tells_what_it_runs_on(run):
    """--version shows version, Python, SQLite, loop, compiled or interpreted."""
    result = run("--version")

    assert result.output == version_text() + "\n"
    for part in ("logcollector ", "Python ", "SQLite "):
        assert part in result.output
    assert ("(compiled)" in result.output) != ("(interpreted)" in result.output)


@pytest.mark.parametrize("command", [serve.command, config.show], ids=["serve", "show"])
def test_every_setting_has_a_flag(command):
    """Each setting but a table can be given on the command line, with help."""
    flags = {
        option: parameter for parameter in command.params for option in parameter.opts
    }
    for field in msgspec.structs.fields(Settings):
        flag = "--" + field.name.replace("_", "-")
        assert (flag in flags) is (field.name not in WITHOUT_FLAG)
        if flag in flags:
            assert flags[flag].help


def test_flags_are_shown_in_help(run):
    """`serve --help` names every flag."""
    text = run("serve", "--help", env={"COLUMNS": "200"}).output

    for field in msgspec.structs.fields(Settings):
        if field.name not in WITHOUT_FLAG:
            assert "--" + field.name.replace("_", "-") in text


def test_only_given_flags_override():
    """A flag that is not given leaves the setting to other sources."""
    flags = {"db": None, "listen": (), "port": "1", "emit_extra": False, "logname": ""}

    assert given(flags) == {"port": "1", "emit_extra": False, "logname": ""}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--port", "99999"], "--port: '99999'"),
        (["--emit-level", "loud"], "--emit-level: 'loud'"),
        (["--config", "/nowhere/config.toml"], "/nowhere/config.toml: no such file"),
        (["--prot", "1"], "--prot"),
    ],
)
def test_serve_refuses_wrong_settings(run, arguments, said):
    """A wrong setting ends the command before it starts, with status 2."""
    result = run("serve", *arguments)

    assert result.exit_code == 2
    assert said in result.output
    assert "Traceback" not in result.output


def test_config_show_is_what_serve_would_use(run, tmp_path):
    """Flags, environment and file are merged and shown as TOML."""
    file = tmp_path / "config.toml"
    file.write_text('db = "file"\nlogname = "file"\n')
    result = run(
        "config",
        "show",
        "--config",
        file,
        "--port",
        "0",
        "--no-emit-extra",
        env={"LOGCOLLECTOR_DB": "env"},
    )

    again = tmp_path / "shown.toml"
    again.write_text(result.output)
    assert load_settings(file=again) == Settings(
        db="env", logname="file", port=0, emit_extra=False
    )


def test_config_show_defaults(run, tmp_path):
    """--defaults shows the defaults, whatever is set."""
    result = run("config", "show", "--defaults", env={"LOGCOLLECTOR_DB": "env"})

    again = tmp_path / "shown.toml"
    again.write_text(result.output)
    assert load_settings(file=again) == Settings()


def test_config_check(run, tmp_path):
    """A right file is said to be right, a wrong one ends with status 2."""
    right, wrong = tmp_path / "right.toml", tmp_path / "wrong.toml"
    right.write_text("port = 0\n")
    wrong.write_text("prot = 0\n")

    assert run("config", "check", right).exit_code == 0
    assert str(right) in run("config", "check", right).output
    result = run("config", "check", wrong)
    assert result.exit_code == 2
    assert "did you mean port?" in result.output
    named = run("config", "check", env={"LOGCOLLECTOR_CONFIG": str(wrong)})
    assert named.exit_code == 2


def test_the_folder_of_a_service(monkeypatch, tmp_path):
    """Without --config the service's folder is looked into."""
    monkeypatch.setenv("CONFIGURATION_DIRECTORY", str(tmp_path))
    assert settings_file(None) is None
    (tmp_path / "config.toml").touch()

    assert settings_file(None) == tmp_path / "config.toml"
    assert settings_file(tmp_path / "other.toml") == tmp_path / "other.toml"


def test_a_variable_of_send_is_no_wrong_setting(run):
    """LOGCOLLECTOR_TO, which `send` reads, does not keep `serve` from starting."""
    result = run("config", "check", env={"LOGCOLLECTOR_TO": "127.0.0.1:9020"})

    assert result.exit_code == 0, result.output


def test_demo_is_a_command():
    """The demo takes no options."""
    assert [parameter.name for parameter in demo.command.params] == []

"""Settings from flags, environment, file and defaults, and mistakes in them."""

import re
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest
from integration.daemon import run_command

from collector.settings import Settings

EXIT_USAGE = 2
EXAMPLE = Path(__file__).resolve().parents[2] / "config.example.toml"


def shown(*flags: str | Path, folder: Path, **variables: str) -> dict[str, Any]:
    done = run_command("config", "show", *flags, folder=folder, variables=variables)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return tomllib.loads(done.stdout)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.toml"
    path.write_text("port = 1111\nmax_connections = 22\nbatch_records = 33\n")
    return path


def test_precedence(tmp_path: Path, config: Path) -> None:
    """Flags override the environment, that the file, and that the defaults."""
    settings = shown(
        *("--config", config, "--port", "3333"),
        folder=tmp_path,
        LOGCOLLECTOR_PORT="2222",
        LOGCOLLECTOR_MAX_CONNECTIONS="44",
    )

    assert settings["port"] == 3333
    assert settings["max_connections"] == 44
    assert settings["batch_records"] == 33
    assert settings["frame_timeout_seconds"] == 30.0


def test_the_file_by_the_environment(tmp_path: Path, config: Path) -> None:
    """LOGCOLLECTOR_CONFIG names the file, and --config wins over it."""
    other = tmp_path / "other.toml"
    other.write_text("port = 4444")

    by_variable = shown(folder=tmp_path, LOGCOLLECTOR_CONFIG=str(config))
    by_flag = shown("--config", other, folder=tmp_path, LOGCOLLECTOR_CONFIG=str(config))

    assert by_variable["port"] == 1111
    assert by_flag["port"] == 4444


def test_the_folder_of_the_service(tmp_path: Path, config: Path) -> None:
    """systemd's configuration folder is looked into, if it has a file."""
    found = shown(folder=tmp_path, CONFIGURATION_DIRECTORY=str(config.parent))
    empty = shown(folder=tmp_path, CONFIGURATION_DIRECTORY="/no/such/folder")

    assert (found["port"], empty["port"]) == (1111, 9020)


def test_what_is_shown_can_be_read_back(tmp_path: Path) -> None:
    """The output of `config show` is a settings file with the same meaning."""
    first = run_command(
        *("config", "show", "--port", "0", "--listen", "[::1]:5", "--listen", "/a b"),
        *("--format", '%(message)s "\\ é', "--no-emit-extra"),
        folder=tmp_path,
    )
    path = tmp_path / "written.toml"
    path.write_text(first.stdout, encoding="utf-8")

    again = run_command("config", "show", "--config", path, folder=tmp_path)

    assert again.stdout == first.stdout
    assert tomllib.loads(again.stdout)["listen"] == ["[::1]:5", "/a b"]


def test_a_local_policy_is_shown_whole(tmp_path: Path) -> None:
    """The table [logging] of a file is part of what is shown."""
    path = tmp_path / "config.toml"
    table = '[logging.loggers."a.b"]\nlevel = "INFO"\npropagate = false\n'
    path.write_text(f"[logging]\nversion = 1\n{table}")

    settings = shown("--config", path, folder=tmp_path)

    assert settings["logging"] == tomllib.loads(path.read_text())["logging"]


def test_defaults_alone(tmp_path: Path, config: Path) -> None:
    """--defaults passes over every other source."""
    settings = shown(
        *("--defaults", "--config", config), folder=tmp_path, LOGCOLLECTOR_PORT="2"
    )

    assert settings["port"] == 9020


def test_the_example_file(tmp_path: Path) -> None:
    """config.example.toml is what `config show --defaults` prints."""
    done = run_command("config", "show", "--defaults", folder=tmp_path)

    assert EXAMPLE.read_text(encoding="utf-8") == done.stdout


def test_every_setting_has_a_flag(tmp_path: Path) -> None:
    """Each setting but the table [logging] is a flag of `serve`."""
    settings = [field.name for field in msgspec.structs.fields(Settings)]
    help_text = run_command("serve", "--help", folder=tmp_path).stdout

    flags = set(re.findall(r"--([a-z-]+)", help_text))
    assert {key.replace("_", "-") for key in settings} - flags == {"logging"}


def test_a_token_is_not_shown(tmp_path: Path) -> None:
    """`config show` keeps it to itself, and what it shows can't be a token."""
    token = "0123456789abcdef"
    flags = ("--http-token", token)
    settings = shown(*flags, folder=tmp_path)
    again = run_command(
        *("config", "show", "--http-token", settings["http"]["token"]), folder=tmp_path
    )

    assert token not in str(settings)
    assert again.returncode == EXIT_USAGE


@pytest.mark.parametrize(
    ("flags", "variables", "toml", "expected"),
    [
        ((), {}, "prot = 1", ("prot", "unknown", "did you mean port?")),
        ((), {}, "port = '1'", ("port", "'1'")),
        ((), {}, "port = 70000", ("port", "70000")),
        ((), {}, "flush_interval_seconds = 0", ("flush_interval_seconds",)),
        ((), {}, 'synchronous = "ful"', ("synchronous", "ful")),
        ((), {}, 'emit_level = "LOUD"', ("emit_level", "LOUD", "WARNING")),
        ((), {}, 'format = "%(name"', ("format", "%(name")),
        ((), {}, 'listen = ["[::1"]', ("listen", "[::1")),
        ((), {}, "port = ", ("config.toml", "is not TOML")),
        (
            (),
            {"LOGCOLLECTOR_PROT": "1"},
            "",
            ("LOGCOLLECTOR_PROT", "did you mean LOGCOLLECTOR_PORT?"),
        ),
        ((), {"LOGCOLLECTOR_PORT": "many"}, "", ("LOGCOLLECTOR_PORT", "many")),
        (("--port", "x"), {}, "", ("--port", "x")),
        (("--prot", "1"), {}, "", ("--prot", "--port")),
        (("--max-connections", "0"), {}, "", ("--max-connections", "0")),
        (("--emit", ""), {}, "", ("--emit", "none")),
        (("--config", "missing.toml"), {}, "", ("missing.toml", "no such file")),
        (("extra-argument",), {}, "", ("extra-argument",)),
    ],
)
def test_mistakes(
    tmp_path: Path,
    flags: tuple[str, ...],
    variables: dict[str, str],
    toml: str,
    expected: tuple[str, ...],
) -> None:
    """`serve` refuses what is unknown or wrong, with key and reason, status 2."""
    (tmp_path / "config.toml").write_text(toml)
    if "--config" not in flags:
        flags = ("--config", "config.toml", *flags)

    done = run_command("serve", *flags, folder=tmp_path, variables=variables)

    assert done.returncode == EXIT_USAGE, done.stderr
    assert "Traceback" not in done.stderr
    for text in expected:
        assert text in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["config.toml"]


def test_check(tmp_path: Path, config: Path) -> None:
    """`config check` says that a file is right, or what is wrong, status 2."""
    right = run_command("config", "check", config, folder=tmp_path)
    config.write_text("max_frame_byte = 1")
    wrong = run_command("config", "check", config, folder=tmp_path)

    assert right.returncode == 0
    assert str(config) in right.stdout
    assert wrong.returncode == EXIT_USAGE
    assert "did you mean max_frame_bytes?" in wrong.stderr


def test_check_of_the_environment(tmp_path: Path, config: Path) -> None:
    """`config check` looks at the environment, and at the file it names."""
    named = run_command(
        "config", "check", folder=tmp_path, variables={"LOGCOLLECTOR_CONFIG": "nope"}
    )
    wrong = run_command(
        "config", "check", config, folder=tmp_path, variables={"LOGCOLLECTOR_PORT": "x"}
    )

    assert (named.returncode, wrong.returncode) == (EXIT_USAGE, EXIT_USAGE)
    assert "nope" in named.stderr
    assert "LOGCOLLECTOR_PORT" in wrong.stderr


def test_a_port_wins_over_a_list_below_it(tmp_path: Path) -> None:
    """--port on the command line is not lost because a file has `listen`."""
    path = tmp_path / "config.toml"
    path.write_text('listen = ["127.0.0.1:1111"]')

    settings = shown("--config", path, "--port", "0", folder=tmp_path)

    assert (settings["listen"], settings["port"]) == ([], 0)


def test_the_variable_of_send(tmp_path: Path) -> None:
    """LOGCOLLECTOR_TO, set for `send`, is no mistake to the other commands."""
    settings = shown(folder=tmp_path, LOGCOLLECTOR_TO="127.0.0.1:9999")

    assert settings["port"] == 9020

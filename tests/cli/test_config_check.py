"""`config check` finds what `serve` would find when it starts, and changes nothing."""

import logging
from pathlib import Path

import pytest
from certificates import Authority


@pytest.fixture
def check(run, tmp_path, monkeypatch):
    """Runs `config check` for the text of a file, in an empty folder."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)

    def told(toml):
        file = tmp_path / "config.toml"
        file.write_text(toml)
        result = run("config", "check", file)
        assert list(folder.iterdir()) == []
        assert result.exception is None or isinstance(result.exception, SystemExit)
        return result

    return told


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


@pytest.fixture
def files(authority, tmp_path):
    """What can be put into the settings of a test, by name."""
    cert, key = authority.issue("server", "localhost")
    odd = tmp_path / "odd.pem"
    odd.write_text("nothing")
    return {
        "cert": cert,
        "key": key,
        "other": authority.issue("other", "localhost")[1],
        "ca": authority.ca,
        "odd": odd,
        "folder": tmp_path,
    }


RIGHT = """
db = "not-made.sqlite"
emit = "not-made.txt"

[[listen]]
address = "127.0.0.1:1"
tls_cert = "{cert}"
tls_key = "{key}"
tls_client_ca = "{ca}"

[[listen]]
address = "{folder}/no-such-folder/logs.sock"
group = "0"

[http]
address = "127.0.0.1:2"
"""


def test_what_is_right(check, files):
    """Ports that need rights, and folders that may come later, are not tried."""
    result = check(RIGHT.format(**files))

    assert result.exit_code == 0, result.output
    assert "all settings are right" in result.output


LISTEN = '[[listen]]\naddress = "127.0.0.1:9"\n'
WRONG = [
    (LISTEN + 'tls_cert = "{folder}/none.pem"', "listen 127.0.0.1:9: tls_cert"),
    (LISTEN + 'tls_cert = "{cert}"\ntls_key = "{other}"', "does not belong to"),
    (LISTEN + 'tls_cert = "{cert}"\ntls_key = "{odd}"', "no private key"),
    ('tls_cert = "{cert}"\ntls_key = "{key}"\ntls_client_ca = "{odd}"', "{odd}"),
    (LISTEN + LISTEN, "can't both be listened on"),
    ('[[listen]]\naddress = "/run/a.sock"\ngroup = "no such"', "no group"),
    ('port = 9\n[http]\naddress = "9"', "where records are taken"),
    ('[http]\naddress = "9"\ntoken_file = "{folder}/none"', "token_file"),
    ('emit = "{folder}"', "Is a directory"),
    ('emit = "no-such-folder/out.txt"', "No such file"),
]


@pytest.mark.parametrize(("toml", "part"), WRONG)
def test_what_serve_would_not_start_with(check, files, toml, part):
    """Certificates, addresses, groups, tokens and outputs are looked at."""
    result = check(toml.format(**files))

    assert result.exit_code == 2, result.output
    assert part.format(**files) in result.output
    assert "right" not in result.output


POLICY = """
emit = "logging"

[logging]
version = 1
root = {handlers = ["file"], level = "INFO"}

[logging.handlers.file]
class = "logging.handlers.RotatingFileHandler"
filename = "made-by-serve.log"
"""
WRONG_POLICIES = [
    ("version = 1", "version = 2", "version"),
    ("handlers.RotatingFileHandler", "handlers.NoSuchHandler", "NoSuchHandler"),
    ('["file"]', '["files"]', "files"),
    ('"INFO"', '"LOUD"', "LOUD"),
    ("made-by-serve.log", "no-such-folder/x.log", "no-such-folder/x.log"),
]


def test_a_policy_that_is_right(check):
    """A policy is tried, and neither opens its files nor stays in force."""
    before = logging.getLogger().handlers[:], logging.getLogger().level
    result = check(POLICY)

    assert result.exit_code == 0, result.output
    assert (logging.getLogger().handlers, logging.getLogger().level) == before


@pytest.mark.parametrize(("right", "wrong", "part"), WRONG_POLICIES)
def test_a_policy_that_logging_refuses(check, right, wrong, part):
    """A mistake in [logging] is told as it would be at the start."""
    assert right in POLICY
    result = check(POLICY.replace(right, wrong))

    assert result.exit_code == 2, result.output
    assert "logging" in result.output
    assert part in result.output


def test_a_policy_that_is_not_used(check):
    """What is of no use with another `emit` keeps nobody from starting."""
    result = check(POLICY.replace('emit = "logging"', "").replace("= 1", "= 2"))

    assert result.exit_code == 0, result.output
    assert not Path("made-by-serve.log").exists()

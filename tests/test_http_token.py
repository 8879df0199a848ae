"""The token for HTTP requests, from the settings or a file."""

import pytest

from collector.errors import ConfigError
from collector.http_token import read_token

TOKEN = "0123456789abcdef"


def test_without_any():
    """No token is asked for when none is set."""
    assert read_token("", "") == ""


def test_a_file_has_it(tmp_path):
    """A file's token is without the newline at its end; one that is set wins."""
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")

    assert read_token("", str(file)) == TOKEN
    assert read_token("another-token-of-it", str(file)) == "another-token-of-it"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "16 characters"),
        (b"short\n", "16 characters"),
        (TOKEN.encode() + b"\n" + TOKEN.encode(), "no spaces"),
        (b"\xff" * 20, "no text"),
    ],
)
def test_files_without_a_token(tmp_path, content, said):
    """A file that holds none is named, and not quoted."""
    file = tmp_path / "token"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=said) as caught:
        read_token("", str(file))

    assert str(file) in str(caught.value)
    assert TOKEN not in str(caught.value)


def test_a_long_file(tmp_path):
    """What is no file of a token is not read whole, and not taken in part."""
    file = tmp_path / "token"
    file.write_bytes(b"a" * 1_000_000)
    with pytest.raises(ConfigError, match="too long"):
        read_token("", str(file))


@pytest.mark.parametrize("name", ["absent", "."])
def test_files_that_cannot_be_read(tmp_path, name):
    """A missing file and a folder are named with the reason."""
    with pytest.raises(ConfigError, match="cannot be read"):
        read_token("", str(tmp_path / name))

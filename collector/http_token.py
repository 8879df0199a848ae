"""The token that HTTP requests must carry: from the settings, or a file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from collector.errors import ConfigError

# A shorter one can be guessed.
MIN_CHARS: Final = 16

# A longer file is not one of a token.
MAX_FILE_BYTES: Final = 4096


def check_token(token: str) -> None:
    """Check that a token can be sent, and not be guessed. Raises ValueError.

    The message does not quote it.
    """
    if len(token) < MIN_CHARS:
        raise ValueError(f"a token has {MIN_CHARS} characters or more")
    if not re.fullmatch(r"[!-~]+", token):
        raise ValueError("a token has ASCII characters only, and no spaces")


def read_token(token: str, token_file: str) -> str:
    """Return the token given, else the one in a file; "" when there is neither.

    Raises ConfigError for a file that can't be read or holds no token.
    """
    if token or not token_file:
        return token
    try:
        with Path(token_file).open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
        found = content.decode().strip()
        check_token(found)
    except OSError as error:
        reason = f"cannot be read: {error.strerror}"
    except UnicodeDecodeError:
        reason = "is no text"
    except ValueError as error:
        reason = f"holds no token: {error}"
    else:
        if len(content) <= MAX_FILE_BYTES:
            return found
        reason = "is too long"
    raise ConfigError("http_token_file", f"{token_file}: {reason}")

"""`logcollector status`: how a running daemon does."""

from __future__ import annotations

import http.client
import os
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import click
import msgspec

from collector.addresses import Address, UnixAddress, parse_http_address
from collector.cli.options import Seconds, text_or_json_option, timeout_option
from collector.cli.rendering.printable import one_line
from collector.cli.rendering.status_text import status_text
from collector.cli.settings_file import settings_file
from collector.config import load_settings
from collector.errors import CollectorError, ConfigError
from collector.http_token import check_token, read_token
from collector.settings import ENVIRONMENT_PREFIX, Settings
from collector.status import Status

# More than this is no status.
MAX_ANSWER_BYTES: Final = 1024 * 1024

# What a daemon that listens everywhere is asked by.
LOOPBACK: Final = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 - not bound to


class NoAnswer(CollectorError):
    """The daemon did not tell how it does; exit status 1."""


@click.command()
@click.option(
    "--config",
    "config_file",
    type=click.Path(path_type=Path),
    envvar=ENVIRONMENT_PREFIX + "CONFIG",
    help="The daemon's settings file.",
)
@click.option(
    "--url",
    metavar="URL",
    help="Where to ask.  [default: http_address of the settings]",
)
@click.option(
    "--token",
    metavar="TOKEN",
    help="What the daemon asks for; better in the environment or a file.",
)
@click.option("--token-file", metavar="FILE", help="A file with the token.")
@click.option(
    "--interval",
    type=Seconds(0, 3600),
    default=0.0,
    metavar="SECONDS",
    help="Ask twice, so long apart, and show rates.",
)
@timeout_option(5.0, "Wait so long for an answer.", most=3600)
@text_or_json_option
def command(
    *,
    config_file: Path | None,
    url: str | None,
    token: str | None,
    token_file: str | None,
    interval: float,
    timeout: float,
    output_format: str,
) -> None:
    """See how a running daemon does.

    It is asked at the HTTP address of the same settings that it was started
    with (http_address, which is off by default). Exit status: 0 when it is
    ready, 1 when it has problems or does not answer.

    \b
    Examples:
      logcollector status
      logcollector status --config /etc/logcollector/config.toml
      logcollector status --url http://logs.example.com:9021 --token-file token
      logcollector status --interval 2
    """
    settings = load_settings(
        file=settings_file(config_file), environment=dict(os.environ)
    )
    if token:
        try:
            check_token(token)
        except ValueError as error:
            raise ConfigError("--token", str(error)) from None
    else:
        token = (
            read_token("", token_file)
            if token_file
            else read_token(settings.http_token, settings.http_token_file)
        )
    base = checked(url) if url else url_of(settings.http())
    body = ask(f"{base}/status", token, timeout)
    before = None
    if interval:
        before = read_status(base, body)
        time.sleep(interval)
        body = ask(f"{base}/status", token, timeout)
    status = read_status(base, body)
    if output_format == "json":
        click.echo(msgspec.json.format(msgspec.json.encode(status), indent=2))
    else:
        click.echo(status_text(status, before))
    if not status.is_well:
        sys.exit(1)


def status_by(settings: Settings, seconds: float) -> Status:
    """Ask the daemon of some settings how it does. Raises NoAnswer, ConfigError."""
    base = url_of(settings.http())
    token = read_token(settings.http_token, settings.http_token_file)
    return read_status(base, ask(f"{base}/status", token, seconds))


def url_of(address: Address | None) -> str:
    """Return the URL for an address to listen on. Raises NoAnswer."""
    if address is None:
        raise NoAnswer(
            "the daemon's HTTP listener is off in these settings, so it can't be "
            "asked; set http_address (--http-address 9021, "
            'LOGCOLLECTOR_HTTP_ADDRESS=9021, or address = "9021" under [http]) and '
            "restart the daemon, or name it with --url"
        )
    if isinstance(address, UnixAddress):
        raise NoAnswer(
            f"{address} can't be asked by this command; "
            f"try curl --unix-socket {address.path} http://localhost/status"
        )
    host = LOOPBACK.get(address.host)
    return f"http://{host}:{address.port}" if host else f"http://{address}"


def checked(url: str) -> str:
    """Return a URL without what follows its host. Raises ConfigError."""
    text = url
    try:
        if url.isdecimal() or url.startswith(":"):
            # A bare port, as in http_address.
            text = str(parse_http_address(url))
        if "://" not in text:
            text = f"http://{text}"
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise ConfigError("--url", f"{url!r}: {error}") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise ConfigError("--url", f"{url!r} is not http://HOST:PORT")
    return f"{parts.scheme}://{parts.netloc}"


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Follows no redirection: the token is for one server."""

    def redirect_request(self, *_: object, **__: object) -> None:
        return None


def ask(url: str, token: str, seconds: float) -> bytes:
    """Return what the daemon answers. Raises NoAnswer."""
    request = urllib.request.Request(url)  # noqa: S310 - checked by the caller
    if token:
        request.add_unredirected_header("Authorization", f"Bearer {token}")
    # Without the proxies of the environment: they don't know our loopback.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect())
    try:
        with opener.open(request, timeout=seconds) as answer:
            body: bytes = answer.read(MAX_ANSWER_BYTES)
    except urllib.error.HTTPError as error:
        with error:
            said = error.read(200).decode("utf-8", "replace").strip()
        hint = ""
        if error.code == http.client.UNAUTHORIZED:
            hint = " (set http_token or http_token_file as the daemon has it)"
        raise NoAnswer(
            f"{url}: {error.code} {one_line(said or error.reason)}{hint}"
        ) from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise NoAnswer(
            f"{url}: no answer: {one_line(str(reason) or type(error).__name__)}; does "
            "the daemon run, with this http_address?"
        ) from None
    return body


def read_status(url: str, body: bytes) -> Status:
    """Return the Status that a daemon has sent. Raises NoAnswer."""
    try:
        return msgspec.json.decode(body, type=Status)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise NoAnswer(f"{url}: what answers there is no logcollector") from None

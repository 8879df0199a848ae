"""What a listener gets: from its table, else from the flat settings."""

import sys

import pytest

from collector.addresses import TcpAddress, UnixAddress
from collector.config import load_settings
from collector.config_toml import as_toml
from collector.errors import ConfigError
from collector.listen_settings import (
    ListenTable,
    parse_mode,
    parse_networks,
    settings_of,
)
from collector.settings import Settings


def test_what_a_table_does_not_say_comes_from_the_flat_settings():
    """Each key of a table but max_connections has a flat setting behind it."""
    settings = Settings(
        listen=("a:1", ListenTable(address="b:2", max_connections=7), "/s"),
        tls_cert="c",
        tls_key="k",
        tls_client_ca="ca",
        tls_client_names=("n",),
        allow=("::1",),
        socket_mode="0660",
        socket_group="g",
        max_connections=1,
        max_connections_per_peer=2,
        max_frame_bytes=3,
        frame_timeout_seconds=4.0,
        tls_handshake_timeout_seconds=5.0,
    )
    first, second, unix = settings.listeners()

    assert first.address == TcpAddress("a", 1)
    assert (first.tls.cert, first.tls.key, first.tls.client_ca) == ("c", "k", "ca")
    assert first.tls.client_names == {"n"}
    assert first.tls.handshake_timeout_seconds == 5.0
    assert first.allow == parse_networks(["::1"])
    assert (first.mode, first.group) == (None, "")
    # That of the flat settings is the limit of all listeners together.
    assert (first.max_connections, second.max_connections) == (sys.maxsize, 7)
    assert first.max_connections_per_peer == second.max_connections_per_peer == 2
    assert (second.max_frame_bytes, second.frame_timeout_seconds) == (3, 4.0)
    assert second.tls == first.tls
    assert unix.address == UnixAddress("/s")
    assert (unix.tls, unix.allow, unix.mode, unix.group) == (None, (), 0o660, "g")
    assert (first.where, second.where) == ("", "listen b:2: ")


def test_every_key_of_a_table_reaches_the_listener():
    """No key is accepted and then forgotten."""
    table = ListenTable(
        address="a:1",
        tls_cert="c",
        tls_key="k",
        tls_client_ca="ca",
        tls_client_names=("n",),
        allow=("10.0.0.0/8",),
        max_connections=2,
        max_connections_per_peer=3,
        max_frame_bytes=4,
        frame_timeout_seconds=5.0,
        max_records_per_second=6,
        max_bytes_per_second=7,
    )
    (listener,) = Settings(listen=(table,)).listeners()
    unix = ListenTable(address="/s", mode="600", group="g")
    (at_path,) = Settings(listen=(unix,)).listeners()

    tls = listener.tls
    assert (tls.cert, tls.key, tls.client_ca, *tls.client_names) == (
        "c",
        "k",
        "ca",
        "n",
    )
    assert listener.allow == parse_networks(["10.0.0.0/8"])
    assert (
        listener.max_connections,
        listener.max_connections_per_peer,
        listener.max_frame_bytes,
        listener.frame_timeout_seconds,
        listener.max_records_per_second,
        listener.max_bytes_per_second,
    ) == (2, 3, 4, 5.0, 6, 7)
    assert (at_path.mode, at_path.group) == (0o600, "g")


def test_a_table_can_turn_things_off():
    """An empty text or list is another thing than nothing said."""
    flat = Settings(tls_cert="c", tls_key="k", tls_client_ca="ca", allow=("::1",))
    off = flat.listener(
        TcpAddress("a", 1), ListenTable(address="a:1", tls_cert="", allow=())
    )
    no_ca = flat.listener(
        TcpAddress("a", 1), ListenTable(address="a:1", tls_client_ca="")
    )

    assert (off.tls, off.allow) == (None, ())
    assert (no_ca.tls.cert, no_ca.tls.client_ca) == ("c", "")


def test_a_certificate_of_a_table_has_its_own_key():
    """The key of the flat settings is not taken for another certificate's."""
    flat = Settings(tls_cert="c", tls_key="k")
    own = flat.listener(
        TcpAddress("a", 1), ListenTable(address="a:1", tls_cert="both.pem")
    )

    assert (own.tls.cert, own.tls.key) == ("both.pem", "")


@pytest.mark.parametrize(
    ("flat", "table", "key"),
    [
        ({"tls_key": "k"}, {}, "tls_key"),
        ({"tls_client_ca": "ca"}, {}, "tls_client_ca"),
        ({"tls_client_names": ("n",)}, {}, "tls_client_names"),
        ({}, {"tls_client_ca": "ca"}, "tls_client_ca"),
        ({"tls_cert": "c"}, {"tls_cert": "", "tls_client_ca": "x"}, "tls_client_ca"),
        ({"tls_cert": "c", "tls_client_names": ("n",)}, {}, "tls_client_names"),
        (
            {"tls_cert": "c", "tls_client_ca": "ca", "tls_client_names": ("n",)},
            {"tls_client_ca": ""},
            "tls_client_names",
        ),
    ],
)
def test_nobody_gets_less_than_he_asked_for(flat, table, key):
    """Checks of clients that could not be made are refused, not left out."""
    listen = (ListenTable(address="a:1", **table),)
    with pytest.raises(ConfigError) as caught:
        Settings(listen=listen, **flat).listeners()

    assert caught.value.key == f"listen a:1: {key}"


def test_a_variable_and_flags_list_networks():
    """Lists are separated by commas in variables, and flags come again."""
    by_variable = load_settings(environment={"LOGCOLLECTOR_ALLOW": "10.0.0.0/8, ::1"})
    by_flags = load_settings(flags={"allow": ("10.0.0.0/8", "::1")})

    assert by_variable == by_flags == Settings(allow=("10.0.0.0/8", "::1"))


def test_tables_as_toml(tmp_path):
    """What `config show` prints of tables is read back as it was."""
    settings = Settings(
        listen=(
            "a:1",
            ListenTable(address="b:2", tls_cert='odd "name"', allow=("::1",)),
            ListenTable(address="/s", mode="0660", frame_timeout_seconds=2.5),
        )
    )
    text = as_toml(settings)
    file = tmp_path / "config.toml"
    file.write_text(text, encoding="utf-8")

    assert load_settings(file=file) == settings
    assert "None" not in text
    assert "null" not in text


@pytest.mark.parametrize(
    ("table", "asked"),
    [
        ("[::1]:1", TcpAddress("0:0:0:0:0:0:0:1", 1)),
        ("LocalHost:1", TcpAddress("localhost", 1)),
        ("unix:/s", UnixAddress("/s")),
    ],
)
def test_an_address_in_many_spellings(table, asked):
    """A socket finds its table however its address is written."""
    (listener,) = Settings(listen=(ListenTable(address=table),)).listeners()

    assert settings_of(asked, [listener]) is listener
    assert settings_of(TcpAddress("::1", 2), [listener]) is None


@pytest.mark.parametrize(
    ("text", "mode"), [("", None), ("0660", 0o660), ("600", 0o600), ("0777", 0o777)]
)
def test_modes(text, mode):
    """A mode is written in octal."""
    assert parse_mode(text) == mode


@pytest.mark.parametrize("text", ["0o660", "66", "06600", "0888", "rw-", "-660", "٦٦٠"])
def test_what_is_no_mode(text):
    """Anything else is refused with an example."""
    with pytest.raises(ValueError, match="0660"):
        parse_mode(text)


@pytest.mark.parametrize(
    "listen",
    [
        ("127.0.0.1:9", ListenTable(address="127.0.0.1:9", allow=("10.0.0.0/8",))),
        ("127.0.0.1:9", "127.0.0.1:8", "0.0.0.0:9"),
        ("/run/a.sock", "/run/a.sock"),
    ],
)
def test_an_address_that_is_there_twice(listen):
    """Which of two tables holds must not be a matter of luck."""
    with pytest.raises(ConfigError, match="can't both be listened on"):
        load_settings(flags={"listen": listen})

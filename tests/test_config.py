"""Settings: their sources, their checks, and what is said of mistakes."""

import tomllib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.addresses import TcpAddress, UnixAddress
from collector.config import load_settings
from collector.config_toml import as_toml
from collector.errors import ConfigError
from collector.setting_values import parse_level
from collector.settings import GROUPS, Settings, descriptions

KEYS = [field.name for field in msgspec.structs.fields(Settings)]


@pytest.fixture
def toml(tmp_path):
    """Writes a settings file."""

    def write(text):
        path = tmp_path / "config.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def flat(text):
    """Return what a settings file says, by the flat names of settings."""
    keys = {}
    for name, value in tomllib.loads(text).items():
        in_group = name in GROUPS
        keys |= (
            {f"{name}_{k}": v for k, v in value.items()} if in_group else {name: value}
        )
    return keys


def refused(**sources):
    """Return the error of wrong settings."""
    with pytest.raises(ConfigError) as caught:
        load_settings(**sources)
    return caught.value


def test_without_sources_the_defaults_hold():
    """Nothing has to be set."""
    assert load_settings() == Settings()
    assert Settings().addresses() == [TcpAddress("127.0.0.1", 9020)]


def test_later_sources_override(toml):
    """Flags override the environment, which overrides the file."""
    file = toml('db = "file"\nport = 1\nlogname = "file"\nbatch_records = 7\n')
    environment = {"LOGCOLLECTOR_DB": "env", "LOGCOLLECTOR_PORT": "2", "PORT": "9"}
    settings = load_settings(
        file=file, environment=environment, flags={"db": "flag", "port": "3"}
    )
    without_flags = load_settings(file=file, environment=environment)

    assert (settings.db, settings.port) == ("flag", 3)
    assert (without_flags.db, without_flags.port) == ("env", 2)
    assert (settings.logname, settings.batch_records) == ("file", 7)
    assert settings.max_rejects == Settings().max_rejects


TEXTS = {
    "host": ("::1", "::1"),
    "port": ("0", 0),
    "loop": ("asyncio", "asyncio"),
    "max_frame_bytes": ("1000", 1000),
    "frame_timeout_seconds": ("2.5", 2.5),
    "resolve_hostnames": ("false", False),
    "emit": ("none", "none"),
    "emit_level": ("WARNING", "WARNING"),
    "emit_rotate_when": ("midnight", "midnight"),
    "format": ("%(message)s", "%(message)s"),
    "datefmt": ("", ""),
    "db": ("", ""),
    "synchronous": ("off", "off"),
    "stop_timeout_seconds": ("1", 1.0),
}


@pytest.mark.parametrize("key", TEXTS)
def test_texts_become_values(key):
    """Variables and flags are texts; a setting has its own type."""
    text, value = TEXTS[key]
    by_variable = load_settings(environment={f"LOGCOLLECTOR_{key.upper()}": text})
    by_flag = load_settings(flags={key: text})

    assert getattr(by_variable, key) == value
    assert type(getattr(by_flag, key)) is type(value)
    assert by_flag == by_variable


@pytest.mark.parametrize(
    ("text", "addresses"),
    [
        ("", [TcpAddress("127.0.0.1", 9020)]),
        ("0.0.0.0:1", [TcpAddress("0.0.0.0", 1)]),
        ("[::1]:1,/run/a.sock", [TcpAddress("::1", 1), UnixAddress("/run/a.sock")]),
        ("a:1, b:2", [TcpAddress("a", 1), TcpAddress("b", 2)]),
    ],
)
def test_a_variable_lists_addresses(text, addresses):
    """LOGCOLLECTOR_LISTEN separates addresses with commas."""
    settings = load_settings(environment={"LOGCOLLECTOR_LISTEN": text})

    assert settings.addresses() == addresses


@pytest.mark.parametrize("flags", [{"port": 5}, {"host": "::1"}])
def test_host_and_port_override_a_list_below(toml, flags):
    """A port on the command line means that port, whatever the file lists."""
    settings = load_settings(file=toml('listen = ["0.0.0.0:1"]'), flags=flags)
    expected = TcpAddress(flags.get("host", "127.0.0.1"), flags.get("port", 9020))

    assert settings.addresses() == [expected]


def test_a_list_overrides_host_and_port(toml):
    """In one source, and above another, a list of addresses counts."""
    file = toml('port = 5\nlisten = ["0.0.0.0:1"]')

    assert load_settings(file=file).addresses() == [TcpAddress("0.0.0.0", 1)]
    above = load_settings(file=toml("port = 5"), flags={"listen": ("a:2",)})
    assert above.addresses() == [TcpAddress("a", 2)]


def test_unknown_settings_are_named_with_the_nearest(toml):
    """Each source spells the setting and the nearest one in its own way."""
    file = toml("prot = 1\n")
    in_file = refused(file=file)
    in_variable = refused(environment={"LOGCOLLECTOR_PROT": "1"})
    in_flag = refused(flags={"prot": "1"})

    assert str(in_file) == f"{file}: prot: unknown setting (did you mean port?)"
    assert in_variable.key == "LOGCOLLECTOR_PROT"
    assert in_variable.hint == "did you mean LOGCOLLECTOR_PORT?"
    assert in_flag.key == "--prot"
    far = refused(environment={"LOGCOLLECTOR_QQQQQQ": "1"})
    assert "config show" in far.hint


@pytest.mark.parametrize("name", ["LOGCOLLECTOR_CONFIG", "LOGCOLLECTOR_TO"])
def test_variables_of_commands_are_no_settings(name):
    """Variables that options of commands are read from are left to them."""
    assert load_settings(environment={name: "127.0.0.1:9020"}) == Settings()


WRONG = [
    ("port", 65536, "65535"),
    ("port", -1, "0"),
    ("port", "many", "a whole number"),
    ("max_frame_bytes", 0, "1"),
    ("flush_interval_seconds", 0.0, "0"),
    ("flush_interval_seconds", "soon", "a number"),
    ("stop_timeout_seconds", 51.0, "50"),
    ("loop", "twisted", "twisted"),
    ("synchronous", "FULL", "FULL"),
    ("emit_rotate_when", "hourly", "hourly"),
    ("emit_level", "LOUD", "LOUD"),
    ("emit", "", "none"),
    ("host", "", "0.0.0.0"),
    ("format", "%(message)", "format"),
    ("decode_max_operations", 999, "1000"),
    ("batch_records", 1_000_001, "1000000"),
    ("resolve_hostnames", "perhaps", "true or false"),
]


@pytest.mark.parametrize(("key", "value", "reason"), WRONG)
def test_wrong_values_are_refused_by_every_source(toml, key, value, reason):
    """The error names the setting as its source spells it, and the reason."""
    file = toml(f"{key} = {value!r}\n")
    variable = f"LOGCOLLECTOR_{key.upper()}"
    in_file = refused(file=file)
    in_variable = refused(environment={variable: str(value)})
    in_flag = refused(flags={key: str(value)})

    assert in_file.key == f"{file}: {key}"
    assert in_variable.key == variable
    assert in_flag.key == "--" + key.replace("_", "-")
    for error in (in_file, in_variable, in_flag):
        assert reason in error.reason
        assert repr(value).strip("'") in error.reason


@pytest.mark.parametrize(
    "line",
    ['port = "9020"', "db = 5", "resolve_hostnames = 1", 'listen = "a:1"', "emit = []"],
)
def test_a_file_has_types(toml, line):
    """In TOML a number is no text and a text no number."""
    assert "expected" in refused(file=toml(line)).reason


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('port = "9020"', "port: '9020': expected a whole number, got a text"),
        ("port = 70000", "port: 70000: expected a whole number of 65535 or less"),
        ("frame_timeout_seconds = 0", "0: expected a number above 0"),
        ("spool_sync_seconds = 1e9", "expected a number of 86400 or less"),
        ("resolve_hostnames = 1", "1: expected true or false, got a whole number"),
        ('allow = "::1"', "allow: '::1': expected a list, got a text"),
        ("allow = [1]", "allow: [1]: expected a text, got a whole number"),
        ('allow = ["10.0.0.0/33"]', "allow: '10.0.0.0/33' is no network"),
        ("listen = [5]", "listen: [5]: expected a text or a table, got a whole number"),
        ("db = 2024-01-01", "db: 2024-01-01: expected a text, got a date"),
        ("port = 1.5", "expected a whole number, got a number with a fraction"),
        ('listen = ["a:1", "b:x"]', "listen: 'b:x': 'x' is no port"),
        ("logging = 5", "logging: 5: expected a table, got a whole number"),
        ('[listen]\naddress = "a:1"', "listen: is one table; write [[listen]]"),
        (
            '[[listen]]\naddress = "a:1"\nmax_connections = "x"',
            "listen a:1: max_connections: expected a whole number, got a text",
        ),
        (
            '[[listen]]\naddress = "a:1"\nallow = "x"',
            "listen a:1: allow: expected a list, got a text",
        ),
    ],
)
def test_mistakes_are_told_in_peoples_words(toml, line, said):
    """No message needs knowledge of Python, or of how settings are read."""
    error = str(refused(file=toml(line)))

    assert said in error
    assert "`" not in error


def test_a_wrong_item_of_a_flag_is_named():
    """Of a list only the item is shown, not how a program would write the list."""
    error = refused(flags={"allow": ("10.0.0.0/8", "10.0.0.0/33")})

    assert str(error).startswith("--allow: '10.0.0.0/33' is no network")


def test_a_table_groups_settings(toml):
    """In a file, address under [http] is http_address, which is right as well."""
    in_table = load_settings(file=toml('db = "a"\n[http]\naddress = "9021"'))
    plain = load_settings(file=toml('db = "a"\nhttp_address = "9021"'))
    above = load_settings(
        file=toml('[http]\naddress = "9021"\nallowed_hosts = ["a", "b"]'),
        environment={"LOGCOLLECTOR_HTTP_ADDRESS": ""},
        flags={"http_allowed_hosts": ("c",)},
    )

    assert in_table.http_address == "9021"
    assert plain == in_table
    assert (above.http_address, above.http_allowed_hosts) == ("", ("c",))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "[http]\nadress = ''",
            "http.adress: unknown setting (did you mean http.address?)",
        ),
        (
            "[http]\naddress = 9021",
            "http.address: 9021: expected a text, got a whole number",
        ),
        ("[http]\naddress = 'a'", "http.address: 'a': 'a' names no port"),
        ("http = 9021", "http: is a table; write [http]"),
        ("[http]\n[http.tls]\na = 1", "http.tls: unknown setting"),
        ("[shop]\naddress = ''", "shop: unknown setting"),
    ],
)
def test_mistakes_in_a_table(toml, text, said):
    """They are told as the file spells the setting."""
    file = toml(text)

    assert str(refused(file=file)).startswith(f"{file}: {said}")


def test_a_variable_lists_names():
    """LOGCOLLECTOR_HTTP_ALLOWED_HOSTS separates names with commas."""
    settings = load_settings(
        environment={"LOGCOLLECTOR_HTTP_ALLOWED_HOSTS": "logs.example.com, ::2"}
    )

    assert settings.http_allowed_hosts == ("logs.example.com", "::2")


@pytest.mark.parametrize("name", ["", "a:80", "http://a", "a/b", "*"])
def test_names_are_only_names(name):
    """An allowed host is a name or an address, nothing around it."""
    assert "no name" in refused(flags={"http_allowed_hosts": (name,)}).reason


TOKEN = "0123456789abcdef"


@pytest.mark.parametrize(
    "address", ["0.0.0.0:9021", "[::]:9021", "10.2.0.5:1", "web:1"]
)
def test_other_hosts_need_a_token(address):
    """Off loopback there must be a token, or a file with one."""
    error = refused(flags={"http_address": address})

    assert error.key == "http_address"
    assert "http_token_file" in error.hint
    for key in ("http_token", "http_token_file"):
        load_settings(flags={"http_address": address, key: TOKEN})


@pytest.mark.parametrize(
    "address", ["9021", ":9021", "127.0.0.2:1", "[::1]:1", "/a.sock"]
)
def test_this_host_needs_no_token(address):
    """On loopback, and on a UNIX socket, a token may be set and need not be."""
    assert load_settings(flags={"http_address": address}).http_address == address


@pytest.mark.parametrize("token", ["short", TOKEN + "é", TOKEN + " b", TOKEN + "\n"])
def test_tokens_that_are_none(token):
    """What is short, or can't stand in a header, is refused and not quoted."""
    error = refused(flags={"http_token": token})

    assert "a token has" in error.reason
    assert token not in str(error)


@pytest.mark.parametrize("text", ["host:port", "[::1", "a:1,,b:2"])
def test_wrong_addresses_are_refused(text):
    """Addresses are checked with the other settings."""
    error = refused(environment={"LOGCOLLECTOR_LISTEN": text})

    assert error.key == "LOGCOLLECTOR_LISTEN"


def test_long_values_are_cut_in_messages():
    """An error stays readable whatever it quotes."""
    error = refused(flags={"emit_level": "x" * 5000, "emit": "none"})

    assert len(error.reason) < 5300
    assert "'" + "x" * 50 in error.reason


@pytest.mark.parametrize(
    "sources",
    [{"environment": {"LOGCOLLECTOR_LOGGING": "{}"}}, {"flags": {"logging": "{}"}}],
)
def test_a_policy_stands_in_a_file(sources):
    """The logging table can only be set in the settings file."""
    assert "settings file" in refused(**sources).reason


def test_files_that_cannot_be_read(tmp_path, toml):
    """A missing file, a folder, broken TOML and odd bytes are named."""
    assert "no such file" in refused(file=tmp_path / "absent.toml").reason
    assert "cannot be read" in refused(file=tmp_path).reason
    assert "is not TOML" in refused(file=toml("port = = 1")).reason
    odd = tmp_path / "odd.toml"
    odd.write_bytes(b'db = "\xff"')
    assert "cannot be read" in refused(file=odd).reason


def test_every_setting_is_described():
    """Each setting says in a sentence what it is for."""
    about = descriptions()

    assert list(about) == KEYS
    assert all(
        text.endswith((".", "ms.")) and len(text) < 100 for text in about.values()
    )


def test_the_defaults_as_toml(toml):
    """What `as_toml` writes is read back as it was, with every key and comment."""
    text = as_toml(Settings())

    assert load_settings(file=toml(text)) == Settings()
    assert list(flat(text)) == KEYS
    for about in descriptions().values():
        assert f"# {about}\n" in text


ODD = st.text(st.characters(exclude_categories=["Cs"]))
PLAIN = (
    st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | ODD
)
TABLES = st.dictionaries(
    ODD,
    st.recursive(
        PLAIN,
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(ODD, inner, max_size=3)
        ),
        max_leaves=5,
    ),
    max_size=4,
)


@given(db=ODD, logname=ODD, listen=st.lists(st.just("a:1"), max_size=2), table=TABLES)
def test_odd_values_as_toml(db, logname, listen, table):
    """Quotes, control characters, any script and nested tables survive."""
    settings = Settings(db=db, logname=logname, listen=tuple(listen), logging=table)

    read = flat(as_toml(settings))
    assert msgspec.convert(read, Settings) == settings


@pytest.mark.parametrize(
    ("text", "number"),
    [("INFO", 20), ("warning", 30), ("0", 0), ("35", 35), ("notset", 0)],
)
def test_levels(text, number):
    """A level is a name in any case, or a number."""
    assert parse_level(text) == number
    assert Settings(emit_level=text).emit_levelno() == number


@pytest.mark.parametrize("text", ["", "loud", "-5", "1.5", "٣", "9999999999"])
def test_what_is_no_level(text):
    """A level that logging does not know is refused."""
    with pytest.raises(ValueError, match="no level"):
        parse_level(text)

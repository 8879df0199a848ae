"""Addresses as people write them."""

import pytest

from collector.addresses import (
    TcpAddress,
    UnixAddress,
    is_loopback,
    overlap,
    parse_address,
    parse_http_address,
    parse_port,
)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("localhost:9021", TcpAddress("localhost", 9021)),
        ("127.0.0.1:0", TcpAddress("127.0.0.1", 0)),
        ("logs.example.org", TcpAddress("logs.example.org", 9020)),
        ("logs.example.org:", TcpAddress("logs.example.org", 9020)),
        ("[::1]:9021", TcpAddress("::1", 9021)),
        ("[::1]", TcpAddress("::1", 9020)),
        ("::1", TcpAddress("::1", 9020)),
        ("fe80::1%eth0", TcpAddress("fe80::1%eth0", 9020)),
        ("/run/logs.sock", UnixAddress("/run/logs.sock")),
        ("unix:/run/logs.sock", UnixAddress("/run/logs.sock")),
        ("unix:logs.sock", UnixAddress("logs.sock")),
        ("/run/a:1", UnixAddress("/run/a:1")),
    ],
)
def test_addresses(text, address):
    """Hosts, ports and paths are told apart."""
    assert parse_address(text) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":9020",
        "[]:9020",
        "[::1",
        "[::1]9020",
        "host:port",
        "host:-1",
        "host:65536",
        "host:1.5",
        "host:٣",
        "host:99999999999999999999",
        "unix:",
        "/with\0nul",
        "/" + "x" * 107,
        "/" + "é" * 54,
    ],
)
def test_what_is_no_address(text):
    """A mistake is a ValueError that says what is wrong."""
    with pytest.raises(ValueError, match=r"\w"):
        parse_address(text)


@pytest.mark.parametrize(
    "text",
    ["localhost:1", "127.0.0.1:0", "[::1]:9021", "unix:/run/logs.sock", "unix:a.sock"],
)
def test_what_is_shown_can_be_read(text):
    """An address is written as it is read."""
    assert str(parse_address(text)) == text


def test_a_port_alone_names_no_host():
    """What is only digits was meant for a port, and the address is told."""
    with pytest.raises(ValueError, match=r"did you mean 127\.0\.0\.1:9467\?"):
        parse_address("9467")


def test_the_longest_path():
    """A path of as many bytes as the system takes is an address."""
    assert parse_address("/" + "x" * 106) == UnixAddress("/" + "x" * 106)


@pytest.mark.parametrize(("text", "port"), [("0", 0), ("80", 80), ("65535", 65535)])
def test_ports(text, port):
    """Ports are numbers from 0 to 65535."""
    assert parse_port(text) == port


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("9021", TcpAddress("127.0.0.1", 9021)),
        (":0", TcpAddress("127.0.0.1", 0)),
        ("web1:80", TcpAddress("web1", 80)),
        ("[::1]:80", TcpAddress("::1", 80)),
        ("/run/http.sock", UnixAddress("/run/http.sock")),
    ],
)
def test_addresses_for_http(text, address):
    """A port alone is one of loopback."""
    assert parse_http_address(text) == address


@pytest.mark.parametrize(
    "text",
    ["", ":", "web1", "web1:", "[::1]", "[::1]:", "::1", "::9020", "65536", "a:b"],
)
def test_what_is_no_address_for_http(text):
    """Without a port it is none: the port for records is not meant."""
    with pytest.raises(ValueError, match=r"port|host"):
        parse_http_address(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1:1", True),
        ("127.3.2.1:1", True),
        ("[::1]:1", True),
        ("LocalHost:1", True),
        ("/run/a.sock", True),
        ("0.0.0.0:1", False),
        ("[::]:1", False),
        ("localhost.example.com:1", False),
        ("192.168.0.1:1", False),
    ],
)
def test_loopback(text, expected):
    """Only addresses that no other host can reach are loopback's."""
    assert is_loopback(parse_address(text)) is expected


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("127.0.0.1:1", "127.0.0.1:1", True),
        ("127.0.0.1:1", "127.0.0.1:2", False),
        ("127.0.0.1:0", "127.0.0.1:0", False),
        ("0.0.0.0:1", "10.0.0.1:1", True),
        ("10.0.0.1:1", "0.0.0.0:1", True),
        ("10.0.0.1:1", "10.0.0.2:1", False),
        ("[::]:1", "[::1]:1", True),
        ("[::]:1", "0.0.0.0:1", False),
        ("[::1]:1", "[0:0::1]:1", True),
        ("web1:1", "WEB1:1", True),
        ("web1:1", "web2:1", False),
        ("/run/a.sock", "unix:/run//./a.sock", True),
        ("/run/a.sock", "/run/b.sock", False),
        ("/run/a.sock", "127.0.0.1:1", False),
    ],
)
def test_addresses_that_exclude_each_other(one, other, expected):
    """An address and a wildcard of its kind and port are the same to listen on."""
    assert overlap(parse_address(one), parse_address(other)) is expected

"""Who may ask: the Host header, the token, the method, no body."""

import pytest

from collector.addresses import TcpAddress, UnixAddress
from collector.web.access import Refusal, make_access, refusal

TOKEN = "0123456789abcdef"


def refused(headers, *, bound="127.0.0.1", method="GET", token="", allowed=()):
    """Return the status of the refusal of a request, or None."""
    address = UnixAddress(bound) if bound[0] == "/" else TcpAddress(bound, 9021)
    access = make_access(token=token, addresses=[address], allowed_hosts=allowed)
    found = refusal(access, method, headers)
    assert found is None or isinstance(found, Refusal)
    return found.status if found else None


@pytest.mark.parametrize(
    ("bound", "host", "status"),
    [
        ("127.0.0.1", "127.0.0.1:9021", None),
        ("127.0.0.1", "localhost", None),
        ("127.0.0.1", "LOCALHOST.:1", None),
        ("::1", "[::1]:9021", None),
        ("10.0.0.5", "10.0.0.5:9021", None),
        ("web1", "WEB1:9021", None),
        ("/run/a.sock", "localhost", None),
        ("127.0.0.1", "evil.example", 421),
        ("127.0.0.1", "localhost.evil.example:9021", 421),
        ("127.0.0.1", "10.0.0.5", 421),
        ("127.0.0.1", "", 421),
        ("127.0.0.1", "localhost:1:2", 421),
        ("127.0.0.1", "localhost@evil.example", 421),
        ("0.0.0.0", "10.0.0.5:9021", None),
        ("::", "[2001:db8::1]:9021", None),
        ("0.0.0.0", "evil.example", 421),
    ],
)
def test_the_name_of_this_host(bound, host, status):
    """A request must call the host as it is bound; listening everywhere, by any IP."""
    assert refused({"host": host}, bound=bound) == status


def test_further_names():
    """Names that the settings allow count, in any case and with any port."""
    names = ("Logs.Example.com", "[2001:db8::1]")
    for host in ("logs.example.COM:80", "[2001:DB8::1]:9021"):
        assert refused({"host": host}, allowed=names) is None
    assert refused({"host": "www.logs.example.com"}, allowed=names) == 421


def test_without_a_host():
    """A request that does not say whom it means is refused."""
    assert refused({}) == 421


@pytest.mark.parametrize(
    ("given", "status"),
    [
        (f"Bearer {TOKEN}", None),
        (f"bearer  {TOKEN} ", None),
        ("", 401),
        (TOKEN, 401),
        (f"Basic {TOKEN}", 401),
        (f"Bearer {TOKEN}x", 401),
        (f"Bearer {TOKEN[:-1]}", 401),
        ("Bearer ", 401),
        ("Bearer \xff", 401),
    ],
)
def test_the_token(given, status):
    """Where one is set, nothing but that token, as a bearer's, opens."""
    headers = {"host": "localhost", "authorization": given}

    assert refused(headers, token=TOKEN) == status
    assert refused(headers) is None


@pytest.mark.parametrize(
    ("method", "more", "status"),
    [
        ("GET", {}, None),
        ("HEAD", {}, None),
        ("GET", {"content-length": "0"}, None),
        ("POST", {}, 405),
        ("OPTIONS", {}, 405),
        ("GET", {"content-length": "5"}, 400),
        ("GET", {"transfer-encoding": "chunked"}, 400),
    ],
)
def test_only_questions(method, more, status):
    """There is nothing to change: no other methods, no bodies."""
    assert refused({"host": "localhost", **more}, method=method) == status

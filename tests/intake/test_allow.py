"""Which peers are in the allowed networks."""

import pytest

from collector.intake.allow import Allowed
from collector.listen_settings import parse_networks


@pytest.mark.parametrize(
    ("networks", "peer", "allowed"),
    [
        ([], "192.0.2.1", True),
        (["10.0.0.0/8"], "10.255.0.1", True),
        (["10.0.0.0/8"], "11.0.0.1", False),
        (["10.0.0.0/8"], "::1", False),
        (["192.0.2.7"], "192.0.2.7", True),
        (["192.0.2.7"], "192.0.2.8", False),
        (["2001:db8::/32"], "2001:db8:1::7", True),
        (["2001:db8::/32"], "2001:db9::7", False),
        (["fe80::/10"], "fe80::1%eth0", True),
        (["::/0"], "127.0.0.1", False),
        (["0.0.0.0/0", "::/0"], "2001:db8::1", True),
        (["10.0.0.0/8"], "unix", True),
    ],
)
def test_networks(networks, peer, allowed):
    """A peer is allowed whose address is in a network, or where there is none."""
    assert (peer in Allowed(parse_networks(networks))) is allowed


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("10.0.0.1/8", "do you mean 10.0.0.0/8"),
        ("2001:db8::1/32", "do you mean 2001:db8::/32"),
        ("localhost", "is no network"),
        ("", "is no network"),
        ("10.0.0.0/33", "is no network"),
        ("::ffff:10.0.0.0/104", "write networks of IPv4 as such"),
    ],
)
def test_what_is_no_network(text, words):
    """A mistake is refused with what is meant, or how it is written."""
    with pytest.raises(ValueError, match=words):
        parse_networks([text])

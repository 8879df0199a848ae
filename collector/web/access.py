"""Access: who may ask, and by which name they must call this host.

A page in a browser can send requests to this host too: under a name of its
own that it has pointed here (DNS rebinding), the browser would even let it
read the answers. So a request must call this host by a name that is its own.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

from collector.addresses import Address, TcpAddress

LOOPBACK_NAMES: Final = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What requests must show. token: "" if none; hosts: names in lower case."""

    token: str
    hosts: frozenset[str]
    # Whether it listens on all addresses: an address in figures is fine then,
    # as rebinding needs a name.
    any_address: bool


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is not answered: an HTTP status, and words."""

    status: int
    text: str


def make_access(
    *, token: str, addresses: Iterable[Address], allowed_hosts: Iterable[str]
) -> Access:
    """Return the access to a server that is bound to `addresses`."""
    bound = [a.host for a in addresses if isinstance(a, TcpAddress)]
    names = (*LOOPBACK_NAMES, *bound, *allowed_hosts)
    return Access(
        token=token,
        hosts=frozenset(_plain(name) for name in names),
        any_address=any(_is_unspecified(host) for host in bound),
    )


def refusal(access: Access, method: str, headers: Mapping[str, str]) -> Refusal | None:
    """Return why a request is refused, or None. `headers` by lower-case name."""
    if not _is_own(access, headers.get("host", "")):
        return Refusal(
            421, "this host is not called so; see the setting http_allowed_hosts"
        )
    if access.token and not _carries(access.token, headers.get("authorization", "")):
        return Refusal(401, "a token is needed: Authorization: Bearer TOKEN")
    if method not in ("GET", "HEAD"):
        return Refusal(405, "only GET and HEAD are understood")
    if headers.get("content-length", "0") != "0" or "transfer-encoding" in headers:
        return Refusal(400, "no body is taken")
    return None


def _carries(token: str, authorization: str) -> bool:
    scheme, _, given = authorization.partition(" ")
    # The time it takes must not tell how much of a guess was right.
    same = hmac.compare_digest(given.strip().encode(), token.encode())
    return same and scheme.lower() == "bearer"


def _is_own(access: Access, header: str) -> bool:
    """Tell whether a Host header has a name of this host; its port is ignored."""
    host = header.strip()
    if host.startswith("["):
        host = host.partition("]")[0]
    elif host.count(":") == 1:
        host = host.partition(":")[0]
    host = _plain(host)
    return host in access.hosts or (access.any_address and _is_address(host))


def _plain(name: str) -> str:
    return name.strip("[]").rstrip(".").lower()


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _is_unspecified(host: str) -> bool:
    return _is_address(host) and ip_address(host).is_unspecified

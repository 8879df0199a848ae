"""Listening sockets: made for an address, or handed over by systemd."""

from __future__ import annotations

import contextlib
import errno
import grp
import os
import socket
import stat
import sys
from collections.abc import Iterator, MutableMapping
from pathlib import Path
from typing import Final

from collector.addresses import Address, TcpAddress, UnixAddress
from collector.errors import ConfigError, ListenError

# Connections that may wait to be accepted: all clients of a restarted daemon
# come at once.
BACKLOG: Final = 4096

# For those whose text was taken for the name of a host.
WHAT_TO_WRITE: Final = "write HOST:PORT, or the /PATH of a UNIX socket from the root"

# Keepalive probes that may stay without an answer.
PROBES: Final = 3

if sys.platform == "darwin":
    _KEEPIDLE: Final = socket.TCP_KEEPALIVE
else:
    _KEEPIDLE: Final = socket.TCP_KEEPIDLE

# The first descriptor that systemd hands over (sd_listen_fds(3)).
FIRST_DESCRIPTOR: Final = 3


def bind(
    address: Address, *, mode: int | None = None, group: str = ""
) -> list[socket.socket]:
    """Return listening sockets for an address, one for each of a name's addresses.

    With port 0 all of them get the same free port. The file of a UNIX socket
    gets `mode` (None: as the umask says) and `group`, a name or number, before
    anybody can connect. Raises ListenError, ConfigError for an unknown group.

    They listen at once, and whoever connects waits until somebody accepts. Two
    sockets may be bound to one address as long as neither listens; which of
    them has it, only listen() tells, and uvloop keeps that to itself.
    """
    if isinstance(address, UnixAddress):
        return [_bind_unix(address, mode, group)]
    try:
        infos = socket.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except OSError as error:
        raise ListenError(
            f"cannot listen on {address}: {error.strerror}; {WHAT_TO_WRITE}"
        ) from None
    except (UnicodeError, ValueError):
        raise ListenError(
            f"cannot listen on {address}: that is no host name; {WHAT_TO_WRITE}"
        ) from None
    sockets: list[socket.socket] = []
    port = address.port
    try:
        for family, _, _, _, target in dict.fromkeys(infos):
            try:
                sockets.append(_bind_tcp(family, (target[0], port, *target[2:])))
            except OSError as error:
                # A name such as localhost may have an address of a kind that
                # this host has switched off.
                if len(infos) > 1 and error.errno in _NO_SUCH_FAMILY:
                    continue
                raise
            port = sockets[-1].getsockname()[1]
    except OSError as error:
        for bound in sockets:
            bound.close()
        raise ListenError(_explained(address, error)) from None
    if not sockets:
        raise ListenError(f"cannot listen on {address}: this host has no such address")
    return sockets


_NO_SUCH_FAMILY: Final = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)


def _bind_tcp(family: int, target: tuple[object, ...]) -> socket.socket:
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        bound.setblocking(False)
        bound.bind(target)
        bound.listen(BACKLOG)
    except OSError:
        bound.close()
        raise
    return bound


def _bind_unix(address: UnixAddress, mode: int | None, group: str) -> socket.socket:
    path = Path(address.path)
    gid = group_number(group) if group else None
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    made = False
    try:
        if _is_dead_socket(path):
            path.unlink()
        bound.setblocking(False)
        # bind() makes the file or fails: what is there already, be it only a
        # link, is neither followed nor changed. Nobody can connect before
        # listen(), so the group may come a moment later.
        with _umask(mode):
            bound.bind(address.path)
        made = True
        if gid is not None:
            os.chown(path, -1, gid, follow_symlinks=False)
        bound.listen(BACKLOG)
    except OSError as error:
        if made:
            unlink(bound)
        bound.close()
        if made and group:
            raise ListenError(
                f"cannot listen on {address}: its group can't be {group}: "
                f"{os.strerror(error.errno or 0)}; the daemon's user has to be in it"
            ) from None
        raise ListenError(_explained(address, error)) from None
    return bound


@contextlib.contextmanager
def _umask(mode: int | None) -> Iterator[None]:
    """Let files be made with just this mode; None: as ever."""
    if mode is None:
        yield
        return
    before = os.umask(~mode & 0o777)
    try:
        yield
    finally:
        os.umask(before)


def group_number(group: str) -> int:
    """Return the number of a group, given by name or number. Raises ConfigError."""
    if group.isdecimal() and group.isascii():
        return int(group)
    try:
        return grp.getgrnam(group).gr_gid
    except (KeyError, ValueError):
        raise ConfigError(
            "group (socket_group)", f"there is no group {group!r} on this host"
        ) from None


def _is_dead_socket(path: Path) -> bool:
    """Tell whether the path is a socket that nobody listens on any more."""
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            return False
    except FileNotFoundError:
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            return True
        except OSError:
            return False
    return False


def _explained(address: Address, error: OSError) -> str:
    text = f"cannot listen on {address}: {os.strerror(error.errno or 0)}"
    if error.errno == errno.EADDRINUSE:
        if isinstance(address, TcpAddress):
            return (
                f"{text}; another program or another setting has the port (see "
                f"which: ss -ltnp 'sport = :{address.port}')"
            )
        return f"{text}; the file exists already"
    if error.errno == errno.EACCES:
        return f"{text}; ports below 1024 and others' folders need rights"
    return text


def unlink(bound: socket.socket) -> None:
    """Remove the path of a UNIX socket that `bind` made."""
    if bound.family == socket.AF_UNIX:
        with contextlib.suppress(OSError):
            Path(bound.getsockname()).unlink()


def inherited(environment: MutableMapping[str, str]) -> list[socket.socket]:
    """Return the listening sockets that systemd handed over, if any.

    Takes the variables away, so that no child process takes the sockets for
    its own. Raises ListenError for descriptors that are no stream listeners.
    """
    pid = environment.pop("LISTEN_PID", "")
    count = environment.pop("LISTEN_FDS", "")
    environment.pop("LISTEN_FDNAMES", None)
    if pid != str(os.getpid()) or not count.isdecimal():
        return []
    sockets: list[socket.socket] = []
    for descriptor in range(FIRST_DESCRIPTOR, FIRST_DESCRIPTOR + int(count)):
        try:
            handed = socket.socket(fileno=descriptor)
        except OSError as error:
            raise ListenError(
                f"descriptor {descriptor} of LISTEN_FDS is no socket: {error}"
            ) from None
        if handed.type != socket.SOCK_STREAM or not handed.getsockopt(
            socket.SOL_SOCKET, socket.SO_ACCEPTCONN
        ):
            raise ListenError(
                f"descriptor {descriptor} of LISTEN_FDS is no listening stream socket; "
                "the socket unit needs ListenStream= and Accept=no"
            )
        handed.setblocking(False)
        handed.set_inheritable(False)
        sockets.append(handed)
    return sockets


def keep_alive(accepted: socket.socket, seconds: int) -> None:
    """Let the system find out that a peer has vanished, within `seconds`.

    SocketHandler may be silent for days, and we never write, so a host that
    lost power would otherwise stay connected for ever.
    """
    if accepted.family == socket.AF_UNIX:
        return
    # The first probe after a third of the time, the last answer awaited at five
    # sixths; and never more often than each second.
    interval = max(1, seconds // 6)
    # A connection that has already been reset takes no options.
    with contextlib.suppress(OSError):
        accepted.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        accepted.setsockopt(socket.IPPROTO_TCP, _KEEPIDLE, max(1, seconds // 3))
        accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, interval)
        accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, PROBES)


def shown_address(bound: socket.socket) -> Address:
    """Return the address that a socket is really bound to."""
    name = bound.getsockname()
    if bound.family == socket.AF_UNIX:
        return UnixAddress(str(name))
    return TcpAddress(name[0], name[1])

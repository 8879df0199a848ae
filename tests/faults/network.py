"""Hosts of their own: network namespaces, each joined to this one by a cable."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

# 198.18.0.0/15 is for tests of networks, and used by nobody else.
NETWORK = "198.18.213"


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, timeout=10)


class Host:
    """A network namespace; `address` is its own, `our_address` is this side's."""

    def __init__(self, name: str, number: int) -> None:
        self.name = name
        self.cable = f"{name}o"
        self.our_address = f"{NETWORK}.{4 * number + 1}"
        self.address = f"{NETWORK}.{4 * number + 2}"

    def command(self, *words: str) -> list[str]:
        """Return a command that runs there."""
        return ["ip", "netns", "exec", self.name, *words]

    def unplug(self) -> None:
        """Take the cable out at its end: this side sees that nobody is there."""
        ip("-n", self.name, "link", "set", f"{self.name}i", "down")

    def fall_silent(self) -> None:
        """Let it answer nothing any more, as a host that hangs, or a firewall."""
        ip("-n", self.name, "route", "add", "blackhole", self.our_address)


@contextmanager
def host(number: int) -> Iterator[Host]:
    """Make a host, and remove it. Skips the test where that can't be done."""
    if os.geteuid() != 0:
        pytest.skip("network namespaces need root")
    made = Host(f"lc{os.getpid() % 100000}n{number}", number)
    inner = f"{made.name}i"
    try:
        ip("netns", "add", made.name)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no network namespaces here: {error}")
    try:
        try:
            ip("link", "add", made.cable, "type", "veth", "peer", inner)
        except subprocess.CalledProcessError as error:
            pytest.skip(f"no virtual cables here: {error.stderr!r}")
        ip("link", "set", inner, "netns", made.name)
        ip("addr", "add", f"{made.our_address}/30", "dev", made.cable)
        ip("link", "set", made.cable, "up")
        ip("-n", made.name, "addr", "add", f"{made.address}/30", "dev", inner)
        ip("-n", made.name, "link", "set", inner, "up")
        yield made
    finally:
        # The cable goes with either end, but what was still under way in the
        # namespace can keep that alive for minutes.
        subprocess.run(["ip", "link", "delete", made.cable], check=False, timeout=10)
        ip("netns", "delete", made.name)

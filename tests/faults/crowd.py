"""A crowd of connections, made by a process of its own; bounded by its arguments.

Run as: python crowd.py PORT KIND COUNT. KIND is one of
    sending     each sends one record, whose message is its number, and stays
    idle        each stays, and sends nothing
    slow        each sends a byte of a long frame every second
    resetting   each brings two bytes and is reset; COUNT of them every second
Sources are spread over 127.0.0.1 to 127.0.0.20. Says a line "open" when all are
open (resetting: when it begins). Then it reads lines from its input: a
number closes so many, the oldest first, and is answered "closed"; "report" is
answered with how many the other side has ended; at the end of its input it ends.
"""

import contextlib
import errno
import json
import resource
import selectors
import socket
import struct
import sys
import time

SOURCES = 20
AT_ONCE = 500
RESET = struct.pack("ii", 1, 0)
SLOW_FRAME = (1000).to_bytes(4, "big") + b"{" + b" " * 999


def frame(number: int) -> bytes:
    payload = json.dumps({"name": "crowd", "msg": str(number)}).encode()
    return len(payload).to_bytes(4, "big") + payload


def begin(port: int, number: int) -> socket.socket:
    client = socket.socket()
    client.setblocking(False)
    # So that ports don't run out, however many there are.
    client.bind((f"127.0.0.{1 + number % SOURCES}", 0))
    client.connect_ex(("127.0.0.1", port))
    return client


class Crowd:
    def __init__(self, port: int, kind: str, count: int) -> None:
        self.port = port
        self.kind = kind
        self.selector = selectors.DefaultSelector()
        self.open: list[socket.socket] = []
        self.ended = 0
        self.sent: dict[socket.socket, int] = {}
        self.enter(count)

    def enter(self, count: int) -> None:
        """Open all; those that send at once, others some hundreds at a time."""
        at_once = count if self.kind == "sending" else AT_ONCE
        begun = 0
        connecting: dict[socket.socket, int] = {}
        while begun < count or connecting:
            while begun < count and len(connecting) < at_once:
                client = begin(self.port, begun)
                connecting[client] = begun
                self.selector.register(client, selectors.EVENT_WRITE)
                begun += 1
            for key, _ in self.selector.select():
                client = key.fileobj
                self.selector.unregister(client)
                number = connecting.pop(client)
                error = client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                if error:
                    sys.exit(f"connection {number}: {errno.errorcode[error]}")
                if self.kind == "sending":
                    client.sendall(frame(number))
                self.open.append(client)
                self.sent[client] = 0
        for client in self.open:
            self.selector.register(client, selectors.EVENT_READ)

    def note_end(self, client: socket.socket) -> None:
        """Note that the other side has hung up on it: it never sends anything."""
        self.selector.unregister(client)
        with contextlib.suppress(OSError):
            client.recv(1)
        self.ended += 1

    def leave(self, count: int) -> None:
        for client in self.open[:count]:
            with contextlib.suppress(KeyError):
                self.selector.unregister(client)
            client.close()
        del self.open[:count]

    def send_bytes(self, part: int, parts: int) -> None:
        """Send a byte for each of a part of the connections."""
        for client in self.open[part::parts]:
            sent = self.sent[client] = self.sent[client] % len(SLOW_FRAME) + 1
            with contextlib.suppress(OSError):
                client.send(SLOW_FRAME[sent - 1 : sent])


def reset_for_ever(port: int, count: int) -> None:
    """Open and reset connections, so many a second, until the input ends."""
    say("open")
    with selectors.DefaultSelector() as selector:
        selector.register(sys.stdin, selectors.EVENT_READ)
        number = 0
        while not selector.select(1 / count):
            client = socket.socket()
            client.bind((f"127.0.0.{1 + number % SOURCES}", 0))
            with contextlib.suppress(OSError):
                client.connect(("127.0.0.1", port))
                client.sendall(b"\0\0")
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            client.close()
            number += 1


def say(word: object) -> None:
    print(word, flush=True)


def main() -> None:
    port, kind, count = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if kind == "resetting":
        reset_for_ever(port, count)
        return
    crowd = Crowd(port, kind, count)
    say("open")
    crowd.selector.register(sys.stdin, selectors.EVENT_READ)
    parts = 50
    part = 0
    while True:
        next_at = time.monotonic() + 1 / parts
        while (left := next_at - time.monotonic()) > 0:
            for key, _ in crowd.selector.select(left):
                if key.fileobj is not sys.stdin:
                    crowd.note_end(key.fileobj)
                    continue
                line = sys.stdin.readline().strip()
                if not line:
                    return
                if line == "report":
                    say(crowd.ended)
                else:
                    crowd.leave(int(line))
                    say("closed")
        if kind == "slow":
            crowd.send_bytes(part, parts)
            part = (part + 1) % parts


if __name__ == "__main__":
    main()

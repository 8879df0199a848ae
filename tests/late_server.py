"""A server of TLS 1.3 that is slow to look at what a client answered it."""

import contextlib
import socket
import ssl

# A farewell is the only record of TLS 1.3 that is so short.
FAREWELL = b"\x17\x03\x03\x00\x13"


def refuse_late(client: socket.socket, context: ssl.SSLContext) -> None:
    """Refuse a client's certificate once its farewell has come, in peace.

    For the client the handshake is over before that.
    """
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_side=True)
    with client, client.makefile("rb") as stream:

        def read_record() -> bytes:
            header = stream.read(5)
            assert len(header) == 5, "the client hung up without a farewell"
            return header + stream.read(int.from_bytes(header[3:], "big"))

        incoming.write(read_record())
        with contextlib.suppress(ssl.SSLWantReadError):
            tls.do_handshake()
        client.sendall(outgoing.read())
        record = b""
        while not record.startswith(FAREWELL):
            record = read_record()
            incoming.write(record)
        try:
            tls.do_handshake()
        except ssl.SSLError:
            client.sendall(outgoing.read())
        else:
            raise AssertionError("the certificate is accepted")

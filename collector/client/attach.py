"""Send a program's log records to a collector."""

from __future__ import annotations

import logging
import logging.handlers


def client_attach_socket_handler(
    host: str = "localhost",
    port: int | None = 9020,
    level: int | str = logging.DEBUG,
    logger: logging.Logger | str | None = None,
) -> logging.handlers.SocketHandler:
    """Attach a stock SocketHandler to `logger` (the root logger by default).

    Sets the logger's level to `level`, so that records from there on are
    sent. For a collector on a UNIX socket give its path as `host` and None as
    `port`. Returns the handler; remove it with `logger.removeHandler`.
    """
    target = (
        logging.getLogger(logger)
        if not isinstance(logger, logging.Logger)
        else (logger)
    )
    # No formatter: the handler sends records whole, not as text.
    handler = logging.handlers.SocketHandler(host, port)
    target.setLevel(level)
    target.addHandler(handler)
    return handler

"""logcollector: collects what Python programs log.

For applications: `client_attach_socket_handler` sends a program's records,
`TLSSocketHandler` does so over TLS, `ServerContext` runs a whole collector
inside a program.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collector.client.attach import client_attach_socket_handler
    from collector.client.embedded import ServerContext
    from collector.client.tls import TLSSocketHandler

__version__ = "0.1.0"

__all__ = [
    "ServerContext",
    "TLSSocketHandler",
    "__version__",
    "client_attach_socket_handler",
]


def __getattr__(name: str) -> Any:
    # Imported when used: `import collector` alone must cost next to nothing.
    if name == "client_attach_socket_handler":
        from collector.client.attach import client_attach_socket_handler

        return client_attach_socket_handler
    if name == "ServerContext":
        from collector.client.embedded import ServerContext

        return ServerContext
    if name == "TLSSocketHandler":
        from collector.client.tls import TLSSocketHandler

        return TLSSocketHandler
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

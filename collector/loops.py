"""Which event loop runs the daemon."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from collector.errors import ConfigError


def loop_factory(name: str) -> Callable[[], asyncio.AbstractEventLoop]:
    """Return what makes the loop that the setting `loop` names.

    Raises ConfigError for uvloop where it is not installed; auto takes
    asyncio's own loop there.
    """
    if name != "asyncio":
        try:
            import uvloop
        except ImportError:
            if name == "uvloop":
                raise ConfigError(
                    "loop", "uvloop is not installed", "use auto or asyncio"
                ) from None
        else:
            return uvloop.new_event_loop
    return asyncio.new_event_loop

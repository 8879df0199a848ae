"""The web application: health, metrics and status, for whoever has access."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

import msgspec
from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from collector.status import Status
from collector.web.access import Access, refusal
from collector.web.health import health
from collector.web.metrics import CONTENT_TYPE, metrics_page
from collector.web.process import process_figures

log = logging.getLogger("logcollector")

# Nothing here is for browsers: they shall neither run, frame, keep nor guess.
SECURITY_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def make_app(snapshot: Callable[[], Status], access: Access) -> ASGIApp:
    """Return the application; `snapshot` is asked at each request."""

    async def get_health(_request: Request) -> Response:
        code, document = health(snapshot())
        return _json(document, code)

    async def get_metrics(_request: Request) -> Response:
        page = metrics_page(snapshot(), process_figures())
        return Response(page, headers={"content-type": CONTENT_TYPE})

    async def get_status(_request: Request) -> Response:
        return _json(snapshot())

    app = Starlette(
        routes=[
            Route("/health", get_health),
            Route("/metrics", get_metrics),
            Route("/status", get_status),
        ]
    )
    # A path is one of these or none at all.
    app.router.redirect_slashes = False
    return Gate(app, access)


class Gate:
    """Lets requests with access through, and marks all answers."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers[name] = value
                if message["status"] >= 400 and message["status"] != 503:
                    # Who has no access keeps no connection.
                    headers["Connection"] = "close"
            await send(message)

        refused = refusal(self._access, scope["method"], Headers(scope=scope))
        try:
            if refused is None:
                await self._app(scope, receive, marked)
                return
            challenge = {"WWW-Authenticate": "Bearer"} if refused.status == 401 else {}
            answer = PlainTextResponse(
                f"{refused.text}\n", refused.status, headers=challenge
            )
            await answer(scope, receive, marked)
        except Exception:  # the boundary of a request: a bug ends only this one
            log.exception("the answer to a request for %r failed", scope["path"][:100])


def _json(document: object, status: int = 200) -> Response:
    body = msgspec.json.encode(document) + b"\n"
    return Response(body, status, media_type="application/json")

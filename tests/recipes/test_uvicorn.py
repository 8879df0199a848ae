"""docs/recipes/uvicorn.md: two workers, errors and the access log."""

import pytest
from recipes.conftest import MakeRecipe
from recipes.recipe import get

pytestmark = pytest.mark.recipe


def test_the_page(make_recipe: MakeRecipe) -> None:
    """Both workers, the application, its traceback and the access log arrive."""
    recipe = make_recipe("uvicorn")
    recipe.write_all()
    server = recipe.start(
        *("-m", "uvicorn", "app:app", "--port", "0", "--workers", "2"),
        *("--log-config", "logging.json"),
    )
    address = server.wait_said(r"http://127\.0\.0\.1:\d+")[0]

    started = recipe.wait_message("Started server process", 2)
    recipe.wait_message("Application startup complete|ASGI 'lifespan'", 2)
    assert get(f"{address}/orders/7") == (200, "6 pieces\n")
    assert get(f"{address}/orders/0")[0] == 500

    workers = {row["process"] for row in started}
    assert len(workers) == 2
    (access,) = recipe.wait_message('"GET /orders/7 HTTP/1.1" 200')
    http = access["extra"]["http"]
    assert http.pop("client").startswith("127.0.0.1:")
    assert http == {"method": "GET", "path": "/orders/7", "status": 200}
    (error,) = recipe.wait_message("Exception in ASGI application")
    assert error["exc_text"].endswith(
        "ZeroDivisionError: integer division or modulo by zero"
    )
    (asked,) = recipe.wait_message("order 7 asked for")
    assert asked["extra"] == {"order": 7}
    assert {row["process"] for row in (access, error, asked)} <= workers
    recipe.check_shown()

    server.stop()
    recipe.wait_message("Finished server process", 2)


STARLETTE = """
import logging
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

async def order(request):
    log = logging.getLogger("shop.api")
    log.info("whole", extra={"request": request})
    http = {"method": request.method, "path": request.url.path}
    log.info("parts", extra={"http": http})
    return PlainTextResponse("6 pieces")

app = Starlette(routes=[Route("/orders/{number}", order)])
"""


def test_a_request_of_starlette_is_lost(make_recipe: MakeRecipe) -> None:
    """A whole Request costs the record, its parts arrive, as the page says."""
    recipe = make_recipe("uvicorn")
    recipe.write("logging.json")
    recipe.write("access_fields.py")
    recipe.write("app.py", STARLETTE)
    server = recipe.start(
        *("-m", "uvicorn", "app:app", "--port", "0", "--log-config", "logging.json")
    )
    address = server.wait_said(r"http://127\.0\.0\.1:\d+")[0]

    assert get(f"{address}/orders/7") == (200, "6 pieces")

    (parts,) = recipe.wait_message("parts")
    assert parts["extra"] == {"http": {"method": "GET", "path": "/orders/7"}}
    assert "Message: 'whole'" in server.said
    assert [row for row in recipe.rows() if row["message"] == "whole"] == []

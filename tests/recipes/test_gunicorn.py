"""docs/recipes/gunicorn.md: two workers, forked after the application is loaded."""

import pytest
from recipes.conftest import MakeRecipe
from recipes.recipe import get

pytestmark = pytest.mark.recipe


def test_the_page(make_recipe: MakeRecipe) -> None:
    """Master, workers, application and access log arrive, each worker by itself."""
    recipe = make_recipe("gunicorn")
    recipe.write_all()
    server = recipe.start("-m", "gunicorn", "--bind", "127.0.0.1:0", "app:app")
    address = server.wait_said(r"http://127\.0\.0\.1:\d+")[0]

    booted = recipe.wait_message("Booting worker", 2)
    assert get(f"{address}/orders/7") == (200, "6 pieces\n")
    assert get(f"{address}/orders/0")[0] == 500

    workers = {row["process"] for row in booted}
    assert len(workers) == 2
    (loaded,) = recipe.wait_message("application loaded")
    assert loaded["process"] == server.process.pid
    # One of the master's, and one of each worker.
    assert recipe.connections() == 3

    (access,) = recipe.wait_message(r'"GET /orders/7 HTTP/1\.1" 200')
    assert access["name"] == "gunicorn.access"
    http = access["extra"]["http"]
    assert http.pop("seconds") >= 0
    assert http == {"method": "GET", "path": "/orders/7", "status": 200}
    (error,) = recipe.wait_message("Error handling request")
    assert error["exc_text"].endswith(
        "ZeroDivisionError: integer division or modulo by zero"
    )
    assert {access["process"], error["process"]} <= workers
    recipe.check_shown()

    assert server.stop() == 0
    recipe.wait_message("Shutting down: Master")


def test_an_environ_is_lost(make_recipe: MakeRecipe) -> None:
    """A record with the WSGI environ is lost, as the page says."""
    recipe = make_recipe("gunicorn")
    recipe.write("gunicorn.conf.py")
    code = recipe.page.files["app.py"]
    assert code.count('extra={"order": number}') == 1
    recipe.write(
        "app.py", code.replace('extra={"order": number}', 'extra={"env": environ}')
    )
    server = recipe.start("-m", "gunicorn", "--bind", "127.0.0.1:0", "app:app")
    address = server.wait_said(r"http://127\.0\.0\.1:\d+")[0]

    assert get(f"{address}/orders/7")[0] == 200

    server.wait_said("TypeError: cannot pickle")
    recipe.wait_message('"GET /orders/7 HTTP/1.1" 200')
    assert [row for row in recipe.rows() if "asked for" in row["message"]] == []

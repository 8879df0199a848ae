"""docs/recipes/django.md: a project that `django-admin startproject` made."""

import json
import re
from typing import Any

import pytest
from recipes.conftest import MakeRecipe
from recipes.page import Page
from recipes.recipe import Recipe, Server, get

pytestmark = pytest.mark.recipe

STOCK = ("picklable.PicklableSocketHandler", "logging.handlers.SocketHandler")


def serve(recipe: Recipe, **changed: str) -> tuple[Server, str]:
    """Make the project and serve it; return the server and its address."""
    recipe.run("-m", "django", "startproject", "shop", ".")
    recipe.write("picklable.py", Page("extras").files["picklable.py"])
    for name, content in recipe.page.files.items():
        recipe.write(name, changed.get(name, content))
    recipe.run("manage.py", "migrate")
    server = recipe.start(
        "manage.py", "runserver", "--noreload", "127.0.0.1:0", PYTHONUNBUFFERED="1"
    )
    return server, server.wait_said(r"http://127\.0\.0\.1:\d+")[0]


def ask(address: str) -> None:
    """Ask for a page that works, one that fails, and one that isn't there."""
    assert get(f"{address}/orders/7") == (200, "6 pieces")
    assert get(f"{address}/orders/0")[0] == 500
    assert get(f"{address}/nowhere?x=1")[0] == 404


def test_the_page(make_recipe: MakeRecipe) -> None:
    """Views' records and Django's own arrive, with their requests as fields."""
    recipe = make_recipe("django")
    _, address = serve(recipe)

    ask(address)

    recipe.wait_message("Not Found")
    rows: list[dict[str, Any]] = [
        row for row in recipe.rows() if "http" in row["extra"]
    ]
    assert [row["name"] for row in rows] == [
        "shop.views",
        "shop.views",
        "django.request",
        "django.request",
    ]
    assert rows[0]["extra"] == {
        "http": {"method": "GET", "path": "/orders/7"},
        "order": 7,
        "request": "<WSGIRequest: GET '/orders/7'>",
    }
    assert rows[2]["extra"]["http"]["status"] == 500
    assert rows[2]["exc_text"].endswith(
        "ZeroDivisionError: integer division or modulo by zero"
    )
    assert rows[3]["level"] == "WARNING"
    assert not any(row["name"] == "django.server" for row in recipe.rows())
    recipe.check_shown()


def test_the_stock_handler_loses_what_django_reports(make_recipe: MakeRecipe) -> None:
    """With the stock handler each record with a request is lost, as the page says."""
    recipe = make_recipe("django")
    settings = recipe.page.files["shop/settings.py"].replace(*STOCK)
    server, address = serve(recipe, **{"shop/settings.py": settings})

    ask(address)

    server.wait_said(r"(?s)(TypeError: cannot pickle '\S+' object.*){4}")
    server.wait_said("GET /nowhere")
    assert [
        row
        for row in recipe.rows()
        if row["name"].startswith(("shop", "django.request"))
    ] == []


MODELS = """
import logging
from django.contrib.auth.models import User

user = User.objects.create(username="ada", password="the hash")
logging.getLogger("shop").info("whole user", extra={"user": user})
logging.getLogger("shop").info("all users", extra={"users": User.objects.all()})
"""


def test_models_and_statements(make_recipe: MakeRecipe) -> None:
    """A model arrives with all its columns, SQL with its duration, as the page says."""
    recipe = make_recipe("django")
    recipe.run("-m", "django", "startproject", "shop", ".")
    recipe.write("picklable.py", Page("extras").files["picklable.py"])
    recipe.write("shop/http_fields.py")
    recipe.write("shop/settings.py")
    recipe.run("manage.py", "migrate")
    (told,) = re.findall(
        r'`("loggers": .*)` *, only', recipe.page.text.replace("\n", " ")
    )
    recipe.write("shop/settings.py", f"LOGGING.update({{{told}}})\n")

    recipe.run("manage.py", "shell", "-c", MODELS)

    (row,) = recipe.wait_message("whole user")
    user = row["extra"]["user"]
    assert "the hash" in json.dumps(user)
    (row,) = recipe.wait_message("all users")
    assert "the hash" in json.dumps(row["extra"]["users"])
    (insert, *_) = recipe.wait_message("INSERT INTO .auth_user")
    assert insert["name"] == "django.db.backends"
    assert insert["extra"]["duration"] >= 0
    assert "the hash" in insert["extra"]["params"]

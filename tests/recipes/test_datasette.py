"""docs/recipes/datasette.md: a server beside a collector that goes on writing."""

import json
import re
import shlex
from typing import Any

import pytest
from integration.wire import stock_frame
from recipes.conftest import MakeRecipe
from recipes.recipe import Recipe, get

pytestmark = pytest.mark.recipe


def serve(recipe: Recipe, command: str) -> str:
    """Start Datasette with a command of the page; return its address."""
    server = recipe.start("-m", *shlex.split(command), "--port", "0")
    return server.wait_said(r"http://127\.0\.0\.1:\d+")[0]


def asked(address: str, path: str) -> Any:
    """Return what Datasette answers, decoded."""
    status, body = get(address + path)
    assert status == 200, body
    return json.loads(body)


def test_the_page(make_recipe: MakeRecipe, shop: bytes) -> None:
    """Each address that the page names works, and shows what comes while it runs."""
    recipe = make_recipe("datasette")
    recipe.write_all()
    recipe.daemon.send(shop)
    recipe.daemon.wait_rows(7)
    plain, command = [
        shown.command
        for shown in recipe.page.commands
        if shown.command.startswith("datasette ")
    ]
    assert command.startswith(plain)
    address = serve(recipe, command)

    paths = re.findall(r"^\| `(/\S+)` \|", recipe.page.text, re.MULTILINE)
    assert len(paths) == 5
    for path in ("/", "/logs", *paths):
        status, body = get(address + path)
        assert status == 200, (path, body)
    errors = asked(address, "/logs/logs.json?_shape=array&level=ERROR")
    assert [row["message"] for row in errors] == ["order 3 not stored"]

    recipe.daemon.send(stock_frame("one more", name="shop.web", user={"id": 42}))
    recipe.daemon.wait_rows(8)
    rows = asked(address, "/logs/logs.json?_shape=array&_sort_desc=id")
    assert rows[0]["message"] == "one more"

    curls = [s.command for s in recipe.page.commands if s.command.startswith("curl ")]
    found = [
        asked(address, shlex.split(curl)[1].removeprefix("http://127.0.0.1:8001"))
        for curl in curls
    ]
    assert [row["message"] for row in found[0]] == ["order 3 not stored"]
    assert [row["message"] for row in found[1]] == [
        "one more",
        "slow query",
        "order 2 taken",
        "order 1 taken",
    ]


def test_immutable_is_wrong_on_a_live_file(
    make_recipe: MakeRecipe, shop: bytes
) -> None:
    """What lies in the write-ahead log is missing with -i, as the page says."""
    recipe = make_recipe("datasette")
    recipe.daemon.send(shop)
    recipe.daemon.wait_rows(7)
    path = "/logs.json?_shape=array&sql=SELECT+count(*)+AS+records+FROM+logs"

    live = recipe.run("-m", "datasette", "logs.sqlite", "--get", path)
    immutable = recipe.run(
        "-m", "datasette", "-i", "logs.sqlite", "--get", path, status=1
    )

    assert json.loads(live.stdout) == [{"records": 7}]
    assert "no such table: logs" in immutable.stdout

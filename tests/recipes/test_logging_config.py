"""docs/recipes/logging-config.md: dictConfig, fileConfig, a queue between."""

import pytest
from recipes.conftest import MakeRecipe

pytestmark = pytest.mark.recipe


def test_the_page(make_recipe: MakeRecipe) -> None:
    """Configured by dictionary, by file or behind a queue, whole records arrive."""
    recipe = make_recipe("logging-config")
    recipe.write_all()

    console = recipe.run("app.py").stderr
    assert recipe.run("from_file.py").stderr == ""
    assert recipe.run("queued.py").stderr == ""

    rows = {row["message"]: row for row in map(dict, recipe.daemon.wait_rows(4))}
    assert len(rows) == 4
    assert console.startswith("order 8 not stored\nTraceback")
    assert rows["order 7 taken"]["lineno"] == 6
    assert rows["order 8 not stored"]["levelno"] == 40
    assert rows["mail to ada@example.org bounced"]["filename"] == "from_file.py"
    assert rows["stock of soap not counted"]["threadName"] == "MainThread"
    recipe.check_shown()

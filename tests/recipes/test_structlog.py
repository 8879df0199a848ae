"""docs/recipes/structlog.md: keys as fields, and structlog's console beside them."""

import pytest
from recipes.conftest import MakeRecipe
from recipes.page import agrees

pytestmark = pytest.mark.recipe


def test_the_page(make_recipe: MakeRecipe) -> None:
    """Bound keys and context arrive as fields, exceptions as tracebacks."""
    recipe = make_recipe("structlog")
    recipe.write_all()

    assert recipe.run("app.py").stderr == ""
    console = recipe.run("console.py").stdout

    recipe.daemon.wait_rows(3)
    taken, failed, both = recipe.rows()
    assert taken["extra"] == {
        "order": 7,
        "user": {"id": 42},
        "request_id": "a81f",
        "name_": "soap",
    }
    assert (taken["name"], taken["message"]) == ("shop.orders", "order taken")
    assert (taken["filename"], taken["lineno"]) == ("app.py", 10)
    assert failed["exc_text"].endswith(
        "ZeroDivisionError: integer division or modulo by zero"
    )
    assert both["extra"] == {"order": 9}
    (shown,) = (s for s in recipe.page.commands if s.command == "python console.py")
    assert agrees(console, shown.output), console
    recipe.check_shown()


def test_what_the_page_warns_of(make_recipe: MakeRecipe) -> None:
    """wrap_for_formatter makes one text of everything; a taken name raises KeyError."""
    recipe = make_recipe("structlog")
    logs = recipe.page.files["logs.py"]
    recipe.write("logs.py", logs.replace(
        "structlog.stdlib.render_to_log_kwargs",
        "structlog.stdlib.ProcessorFormatter.wrap_for_formatter",
    ))  # fmt: skip
    recipe.write("unrenamed.py", logs.replace("            free_names,\n", ""))
    recipe.write(
        "app.py",
        "import logs, structlog; logs.set_up(); log = structlog.get_logger('shop')\n"
        "log.info('order taken', order=7)\n",
    )
    recipe.write(
        "taken.py",
        "import unrenamed, structlog; unrenamed.set_up()\n"
        "structlog.get_logger('shop').info('order taken', name='soap')\n",
    )

    recipe.run("app.py")
    taken = recipe.run("taken.py", status=1)

    recipe.daemon.wait_rows(1)
    (row,) = recipe.rows()
    assert row["message"] == "{'order': 7, 'event': 'order taken'}"
    assert "order" not in row["extra"]
    assert "KeyError: \"Attempt to overwrite 'name' in LogRecord\"" in taken.stderr

"""docs/recipes/loguru.md: a sink that makes records as logging would."""

import json

import pytest
from recipes.conftest import MakeRecipe

pytestmark = pytest.mark.recipe


def test_the_page(make_recipe: MakeRecipe) -> None:
    """Message, fields, level, place and traceback arrive each by itself."""
    recipe = make_recipe("loguru")
    recipe.write_all()

    assert recipe.run("app.py").stderr == ""

    recipe.daemon.wait_rows(3)
    taken, sent, failed = recipe.rows()
    assert (taken["message"], taken["level"]) == ("order 7 taken", "INFO")
    assert taken["extra"] == {"user": {"id": 42}}
    assert (taken["filename"], taken["lineno"], taken["funcName"]) == (
        "app.py",
        7,
        "<module>",
    )
    assert (sent["level"], sent["levelno"]) == ("SUCCESS", 25)
    assert sent["extra"] == {"user": {"id": 42}, "order": 7}
    assert failed["message"] == "order not stored"
    assert failed["exc_text"].startswith("Traceback (most recent call last)")
    assert failed["exc_text"].endswith(
        "ZeroDivisionError: integer division or modulo by zero"
    )
    assert abs(taken["created"] - taken["received"]) < 10
    # One process is one origin, however many records it has.
    assert recipe.daemon.count("origins") == 1
    recipe.check_shown()


QUEUED = """
from loguru import logger
import logs

logger.remove()
logger.add(logs.to_collector, enqueue=True)
try:
    1 / 0
except ZeroDivisionError:
    logger.bind(name="taken").exception("queued")
"""


def test_a_queue_of_loguru(make_recipe: MakeRecipe) -> None:
    """With enqueue a traceback has no frames, as the page says; names stay."""
    recipe = make_recipe("loguru")
    recipe.write("logs.py")
    recipe.write("app.py", QUEUED)

    recipe.run("app.py")

    (row,) = recipe.daemon.wait_rows(1)
    assert row["exc_text"] == "ZeroDivisionError: division by zero"
    assert (row["name"], row["extra"]) == ("__main__", None)
    # Of the thread that logged, not of the one that sends.
    assert row["threadName"] == "MainThread"


def test_what_the_page_warns_of(make_recipe: MakeRecipe) -> None:
    """A SocketHandler as a sink gets lines, and extras below extra."""
    recipe = make_recipe("loguru")
    recipe.write(
        "app.py",
        "import logging.handlers\n"
        "from loguru import logger\n"
        "logger.add(logging.handlers.SocketHandler('localhost', 9020))\n"
        "logger.bind(user=42).info('order taken')\n",
    )

    recipe.run("app.py")

    (row,) = recipe.daemon.wait_rows(1)
    assert row["message"].endswith(" | __main__:<module>:4 - order taken")
    assert json.loads(row["extra"]) == {"extra": {"user": 42}}

"""What recipes are tested with: a daemon, and a page's files beside it."""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

# The same daemon as in the tests of the whole process.
from integration.conftest import StartDaemon, start_daemon
from integration.wire import stock_frame
from recipes.page import Page
from recipes.recipe import Recipe

__all__ = ["start_daemon"]

MakeRecipe = Callable[..., Recipe]


@pytest.fixture
def make_recipe(start_daemon: StartDaemon, tmp_path: Path) -> Iterator[MakeRecipe]:
    """Makes the recipe of a page beside a running daemon; all ends with the test.

    The daemon is started with `flags`.
    """
    made: list[Recipe] = []

    def make(name: str, *flags: str) -> Recipe:
        recipe = Recipe(Page(name), tmp_path, start_daemon(*flags))
        made.append(recipe)
        return recipe

    yield make
    for recipe in made:
        recipe.close()


@pytest.fixture
def shop() -> bytes:
    """Frames of seven records, for what reads the database."""
    begun = 1_700_000_000.25
    records: list[tuple[str, str, str, dict[str, Any]]] = [
        ("shop.web", "INFO", "order 1 taken", {"user": {"id": 42}, "ms": 19}),
        ("shop.web", "INFO", "order 2 taken", {"user": {"id": 42}, "ms": 41}),
        ("shop.db", "WARNING", "slow query", {"user": {"id": 7}, "ms": 830}),
        ("shop.db", "ERROR", "order 3 not stored", {"exc_text": "OSError: no space"}),
        ("shop.db", "WARNING", "slow query", {"user": {"id": 42}, "ms": 745}),
        ("shop.web", "INFO", "order 4 taken", {"user": {"id": 7}, "ms": 21}),
        ("mail", "INFO", "one mail sent", {}),
    ]
    return b"".join(
        stock_frame(
            message,
            name=name,
            levelname=level,
            levelno=logging.getLevelName(level),
            created=begun + number,
            **others,
        )
        for number, (name, level, message, others) in enumerate(records)
    )

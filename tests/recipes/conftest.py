"""What recipes are tested with: a daemon, and a page's files beside it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

# The same daemon as in the tests of the whole process.
from integration.conftest import StartDaemon, start_daemon
from recipes.page import Page
from recipes.recipe import Recipe

__all__ = ["start_daemon"]

MakeRecipe = Callable[[str], Recipe]


@pytest.fixture
def make_recipe(start_daemon: StartDaemon, tmp_path: Path) -> Iterator[MakeRecipe]:
    """Makes the recipe of a page, with a daemon that runs; nothing outlives the test."""
    made: list[Recipe] = []

    def make(name: str) -> Recipe:
        recipe = Recipe(Page(name), tmp_path, start_daemon())
        made.append(recipe)
        return recipe

    yield make
    for recipe in made:
        recipe.close()

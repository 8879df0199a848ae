"""docs/recipes/pandas.md: frames of the view, beside a collector that runs."""

import pytest
from recipes.conftest import MakeRecipe

pytestmark = pytest.mark.recipe

TYPES = """
from frames import read_logs

logs, extra = read_logs("logs.sqlite")
assert logs.index.equals(extra.index)
assert logs.index.tolist() == [1, 2, 3, 4, 5, 6, 7]
assert extra["user.id"].isna().sum() == 2
print(logs["created"].dtype, logs["created"].iloc[0].isoformat())

nothing, extra = read_logs("logs.sqlite", "name = ?", ["nobody"])
assert len(nothing) == len(extra) == 0
"""


def test_the_page(make_recipe: MakeRecipe, shop: bytes) -> None:
    """Extras are columns to count by, and what the index finds can be read as well."""
    recipe = make_recipe("pandas")
    recipe.write_all()
    recipe.daemon.send(shop)
    recipe.daemon.wait_rows(7)

    recipe.check_shown("python")


def test_types(make_recipe: MakeRecipe, shop: bytes) -> None:
    """Times are times with a zone, and both frames have the same rows, or none."""
    recipe = make_recipe("pandas")
    recipe.write("frames.py")
    recipe.write("types_shown.py", TYPES)
    recipe.daemon.send(shop)
    recipe.daemon.wait_rows(7)

    shown = recipe.run("types_shown.py").stdout

    assert shown.startswith("datetime64[")
    assert shown.endswith(", UTC] 2023-11-14T22:13:20.250000+00:00\n")

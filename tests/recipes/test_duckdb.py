"""docs/recipes/duckdb.md: the live database, a copy in columns, and found records."""

import pytest
from recipes.conftest import MakeRecipe

pytestmark = pytest.mark.recipe


def test_the_page(
    make_recipe: MakeRecipe, shop: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The view is a table of DuckDB while a collector writes."""
    import duckdb_ext

    recipe = make_recipe("duckdb")
    recipe.write_all()
    recipe.daemon.send(shop)
    recipe.daemon.wait_rows(7)
    # As INSTALL leaves it, which would download it.
    home = recipe.folder / "home"
    (home / ".duckdb").mkdir(parents=True)
    (extensions,) = duckdb_ext.__path__
    (home / ".duckdb" / "extensions").symlink_to(f"{extensions}/extensions")
    monkeypatch.setenv("HOME", str(home))

    (query,) = (s for s in recipe.page.commands if s.command.startswith("logcollector"))
    assert recipe.shell(query.command).stdout == ""

    recipe.check_shown("python")

"""docs/recipes/pytest.md: a run of its own, with two workers."""

import pytest
from recipes.conftest import MakeRecipe

pytestmark = pytest.mark.recipe


@pytest.mark.parametrize("workers", [0, 2])
def test_the_page(make_recipe: MakeRecipe, workers: int) -> None:
    """Records come with their test and worker, failures with their traceback."""
    recipe = make_recipe("pytest")
    recipe.write_all()

    done = recipe.run("-m", "pytest", "-n", str(workers), status=1)

    assert "1 failed, 1 passed" in done.stdout
    (taken,) = recipe.wait_message("order 7 taken")
    (packing,) = recipe.wait_message("packing order 0")
    (failed,) = recipe.wait_message("test_packing failed in")
    assert taken["extra"]["test"]["id"] == "test_shop.py::test_taking"
    assert packing["extra"]["test"]["phase"] == "call"
    assert failed["name"] == "pytest"
    assert "ZeroDivisionError" in failed["exc_text"]
    assert failed["extra"]["test"] == packing["extra"]["test"]
    names = {row["extra"]["test"]["worker"] for row in (taken, packing)}
    assert names == ({"gw0", "gw1"} if workers else {"main"})
    assert len({row["extra"]["test"]["run"] for row in (taken, packing)}) == 1
    if workers:
        recipe.check_shown()

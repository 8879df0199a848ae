"""docs/recipes/multiprocessing.md: forked and spawned children."""

import pytest
from recipes.conftest import MakeRecipe

pytestmark = pytest.mark.recipe


def test_the_page(make_recipe: MakeRecipe) -> None:
    """Each child's records arrive, whole and with its own process."""
    recipe = make_recipe("multiprocessing")
    recipe.write_all()

    recipe.run("forked.py")
    recipe.run("spawned.py")

    recipe.daemon.wait_rows(1 + 60 + 10 + 1)
    rows = recipe.rows()
    forked = [row for row in rows if row["name"] == "shop.forked"]
    parent, *children = sorted(forked, key=lambda row: row["created"])
    assert parent["message"] == "counting begins"
    assert sorted(row["extra"]["part"] for row in children) == list(range(60))
    assert parent["process"] not in {row["process"] for row in children}
    spawned = [row for row in rows if row["name"] == "shop.spawned"]
    assert sorted(row["message"] for row in spawned) == [
        f"part {n} counted" for n in range(10)
    ]
    assert all(row["processName"].startswith("SpawnProcess-") for row in spawned)
    (failed,) = (row for row in rows if row["level"] == "ERROR")
    assert "_RemoteTraceback" in failed["exc_text"]
    assert "in work" in failed["exc_text"]
    assert recipe.daemon.count("rejects") == 0
    recipe.check_shown()


@pytest.mark.parametrize(("closing", "connections"), [(True, 1 + 3), (False, 1)])
def test_forked_children_connect_for_themselves(
    make_recipe: MakeRecipe, closing: bool, connections: int
) -> None:
    """Of three children at once each has its connection; else all have the parent's."""
    recipe = make_recipe("multiprocessing")
    code = recipe.page.files["forked.py"]
    # All are at work at once, and then wait to be ended.
    for there, here in (
        ("def work", "gate = multiprocessing.get_context('fork').Barrier(3)\ndef work"),
        ('    log.info("part', '    gate.wait()\n    log.info("part'),
        ("range(60), chunksize=1)", "range(3), chunksize=1)\n        time.sleep(600)"),
        ("import os", "import os, time"),
    ):
        assert code.count(there) == 1
        code = code.replace(there, here)
    if not closing:
        line = "os.register_at_fork(after_in_child=handler.close)\n"
        assert line in code
        code = code.replace(line, "")
    recipe.write("forked.py", code)

    recipe.start("forked.py")

    recipe.daemon.wait_rows(1 + 3)
    assert recipe.connections() == connections

"""docs/recipes/celery.md: a real worker with two processes, its broker a folder."""

import pytest
from recipes.conftest import MakeRecipe
from recipes.recipe import Recipe, Server

pytestmark = pytest.mark.recipe

# Needs no other process: messages are files.
BROKER = """
broker_url = "filesystem://"
broker_transport_options = {
    "data_folder_in": "queue",
    "data_folder_out": "queue",
    "control_folder": "control",
    "polling_interval": 0.05,
}
worker_enable_remote_control = False
task_ignore_result = True
"""

# What the page warns of.
AT_IMPORT = """
import logging, logging.handlers
handler = logging.handlers.SocketHandler("localhost", 9020)
logging.basicConfig(level="INFO", handlers=[handler])
"""


def work(recipe: Recipe) -> Server:
    """Start a worker, and wait until it takes tasks."""
    recipe.write("celeryconfig.py", BROKER)
    (recipe.folder / "queue").mkdir()
    server = recipe.start(
        *("-m", "celery", "-A", "tasks", "worker", "--concurrency", "2"),
        *("--loglevel", "INFO", "--without-gossip", "--without-mingle"),
        C_FORCE_ROOT="1",
    )
    server.wait_said(r"celery@\S+ ready\.")
    return server


def test_the_page(make_recipe: MakeRecipe) -> None:
    """A task's records come with the task, and so does what Celery tells of it."""
    recipe = make_recipe("celery")
    recipe.write_all()
    server = work(recipe)

    recipe.run("-c", "from tasks import pack; pack.delay(7)")
    (done,) = recipe.wait_message(r"Task tasks\.pack\[.*\] succeeded")
    recipe.run("-c", "from tasks import pack; pack.delay(0)")
    (failed,) = recipe.wait_message(r"Task tasks\.pack\[.*\] raised unexpected")

    (packing,) = recipe.wait_message("packing order 7")
    assert packing["name"] == "tasks"
    assert packing["extra"]["order"] == 7
    assert packing["extra"]["celery"] == done["extra"]["celery"]
    assert done["extra"]["data"]["return_value"] == "6"
    assert failed["exc_text"].endswith(
        "ZeroDivisionError: integer division or modulo by zero"
    )
    assert failed["extra"]["data"]["args"] == "(0,)"
    assert "traceback" not in failed["extra"]["data"]
    (received, _) = recipe.wait_message(r"Task tasks\.pack\[.*\] received", 2)
    assert received["extra"]["data"]["id"] == done["extra"]["celery"]["id"]
    assert received["process"] == server.process.pid
    assert {done["process"], failed["process"]}.isdisjoint({server.process.pid})
    recipe.check_shown()

    hidden = "from tasks import pack; pack.apply_async((9,), argsrepr='(hidden)')"
    recipe.run("-c", hidden)
    (_, done) = recipe.wait_message(r"Task tasks\.pack\[.*\] succeeded", 2)
    assert done["extra"]["data"]["args"] == "(hidden)"
    # The parent's, and one of each process that has logged.
    workers = {row["process"] for row in recipe.wait_message("packing order", 3)}
    assert recipe.connections() == 1 + len(workers)


def test_a_handler_of_an_import_is_taken_away(make_recipe: MakeRecipe) -> None:
    """What is on root before the worker starts gets nothing, as the page says."""
    recipe = make_recipe("celery")
    recipe.write("logs.py", AT_IMPORT)
    recipe.write("tasks.py")
    server = work(recipe)

    recipe.run("-c", "from tasks import pack; pack.delay(7)")
    server.wait_said(r"Task tasks\.pack\[.*\] succeeded")

    recipe.daemon.stop()
    names = {row["name"] for row in recipe.rows()}
    assert [n for n in names if n.startswith(("tasks", "celery"))] == []

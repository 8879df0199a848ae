"""docs/recipes/extras.md: what can't be pickled, and what shouldn't be."""

from pathlib import Path

import pytest
from certificates import Authority, tls_flags
from recipes.conftest import MakeRecipe
from recipes.page import agrees

pytestmark = pytest.mark.recipe


def test_the_page(make_recipe: MakeRecipe) -> None:
    """A record with an open file is lost, said on stderr; by the handler it isn't."""
    recipe = make_recipe("extras")
    recipe.write_all()

    lost = recipe.run("upload.py")
    fixed = recipe.run("fixed.py")
    recipe.run("whole.py")

    (shown,) = (s for s in recipe.page.commands if s.command == "python upload.py")
    assert agrees(lost.stderr, shown.output), lost.stderr
    assert fixed.stderr == ""
    recipe.daemon.wait_rows(5)
    recipe.check_shown()
    assert recipe.daemon.count("rejects") == 0


MISCHIEF = """
import logging, threading
from picklable import PicklableSocketHandler

handler = PicklableSocketHandler("localhost", 9020)
logging.basicConfig(level="INFO", handlers=[handler])

class Slotted:
    __slots__ = ("a",)

seen = []
class Other(logging.Handler):
    def emit(self, record):
        seen.append(record.lock)
logging.getLogger().addHandler(Other())

lock = threading.Lock()
try:
    1 / 0
except ZeroDivisionError:
    logging.exception("%s of %s", "one", 2, extra={"lock": lock, "n": 7, "deep": {
        "fine": [1, 2], "function": lambda: 1, "slotted": Slotted()}})
assert seen == [lock]
logging.info("%d", "no number", extra={"lock": lock})
"""


def test_what_the_handler_keeps(make_recipe: MakeRecipe) -> None:
    """Message, traceback and what can be pickled stay; others see the object."""
    recipe = make_recipe("extras")
    recipe.write("picklable.py")
    recipe.write("mischief.py", MISCHIEF)

    done = recipe.run("mischief.py")

    (row,) = recipe.wait_message("one of 2")
    assert row["exc_text"].endswith("ZeroDivisionError: division by zero")
    extra = row["extra"]
    assert extra["lock"].startswith("<unlocked _thread.lock")
    assert extra["n"] == 7
    assert extra["deep"]["fine"] == [1, 2]
    assert extra["deep"]["function"].startswith("<function <lambda>")
    assert extra["deep"]["slotted"].startswith("<__main__.Slotted object")
    # What can't be formatted is still told as ever.
    assert "TypeError: %d format" in done.stderr


def test_the_handler_with_tls(make_recipe: MakeRecipe, tmp_path: Path) -> None:
    """Derived from the handler with TLS it does the same, as the page says."""
    authority = Authority(tmp_path)
    cert = authority.issue("server", "localhost", "127.0.0.1")
    recipe = make_recipe("extras", *tls_flags(cert))
    code = recipe.page.files["picklable.py"]
    stock = "(logging.handlers.SocketHandler)"
    assert code.count(stock) == 1
    recipe.write(
        "picklable.py",
        "import collector\n" + code.replace(stock, "(collector.TLSSocketHandler)"),
    )
    recipe.write(
        "app.py",
        "import logging\n"
        "from picklable import PicklableSocketHandler\n"
        f"handler = PicklableSocketHandler('localhost', 9020, {str(authority.ca)!r})\n"
        "logging.getLogger('shop').addHandler(handler)\n"
        "logging.getLogger('shop').error('kept', extra={'function': lambda: 1})\n",
    )

    assert recipe.run("app.py").stderr == ""

    (row,) = recipe.wait_message("kept")
    assert row["extra"]["function"].startswith("<function <lambda>")

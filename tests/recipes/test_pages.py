"""Pages of docs/recipes: each is tested, in the index, and leads somewhere."""

import ast
import json
import re
from pathlib import Path

import pytest
from recipes.page import FOLDER, Page, agrees

PAGES = sorted(path.stem for path in FOLDER.glob("*.md") if path.stem != "README")
INDEX = (FOLDER / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", PAGES)
def test_each_page_has_its_test(name):
    """A page is in the index, and a test with its name runs it."""
    test = Path(__file__).with_name(f"test_{name.replace('-', '_')}.py")

    assert f"[{name}.md]({name}.md)" in INDEX
    assert f'make_recipe("{name}")' in test.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", PAGES)
def test_what_is_pasted_is_whole(name):
    """Each block to paste names its file, and is Python or JSON by itself."""
    page = Page(name)

    assert not re.findall(r"^```(?:python|json|ini)$", page.text, re.MULTILINE)
    for file, content in page.files.items():
        if file.endswith(".py"):
            ast.parse(content)
        elif file.endswith(".json"):
            json.loads(content)


@pytest.mark.parametrize(
    ("actual", "shown", "same"),
    [
        ("a\nb\n", "a\nb", True),
        ("a\nb\n", "a\nc", False),
        ("a\nb\n", "a", False),
        ("a\nb\nc\nd\n", "a\n...\nd\n", True),
        ("a\nd\n", "a\n...\nd\n", True),
        ("a\nb\n", "...\nc\n", False),
        ("2026-11-28 00:30:00.123 x", "2020-01-01 10:00:00.000 x", True),
        ("2026-11-28 00:30:00.123 x", "2020-01-01 10:00:00.000 y", False),
        ("shop web-1[7]  took 3", "shop vm[4711]  took 3", True),
        ("shop web-1[7]  took 3", "shop vm[4711]  took 4", False),
        ("    | x\n    |   ~~^~~\n    | y", "    | x\n    | ...\n    | y", True),
    ],
)
def test_outputs_are_compared(actual, shown, same):
    """An output agrees but for times, processes and what is left out by `...`."""
    assert agrees(actual, shown) is same

"""The documents say what the program does."""

import re
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from collector import ServerContext
from collector.cli.db import group as db
from collector.cli.main import COMMANDS
from collector.cli.rejects import group as rejects
from collector.config import load_settings
from collector.config_toml import as_toml
from collector.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
SETTINGS = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize(
    "field", msgspec.structs.fields(Settings), ids=lambda f: f.name
)
def test_every_setting_is_in_its_table(field):
    """Each setting is named in the table of docs/settings.md."""
    assert f"`{field.name}`" in SETTINGS


GROUPS = {"db": db.COMMANDS, "rejects": rejects.COMMANDS}


@pytest.mark.parametrize(
    "command",
    [
        *(name for name in COMMANDS if name not in ("config", *GROUPS)),
        *(f"{group} {name}" for group, names in GROUPS.items() for name in names),
    ],
)
def test_every_command_is_in_the_readme(command):
    """Each command has its row in the README."""
    assert f"| `logcollector {command}` |" in README


def test_the_example_file_has_all_defaults():
    """config.example.toml is what `config show --defaults` prints."""
    example = (ROOT / "config.example.toml").read_text(encoding="utf-8")
    assert example == as_toml(Settings())


def test_the_readmes_settings_are_valid(tmp_path):
    """The README's settings file can be pasted as it is."""
    file = tmp_path / "config.toml"
    file.write_text(re.search(r"```toml\n(.*?)```", README, re.DOTALL)[1], "utf-8")
    settings = load_settings(file=file)
    assert len(settings.listeners()) == 2
    assert settings.retention_max_age == "90d"


def test_the_readme_opens_with_the_two_commands():
    """The first code block is `make run` and `make test`, which the Makefile has."""
    block = re.search(r"(?:^    .*\n)+", README, re.MULTILINE)[0]
    targets = re.findall(r"^    make (\w+)", block, re.MULTILINE)
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert targets == ["run", "test"]
    assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in targets)


def test_ci_calls_the_readmes_test_command():
    """What lands has passed the command that the README gives."""
    assert "\nmake test\n" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_the_client_is_five_lines_and_runs_here(tmp_path, capfd):
    """The README's first Python block is a client of five lines that works."""
    client = re.search(r"```python\n(.*?)```", README, re.DOTALL)[1]
    assert len(client.splitlines()) == 5
    script = tmp_path / "app.py"
    with ServerContext(tmp_path / "logs.sqlite", port=0) as server:
        script.write_text(client.replace("9020", str(server.port)), encoding="utf-8")
        subprocess.run([sys.executable, "-I", script], check=True)
    lines = capfd.readouterr().out.splitlines()
    assert [line.split()[1:3] for line in lines] == [
        ["root", "INFO"],
        ["myapp.area1", "DEBUG"],
        ["myapp.area2", "ERROR"],
    ]
    assert lines[2].endswith('wizards jump quickly. {"user":{"id":42}}')


def anchors(path: Path) -> set[str]:
    """Return what links may name behind # in a page."""
    headings = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {
        re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-")
        for heading in headings
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_lead_somewhere(page):
    """Each relative link leads to a file, and to a heading that it has."""
    text = page.read_text(encoding="utf-8")
    for target, anchor in re.findall(r"\]\(([^)#:]*)#?([^):]*)\)", text):
        there = page.parent / target if target else page
        assert there.exists(), target
        assert not anchor or anchor in anchors(there), (target, anchor)


def test_every_page_is_found_from_the_readme():
    """The README leads to each page of docs, or to the list of recipes."""
    linked = set(re.findall(r"\]\(([^)#:]+)", README))
    pages = {page.relative_to(ROOT).as_posix() for page in PAGES[1:]}
    assert {each for each in pages if "recipes/" not in each} <= linked
    assert "docs/recipes/README.md" in linked

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
from collector.config_toml import as_toml
from collector.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "field", msgspec.structs.fields(Settings), ids=lambda f: f.name
)
def test_every_setting_is_in_the_readme(field):
    """Each setting is named in the README's table."""
    assert f"`{field.name}`" in README


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


def test_links_lead_somewhere():
    """Each relative link of the README leads to a file."""
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).exists(), target

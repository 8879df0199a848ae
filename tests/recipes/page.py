"""Pages of docs/recipes: what they give to paste, and what they show.

A block whose first line names a file behind the language (```` ```python app.py ````)
is pasted into that file, after what an earlier block put there. A `console` block
holds commands behind `$ `, each with its output below it.
"""

import re
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent.parent / "docs" / "recipes"
BLOCK = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)

# What differs from run to run, and what stands for it on both sides.
VARYING = (
    (re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d([.,]\d+)?(\+00:00)?"), "<time>"),
    (re.compile(r"[\w.-]+\[\d+\]"), "<host>[<pid>]"),
    (re.compile(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"), "<uuid>"),
    (re.compile(r"\b[0-9a-f]{32}\b"), "<uuid>"),
    (re.compile(r"\bgw\d\b"), "gw<number>"),
    (re.compile(r"127\.0\.0\.1:\d+"), "127.0.0.1:<port>"),
    (re.compile(r"\b0x[0-9a-f]{6,}\b"), "<address>"),
    (re.compile(r"ForkPoolWorker-\d+"), "ForkPoolWorker-<number>"),
    (re.compile(r"\d\d/[A-Z][a-z]{2}/\d{4}:[\d:]+"), "<time>"),
    (re.compile(r"\b\d+\.\d{3,}(e-\d+)?"), "<real>"),
    (re.compile(r"(pid|process|worker)([\"=: ]+)\d+\b"), r"\1\2<pid>"),
    # How protocol 1 names it depends on the Python.
    (re.compile(r"'_io\.BufferedReader' object"), "'BufferedReader' object"),
    # Where an error is underlined depends on the Python.
    (re.compile(r"^[ |]*[~^]+\n", re.MULTILINE), ""),
    (re.compile(r" +$", re.MULTILINE), ""),
)


@dataclass(frozen=True, slots=True)
class Shown:
    """A command of a page, and its output there."""

    command: str
    output: str


class Page:
    """One page."""

    def __init__(self, name: str) -> None:
        self.path = FOLDER / f"{name}.md"
        self.text = self.path.read_text(encoding="utf-8")
        self._blocks: list[tuple[str, str, str]] = BLOCK.findall(self.text)

    @property
    def files(self) -> dict[str, str]:
        """What to paste, by the file that it goes into."""
        files: dict[str, str] = {}
        for _, name, content in self._blocks:
            if name:
                files[name] = files.get(name, "") + content
        return files

    @property
    def commands(self) -> list[Shown]:
        """The commands, in their order."""
        commands = []
        for language, _, content in self._blocks:
            if language == "console":
                for part in content.removeprefix("$ ").split("\n$ "):
                    command, _, output = part.partition("\n")
                    commands.append(Shown(command, output))
        return commands


def settled(text: str) -> str:
    """Return `text` with the same word for all that differs from run to run."""
    for pattern, word in VARYING:
        text = pattern.sub(word, text)
    return text.strip("\n")


def agrees(actual: str, shown: str) -> bool:
    """Tell whether a page shows this output; its lines of `...` are any lines."""
    parts = re.split(
        r"^(?:    \| )?\.\.\.\n", settled(shown) + "\n", flags=re.MULTILINE
    )
    pattern = "(?:.*\n)*?".join(map(re.escape, parts))
    return re.fullmatch(pattern, settled(actual) + "\n") is not None

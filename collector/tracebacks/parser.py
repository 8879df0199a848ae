"""Tracebacks in texts, read line by line.

Python's own formats of 3.11 and later: chains, groups, carets, notes, the
place of a SyntaxError, cut-off recursion. They may be pasted anywhere into a
text, and each line of them may stand behind a margin: an indent, bars, the
prefix of a logger. The margin is what stands before the first frame. What is
indented by four is source, and never looked at; what follows the exception's
line is its message, until another traceback begins.

Texts come from the network. Reading one takes a time in proportion to its
length, and never fails.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from collector.tracebacks.exception_line import type_and_message
from collector.tracebacks.lines import lines_of
from collector.tracebacks.raised import Frame, Link, Raised, Traceback

HEADER: Final = "Traceback (most recent call last):"

MAX_RAISED: Final = 64
MAX_FRAMES: Final = 2_000
MAX_MESSAGE_CHARS: Final = 2_000

# Margins that are no text.
_MARGIN: Final = " |\t"

_GROUP: Final = "Exception Group "
_LINKS: Final[dict[str, Link]] = {
    "The above exception was the direct cause of the following exception:": "cause",
    "During handling of the above exception, another exception occurred:": "context",
}
_LINK_ENDS: Final = "exception:", "occurred:"

# The second is loguru's, which marks the frame that caught the exception.
_FRAME_START: Final = re.compile(r'(?:  |> )File "')
_FRAME: Final = re.compile(r'(?:  |> )File "(.*)", line (\w{1,10})(?:, in (.*))?')
_RULE: Final = re.compile(r"\+-{16} (?:\d{1,6}|\.\.\.) -{16}\Z")
_END_RULE: Final = re.compile(r"\+-{36}\Z")

Phase: TypeAlias = Literal["outside", "begun", "frames", "message", "linked", "member"]


def traceback_in(text: str) -> Traceback | None:
    """Return the traceback that stands somewhere in a text, None without one."""
    return cut_off_in(text) if HEADER in text else None


def cut_off_in(text: str) -> Traceback | None:
    """Return the same where a traceback may have lost its first lines."""
    parser = _Parser()
    for line in lines_of(text):
        parser.feed(line)
    return parser.result()


@dataclass(slots=True)
class _Block:
    """An exception while it is read."""

    link: Link
    depth: int
    margin: str
    type: str = ""
    message: list[str] = field(default_factory=list)
    chars: int = 0
    frames: list[Frame] = field(default_factory=list)

    def add_frame(self, frame: Frame) -> None:
        # The last frame tells most.
        if len(self.frames) >= MAX_FRAMES:
            self.frames.pop()
        self.frames.append(frame)

    def add_line(self, line: str) -> None:
        if self.chars < MAX_MESSAGE_CHARS:
            self.message.append(line[: MAX_MESSAGE_CHARS - self.chars])
            self.chars += len(line) + 1

    def raised(self) -> Raised:
        return Raised(
            type=self.type,
            message="\n".join(self.message).rstrip("\n"),
            frames=tuple(self.frames),
            link=self.link,
            depth=self.depth,
        )

    def has_anything(self) -> bool:
        return bool(self.type or self.frames or self.message)


class _Parser:
    """Takes lines, and gives the exceptions in them."""

    def __init__(self) -> None:
        self._blocks: list[_Block] = []
        self._block = _Block("first", 0, "")
        self._phase: Phase = "outside"
        # What the next exception is to the ones before.
        self._link: Link | None = None
        # What stood before the line that said so, and that line and what follows
        # it: a message may have the same words in it.
        self._margin = ""
        self._held: list[str] = []
        # Columns of the rules that the open groups have drawn.
        self._columns: list[int] = []
        # The first line that may be an exception's, before anything else.
        self._preamble: tuple[str, str] | None = None

    def result(self) -> Traceback | None:
        raised = [block.raised() for block in self._blocks if block.has_anything()]
        return Traceback(tuple(raised)) if raised else None

    def feed(self, line: str) -> None:
        """Take the next line."""
        if self._phase == "begun" and self._first_line(line):
            return
        if self._phase == "frames" and self._line_of_stack(line):
            return
        if self._mark(line):
            return
        if self._phase == "message":
            self._block.add_line(_inside(line, self._block.margin))
        elif self._phase in ("linked", "member"):
            self._line_without_header(line)
        elif not self._blocks:
            self._line_before(line)

    def _first_line(self, line: str) -> bool:
        """Take the line below a header; tell whether it belongs to it."""
        if not line.strip(_MARGIN):
            return True
        start = _FRAME_START.search(line)
        if start is not None:
            self._block.margin = line[: start.start()]
            self._phase = "frames"
            return self._line_of_stack(line)
        if self._exception(_inside(line, self._block.margin)):
            return True
        self._phase = "outside"
        return False

    def _line_of_stack(self, line: str) -> bool:
        """Take a line that is a frame's or the exception's; tell whether it is."""
        rest = _behind(line, self._block.margin)
        if rest is None:
            # The traceback is cut off here.
            self._phase = "outside"
            return False
        if not rest or rest.startswith("    "):
            return True
        if frame := _frame(rest):
            self._block.add_frame(frame)
            return True
        if self._exception(rest):
            # Its message may be another traceback.
            return not _is_header(rest)
        if _is_header(rest) or _link(rest) or _RULE.search(rest):
            return False
        if not rest[0].isspace():
            self._block.add_line(rest)
            self._phase = "message"
        return True

    def _exception(self, line: str) -> bool:
        found = type_and_message(line)
        if found is None:
            return False
        self._name(found)
        return True

    def _name(self, found: tuple[str, str]) -> None:
        self._block.type, message = found
        self._block.add_line(message)
        self._phase = "message"

    def _mark(self, line: str) -> bool:
        """Take what begins or ends an exception; tell whether it does."""
        if _is_header(line):
            # A group's header stands beside the first corner of its margin.
            prefix = line[: line.rindex(HEADER)].removesuffix(_GROUP)
            self._open(prefix.replace("+", "|"))
            self._phase = "begun"
            return True
        if line.endswith("-"):
            return self._rule(line)
        if link := _link(line):
            self._take_preamble()
            if self._blocks:
                self._link, self._margin = link
                self._held = [line]
                self._phase = "linked"
            return True
        return False

    def _open(self, prefix: str) -> None:
        """Begin an exception whose first line stands behind a prefix."""
        # The end of all groups is drawn once.
        while self._columns and prefix[self._columns[-1] :][:1] != "|":
            self._columns.pop()
        if self._blocks and not self._block.has_anything():
            # A header with nothing below it was only words.
            self._link = self._blocks.pop().link
        link = self._link or ("quoted" if self._blocks else "first")
        self._link = None
        self._block = _Block(link, len(self._columns), prefix)
        if len(self._blocks) < MAX_RAISED:
            self._blocks.append(self._block)
        else:
            # The last one tells most.
            self._blocks[-1] = self._block

    def _bare(self, prefix: str, found: tuple[str, str]) -> None:
        """Take an exception that has no stack."""
        self._open(prefix)
        self._name(found)

    def _take_preamble(self) -> None:
        if not self._blocks and self._preamble is not None:
            self._bare("", self._preamble)

    def _rule(self, line: str) -> bool:
        """Take a line that a group draws around its exceptions."""
        begins = _RULE.search(line)
        found = begins or _END_RULE.search(line)
        if found is None:
            return False
        self._take_preamble()
        column = found.start()
        while self._columns and self._columns[-1] >= column:
            self._columns.pop()
        if begins is None:
            self._phase = "outside"
        else:
            self._columns.append(column)
            self._link, self._margin = "member", line[:column]
            self._held = []
            self._phase = "member"
        return True

    def _line_without_header(self, line: str) -> None:
        """Take a line where an exception is expected."""
        text = _inside(line, self._margin).strip(_MARGIN)
        self._held.append(line)
        if not text:
            return
        if found := type_and_message(text):
            self._bare(line[: line.rindex(text)], found)
        elif self._link == "member":
            # It says how many members are not shown.
            self._link = None
            self._phase = "outside"
        else:
            self._link = None
            self._phase = "message"
            for held in self._held:
                self._block.add_line(_inside(held, self._block.margin))

    def _line_before(self, line: str) -> None:
        """Take a line where nothing has begun yet."""
        if self._preamble is None:
            self._preamble = type_and_message(line.strip(_MARGIN))
        start = _FRAME_START.search(line)
        if start is None:
            return
        frame = _frame(line[start.start() :])
        if frame is not None and frame.function:
            # The first lines are lost.
            self._open(line[: start.start()])
            self._block.add_frame(frame)
            self._phase = "frames"


def _is_header(line: str) -> bool:
    return line.rstrip().endswith(HEADER)


def _link(line: str) -> tuple[Link, str] | None:
    """Return the link that a line tells of, and the margin in front of it."""
    line = line.rstrip()
    if line.endswith(_LINK_ENDS):
        for text, link in _LINKS.items():
            if line.endswith(text):
                return link, line.removesuffix(text)
    return None


def _frame(rest: str) -> Frame | None:
    found = _FRAME.fullmatch(rest.rstrip())
    if found is None:
        return None
    file, line, function = found.groups()
    number = int(line) if line.isascii() and line.isdigit() else 0
    return Frame(file, number, function or "")


def _inside(line: str, margin: str) -> str:
    """Return what stands behind a margin, the whole line if it has another one."""
    rest = _behind(line, margin)
    return line if rest is None else rest


def _behind(line: str, margin: str) -> str | None:
    """Return what stands behind a margin, None where it ends before that."""
    if line.startswith(margin):
        return line[len(margin) :]
    if not line.strip(_MARGIN):
        return ""
    # Loggers' prefixes differ in their times.
    if margin.strip(_MARGIN) and len(line) >= len(margin.rstrip()):
        return line[len(margin) :]
    return None

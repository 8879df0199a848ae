"""What a traceback says: exceptions that were raised, each with its frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

# How an exception came to stand where it does in a text: it is what the text
# begins with; the one before it is its cause, or was being handled; it is one
# of a group; it stands in the message of another.
Link: TypeAlias = Literal["first", "cause", "context", "member", "quoted"]


class Frame(NamedTuple):
    """One frame of a stack, as the text has it.

    `function` is empty where the text names none: in the place that a
    SyntaxError is about, and in stacks of other languages.
    """

    file: str
    line: int
    function: str


@dataclass(frozen=True, slots=True)
class Raised:
    """One exception: `type` as written, with its module; '' where it is cut off.

    `message` has all that stands below it, notes included, but is cut where
    it is long. `depth` is in how many exception groups it is.
    """

    type: str
    message: str
    frames: tuple[Frame, ...]
    link: Link = "first"
    depth: int = 0


@dataclass(frozen=True, slots=True)
class Traceback:
    """All exceptions of a text, one at least, in the order they stand there."""

    raised: tuple[Raised, ...]

    @property
    def main(self) -> Raised:
        """The exception that the text is about: the one that was not caught."""
        outer = [
            each for each in self.raised if not each.depth and each.link != "quoted"
        ]
        # What has lost its end, or its beginning, tells less.
        named = [each for each in outer if each.type]
        return (named or outer or self.raised)[-1]

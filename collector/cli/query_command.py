"""A command whose arguments are a query."""

from __future__ import annotations

import itertools
import re
from typing import Final

import click

# Options of one letter may have a number right behind, as in -n5, and no word.
_WORD_WITH_MINUS: Final = re.compile(r"-[A-Za-z]\D.*", re.DOTALL)


class QueryCommand(click.Command):
    """A command whose query may begin with a minus."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse; an unknown option may be a word to exclude."""
        hint = (
            "To leave out a word, write -- in front of the query: "
            f"{ctx.command_path} -- error -retry"
        )
        before = ""
        for argument in itertools.takewhile("--".__ne__, args):
            # `-green` would be -g with a value, and nobody would notice.
            if _WORD_WITH_MINUS.fullmatch(argument) and not self._has_value(before):
                raise click.UsageError(f"No such option {argument!r}. {hint}", ctx)
            before = argument
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            more = "" if error.option_name.startswith("--") else f" {hint}"
            raise click.UsageError(f"{error.format_message()}{more}", ctx) from None

    def _has_value(self, argument: str) -> bool:
        """Tell whether an argument is an option whose value comes next."""
        return any(
            argument in option.opts and not option.is_flag
            for option in self.params
            if isinstance(option, click.Option)
        )

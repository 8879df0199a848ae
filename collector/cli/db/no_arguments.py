"""A command about a database, which is named by an option."""

from __future__ import annotations

import click


class NoArguments(click.Command):
    """A command without arguments: a file's name is told to belong behind --db."""

    allow_extra_args = True

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse; what is left over is a mistake."""
        super().parse_args(ctx, args)
        if ctx.args and not ctx.resilient_parsing:
            ctx.fail(
                f"Got unexpected extra argument ({ctx.args[0]}). A database is named "
                f"by --db: {ctx.command_path} --db {ctx.args[0]}"
            )
        return ctx.args

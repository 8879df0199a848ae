"""`logcollector completion`: the line that makes a shell complete words."""

from __future__ import annotations

from typing import Final

import click

_SCRIPTS: Final = {
    "bash": (
        "command -v logcollector >/dev/null && "
        'eval "$(_LOGCOLLECTOR_COMPLETE=bash_source logcollector)"'
    ),
    "zsh": (
        "command -v logcollector >/dev/null && "
        'eval "$(_LOGCOLLECTOR_COMPLETE=zsh_source logcollector)"'
    ),
    "fish": (
        "command -q logcollector; and "
        "_LOGCOLLECTOR_COMPLETE=fish_source logcollector | source"
    ),
}


@click.command()
@click.argument("shell", type=click.Choice(list(_SCRIPTS)))
def command(shell: str) -> None:
    """Print the line that switches completion on, for your shell's settings.

    Commands, options, fields, and the names of loggers in the database are
    completed then.

    \b
    Examples:
      logcollector completion bash >> ~/.bashrc
      logcollector completion zsh >> ~/.zshrc
      logcollector completion fish >> ~/.config/fish/config.fish
    """
    click.echo(_SCRIPTS[shell])

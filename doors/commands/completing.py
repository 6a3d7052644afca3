"""The script that completes words in the shell."""

from __future__ import annotations

import click

from doors.commands.command import command


@command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion_command(shell: str) -> None:
    """Print the script with which a shell completes commands, options and the names of collections and documents.

    \b
    bash: eval "$(footnote completion bash)"                  in ~/.bashrc
    zsh:  eval "$(footnote completion zsh)"                   in ~/.zshrc, after compinit
    fish: footnote completion fish > ~/.config/fish/completions/footnote.fish
    """
    from doors.completion import script

    click.echo(script(shell, click.get_current_context().find_root().command), nl=False)

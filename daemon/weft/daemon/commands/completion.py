"""``weft completion``: the script that teaches a shell the commands."""

import click

__all__ = ["completion"]


@click.command()
@click.argument("shell", type=click.Choice(["bash", "fish", "zsh"]))
def completion(shell: str) -> None:
    r"""Print the completion script of a shell.

    \b
    bash:  eval "$(weft completion bash)"            in ~/.bashrc
    zsh:   eval "$(weft completion zsh)"             in ~/.zshrc
    fish:  weft completion fish | source             in ~/.config/fish/config.fish
    """
    from click.shell_completion import get_completion_class

    from weft.daemon.main import cli

    kind = get_completion_class(shell)
    assert kind is not None  # noqa: S101 - click has all three
    click.echo(kind(cli, {}, "weft", "_WEFT_COMPLETE").source())

"""Talk with who typed: what destroys asks first, with a count, and tells its end."""

import sys

import click

__all__ = ["confirmed", "say"]


def confirmed(question: str, *, yes: bool) -> bool:
    """Ask whether to go on; say so if the answer is no.

    Args:
        question: what would be done, with a count.
        yes: it was said already.

    Raises:
        click.UsageError: it was not, and there is nobody to ask.
    """
    if yes:
        return True
    if not sys.stdin.isatty():
        raise click.UsageError(f"{question} Say --yes, there is nobody to ask.")
    if click.confirm(question, err=True):
        return True
    say("nothing was changed.")
    return False


def say(words: str, *, quiet: bool = False) -> None:
    """Tell on stderr what was done.

    Args:
        words: a sentence.
        quiet: tell nothing.
    """
    if not quiet:
        click.echo(f"weft: {words}", err=True)

"""Confirmation: what destroys asks first, with a count."""

import sys

import click

__all__ = ["confirmed"]


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
    click.echo("weft: nothing was changed.", err=True)
    return False

"""``docs/cli.md``: what every command says of itself, in one page.

``python -m weft.daemon.reference > docs/cli.md`` makes it again; a test compares.
"""

import sys
from collections.abc import Iterator

import click

from weft.daemon.main import cli

__all__ = ["render"]

WIDTH = 80

_HEAD = """\
# The command line

What `weft --help` and the help of every command say.
Made by `python -m weft.daemon.reference > docs/cli.md`.
"""


def render() -> str:
    """Return the page."""
    root = click.Context(cli, info_name="weft", **cli.context_settings)
    pages = [
        f"## `{context.command_path}`\n\n```text\n{_help(command, context)}\n```\n"
        for command, context in _commands(cli, root)
    ]
    return "\n".join([_HEAD, *pages])


def _commands(
    command: click.Command, context: click.Context
) -> Iterator[tuple[click.Command, click.Context]]:
    yield command, context
    if not isinstance(command, click.Group):
        return
    for name in command.list_commands(context):
        below = command.get_command(context, name)
        assert below is not None  # noqa: S101 - the group named it
        deeper = click.Context(below, context, name, terminal_width=WIDTH)
        yield from _commands(below, deeper)


def _help(command: click.Command, context: click.Context) -> str:
    context.terminal_width = context.max_content_width = WIDTH
    return command.get_help(context).rstrip()


if __name__ == "__main__":
    sys.stdout.write(render())

"""A group of commands whose modules are imported when they are used.

Guarantees: the help of the group imports no command; what it says of each is what the
command itself says (a test holds this).
"""

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

__all__ = ["Entry", "LazyGroup"]


class Entry(NamedTuple):
    """Where a command is found.

    Attributes:
        place: ``MODULE:ATTRIBUTE``.
        help: the first sentence of the command's help, without the full stop.
        section: the heading it stands under.
    """

    place: str
    help: str
    section: str


class LazyGroup(click.Group):
    """A group that knows names and first sentences, and imports the rest on use.

    Args:
        entries: by name, in the order of the help.
    """

    def __init__(
        self, *args: Any, entries: Mapping[str, Entry] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.entries = dict(entries or {})

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands, in the order of the help."""
        return [*self.entries, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, imported now if it has not been used yet."""
        entry = self.entries.get(cmd_name)
        if entry is None:
            return super().get_command(ctx, cmd_name)
        module, _, attribute = entry.place.partition(":")
        command = getattr(import_module(module), attribute)
        assert isinstance(command, click.Command)  # noqa: S101 - the table says so
        return command

    def format_commands(
        self, ctx: click.Context, formatter: click.HelpFormatter
    ) -> None:
        """Write the commands by section, without importing one."""
        rows: dict[str, list[tuple[str, str]]] = {}
        for name, entry in self.entries.items():
            rows.setdefault(entry.section, []).append((name, f"{entry.help}."))
        for name in super().list_commands(ctx):
            words = self.commands[name].get_short_help_str(formatter.width)
            rows.setdefault("Commands", []).append((name, words))
        for section, lines in rows.items():
            with formatter.section(section):
                formatter.write_dl(lines)

    def shell_complete(
        self, ctx: click.Context, incomplete: str
    ) -> "list[CompletionItem]":
        """Return names that begin so, without importing a command."""
        from click.shell_completion import CompletionItem

        found = [
            CompletionItem(name, help=entry.help)
            for name, entry in self.entries.items()
            if name.startswith(incomplete)
        ]
        return found + click.Command.shell_complete(self, ctx, incomplete)

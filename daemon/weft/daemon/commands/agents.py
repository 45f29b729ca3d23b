"""``weft mcp``: for agents that speak the model context protocol."""

from importlib.util import find_spec
from typing import TYPE_CHECKING

import click

from weft.daemon.commands.choices import targeted

if TYPE_CHECKING:
    from weft.daemon.target import Target

__all__ = ["mcp"]


@click.command()
@click.option("--read-only", is_flag=True, help="Only tools that change nothing.")
@targeted(data=False)
def mcp(target: "Target", read_only: bool) -> None:
    """Give an agent a daemon's sessions and threads as tools.

    It speaks the model context protocol on stdin and stdout: name it, as a command, in
    the settings of an agent. What the agent may do is what the token may.
    """
    if find_spec("mcp") is None:
        raise click.UsageError("This needs the extra: pip install 'weft[mcp]'.")
    from weft.daemon.mcp_command import serve_tools

    with target.remote() as remote:
        serve_tools(remote, read_only=read_only)

"""``weft mcp``: a daemon's sessions and threads as tools of an agent.

The model context protocol over stdin and stdout; whoever starts the command talks to
it. It asks the daemon as the other commands do, with the token that it finds.

Guarantees: it can do what its token may and no more; with ``read_only`` there is no
tool that changes anything. A refusal is told to the model, with the remedy.

Not here: the tools (:mod:`weft.daemon.tools`).
"""

import functools
import inspect
from collections.abc import Callable
from typing import Any

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import ToolAnnotations

from weft.daemon.remote import Remote
from weft.daemon.remote_problems import NoDaemon, RemoteProblem
from weft.daemon.tools import Tool, Tools
from weft.storage import SessionThreadException

__all__ = ["serve_tools", "server_of"]

INSTRUCTIONS = """\
Weft keeps sessions and the threads they own. A thread is a named workflow or
conversation with durable states; it belongs to exactly one session at a time and can be
moved to another one at once, with its states. Names are unique within a session, ids
everywhere. What a tool answers is durable. A refusal says what to do about it."""


def serve_tools(remote: Remote, *, read_only: bool) -> None:
    """Serve a daemon's tools on stdin and stdout until stdin ends.

    Args:
        remote: the daemon.
        read_only: only what changes nothing.

    Raises:
        NoDaemon: nobody answers there.
    """
    remote.ask("GET", "/ok")
    server_of(remote, read_only=read_only).run("stdio")


def server_of(remote: Remote, *, read_only: bool = False) -> MCPServer:
    """Return a server of a daemon's tools, on no transport yet."""
    server = MCPServer("weft", instructions=INSTRUCTIONS, log_level="WARNING")
    for tool in Tools(remote).all(read_only=read_only):
        server.add_tool(
            _told(tool.function),
            description=inspect.getdoc(tool.function),
            annotations=_annotations(tool),
        )
    return server


def _annotations(tool: Tool) -> ToolAnnotations:
    return ToolAnnotations(
        read_only_hint=tool.reads_only,
        destructive_hint=tool.destroys,
        open_world_hint=False,
    )


def _told(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function whose foreseen failures are told to the model."""

    @functools.wraps(function)
    def told(*arguments: Any, **named: Any) -> Any:
        try:
            return function(*arguments, **named)
        except (SessionThreadException, RemoteProblem, NoDaemon) as error:
            raise ToolError(str(error)) from error

    return told

"""What a shell completes from a daemon: ids of sessions, ids and names of threads.

Guarantees: completing never fails, never waits much longer than :data:`TIMEOUT_S`, and
asks for no more than :data:`COUNT_MAX` ids.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from weft.daemon.source import Source

__all__ = ["complete_session", "complete_thread"]

TIMEOUT_S: Final = 1.0
"""Beyond it a person takes the shell for stuck."""

COUNT_MAX: Final = 100


def complete_session(
    ctx: click.Context, _param: click.Parameter, incomplete: str
) -> list[str]:
    """Return ids of sessions that begin so."""

    def matching(source: "Source") -> Iterator[str]:
        for session_id in _sessions(source):
            if session_id.startswith(incomplete):
                yield session_id

    return _asked(ctx, matching)


def complete_thread(
    ctx: click.Context, _param: click.Parameter, incomplete: str
) -> list[str]:
    """Return threads that begin so: names where ``--session`` was given, ids else."""
    session_id = ctx.params.get("session_id")

    def matching(source: "Source") -> Iterator[str]:
        field = "thread_name" if session_id else "thread_id"
        for owner in [session_id] if session_id else _sessions(source):
            for thread in source.threads(owner):
                if thread[field].startswith(incomplete):
                    yield thread[field]

    return _asked(ctx, matching)


def _sessions(source: "Source") -> Iterator[str]:
    """Yield ids for as long as there is time."""
    end_s = time.monotonic() + TIMEOUT_S
    for session in source.sessions():
        if time.monotonic() > end_s:
            return
        yield session["session_id"]


def _asked(
    ctx: click.Context, matching: "Callable[[Source], Iterator[str]]"
) -> list[str]:
    from weft.daemon.remote_problems import NoDaemon, RemoteProblem
    from weft.daemon.target import Target
    from weft.storage import SessionThreadException

    names = ("url", "socket", "token_file", "data")
    given = {name: ctx.params[name] for name in names if ctx.params.get(name)}
    target = Target(**given, timeout_s=TIMEOUT_S)
    foreseen = (NoDaemon, RemoteProblem, SessionThreadException, OSError)
    with suppress(*foreseen, click.ClickException), target.source() as source:
        return list(islice(matching(source), COUNT_MAX))
    return []

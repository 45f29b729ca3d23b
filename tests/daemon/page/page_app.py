"""Workflows for the daemon whose page is looked at."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from weft.actors import ExecutionContext, workflow

POLL_S = 0.005


@workflow
def count(context: ExecutionContext, config: dict[str, Any]) -> Iterator[Any]:
    """Count on from where the thread stands."""
    start = (context.state or {}).get("n", 0)
    for n in range(start + 1, start + 1 + config.get("by", 3)):
        yield {"n": n, "of": "count"}


@workflow
def echo(_context: ExecutionContext, config: dict[str, Any]) -> Iterator[Any]:
    """Yield the states of the config, with a pause before each if it says so."""
    for state in config["states"]:
        threading.Event().wait(config.get("pause_s", 0))
        yield state


@workflow
def assistant(context: ExecutionContext, config: dict[str, Any]) -> Iterator[Any]:
    """Do the same under a name that looks better in pictures."""
    yield from echo(context, config)


@workflow
def fail(_context: ExecutionContext, config: dict[str, Any]) -> Iterator[Any]:
    """Fail in the config's words, after a state."""
    yield {"so": "far"}
    raise ValueError(config.get("words", "no further"))


@workflow
def walk(context: ExecutionContext, config: dict[str, Any]) -> Iterator[Any]:
    """Take a step each time a file named after it appears, until told to stop.

    The files lie in the folder ``config["gate"]``.
    """
    gate = Path(config["gate"])
    start = (context.state or {}).get("n", 0)
    for n in range(start + 1, config.get("to", 3) + 1):
        while not (context.cancelled or (gate / str(n)).exists()):
            threading.Event().wait(POLL_S)
        context.emit({"about": f"step {n}"})
        yield {"n": n}


workflows = [assistant, count, echo, fail, walk]

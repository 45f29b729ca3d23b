"""Workflows whose every state and answer the model knows: they only count."""

from collections.abc import Callable
from typing import Any, Final

from weft.actors import ExecutionContext


def increment(context: ExecutionContext, _config: Any) -> int:
    return int(context.state or 0) + 1


def count(_context: ExecutionContext, config: Any) -> Any:
    yield from range(config["n"])


def fail(context: ExecutionContext, _config: Any) -> Any:
    yield -1
    raise ValueError(context.thread_id)


WORKFLOWS: Final[dict[str, Callable[..., Any]]] = {
    "default": increment,
    "count": count,
    "fail": fail,
}

"""Workflows that say in which trace they run; worker processes import this module."""

import os
from collections.abc import AsyncIterator, Iterator
from typing import Any

from opentelemetry.trace import format_trace_id, get_current_span

from weft.actors import workflow


def _here() -> str:
    return format_trace_id(get_current_span().get_span_context().trace_id)


@workflow(name="threads", executor="threads")
def on_os_threads(_context: Any, config: Any) -> Iterator[str]:
    """Yield the present trace, twice."""
    yield _here()
    _fail_if_asked(config)
    yield _here()


@workflow(name="asyncio", executor="asyncio")
async def on_a_loop(_context: Any, config: Any) -> AsyncIterator[str]:
    """Yield the present trace, twice."""
    yield _here()
    _fail_if_asked(config)
    yield _here()


@workflow(name="coroutine", executor="asyncio")
async def on_a_loop_at_once(_context: Any, _config: Any) -> str:
    """Return the present trace."""
    return _here()


@workflow(name="processes", executor="processes")
def in_a_process(_context: Any, config: Any) -> Iterator[str]:
    """Yield the trace that the environment names, twice."""
    yield _told()
    _fail_if_asked(config)
    yield _told()


def _told() -> str:
    return os.environ.get("TRACEPARENT", "--").split("-")[1]


def _fail_if_asked(config: Any) -> None:
    if config.get("fail"):
        raise ValueError("no ink")


WORKFLOWS = [on_os_threads, on_a_loop, on_a_loop_at_once, in_a_process]

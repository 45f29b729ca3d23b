"""A workflow without a graph, for tests of threads that have states."""

from collections.abc import Iterator
from typing import Any

from weft.actors import ExecutionContext, Runtime, workflow
from weft.storage import MemoryStore


@workflow(version="7")
def count(context: ExecutionContext, config: dict[str, Any]) -> Iterator[Any]:
    """Count on from where the thread stands.

    As far as the config says.
    """
    n = (context.state or {}).get("n", 0)
    for _ in range(config.get("by", 1)):
        n += 1
        yield {"n": n}


def runtime_that_counts() -> Iterator[Runtime]:
    """Yield a runtime that knows it: the fixture of tests that need their own.

    What they leave in it is consistent.
    """
    with Runtime.open(store=MemoryStore(), workflows=[count]) as opened:
        yield opened
        assert opened.check().clean

"""A workflow without a graph, for tests of threads that have states."""

from collections.abc import Iterator
from typing import Any

from weft.actors import ExecutionContext, workflow


@workflow(version="7")
def count(context: ExecutionContext, config: dict[str, Any]) -> Iterator[Any]:
    """Count on from where the thread stands.

    As far as the config says.
    """
    n = (context.state or {}).get("n", 0)
    for _ in range(config.get("by", 1)):
        n += 1
        yield {"n": n}

"""Applications for daemons that are killed on the way."""

import threading
from collections.abc import Iterator
from typing import Any

from weft.actors import ExecutionContext, workflow


@workflow
def steps(context: ExecutionContext, config: dict[str, Any]) -> Iterator[Any]:
    """Take one short step after the other, on from where the thread stands."""
    start = (context.state or {}).get("n", 0)
    for n in range(start + 1, config["to"] + 1):
        threading.Event().wait(config.get("pause_s", 0.004))
        yield {"n": n}


workflows = [steps]
nothing: list[Any] = []

"""Weft in your program: a session, a thread, a run, a move, a check.

$ python examples/embedded.py
{'done': 2, 'last': 'b'}
{'done': 1, 'last': 'c'}
notes belongs to bob
inconsistencies: 0
"""

import tempfile
from collections.abc import Iterator
from typing import Any

from weft.actors import ExecutionContext, Runtime, workflow


@workflow(version="1")  # a generator: each yielded state is durable
def summarise(context: ExecutionContext, config: dict[str, Any]) -> Iterator[Any]:
    for number, line in enumerate(config["lines"], 1):
        yield {"done": number, "last": line}


with (
    tempfile.TemporaryDirectory() as directory,
    Runtime.open(directory, workflows=[summarise]) as runtime,
):
    alice = runtime.session("alice")  # created when first used
    notes = alice.create_thread("notes", workflow="summarise").get(timeout=5)
    print(notes.run({"lines": ["a", "b"]}).get(timeout=5))
    for state in notes.stream({"lines": ["c"]}):
        print(state)
    moved = notes.transfer_to("bob").get(timeout=5)  # creates bob, atomically
    print(f"{moved.thread_name} belongs to {moved.session_id}")
    print(f"inconsistencies: {len(runtime.check().inconsistencies)}")

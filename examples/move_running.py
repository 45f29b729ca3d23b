"""A thread changes its owner while it runs; its run and its reader notice nothing.

$ python examples/move_running.py
1 under alice
2 under alice
moved to bob, revision 2
3 under bob
4 under bob
alice has 0 threads, bob has 1
"""

import tempfile
import threading
from collections.abc import Iterator
from typing import Any

from weft.actors import ExecutionContext, Runtime, workflow
from weft.storage import ThreadBusy

moved = threading.Event()


@workflow
def count(context: ExecutionContext, config: dict[str, Any]) -> Iterator[Any]:
    for number in range(1, config["to"] + 1):
        if number == 3:
            moved.wait(timeout=10)
        yield {"number": number, "owner": context.session_id}


with (
    tempfile.TemporaryDirectory() as directory,
    Runtime.open(directory, workflows=[count]) as runtime,
):
    alice, bob = runtime.session("alice"), runtime.session("bob")
    thread = alice.create_thread("counter", workflow="count").get(timeout=5)
    for state in thread.stream({"to": 4}):
        print(f"{state['number']} under {state['owner']}")
        if state["number"] == 2:
            try:
                thread.transfer_to("bob").get(timeout=5)  # "reject" unless told
            except ThreadBusy:
                new = thread.transfer_to("bob", if_running="move").get(timeout=5)
                print(f"moved to {new.session_id}, revision {new.rev}")
            moved.set()
    numbers = [len(session.threads().get(timeout=5)) for session in (alice, bob)]
    print("alice has {} threads, bob has {}".format(*numbers))

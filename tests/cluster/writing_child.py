"""A process that creates threads and prints each when it was acknowledged."""

import sys

from weft.actors import Runtime
from weft.cluster import Fenced


def main(address: str, session_id: str) -> None:
    """Create threads until this process is fenced or killed."""
    runtime = Runtime.open(address)
    session, number = runtime.session(session_id), 0
    while True:
        try:
            thread = session.create_thread(f"thread {number}").get(timeout=30)
        except Fenced:
            print("fenced", flush=True)  # noqa: T201 - its parent reads it
            runtime.close()
            return
        print(thread.thread_id, flush=True)  # noqa: T201 - its parent reads it
        number += 1


if __name__ == "__main__":
    main(*sys.argv[1:])

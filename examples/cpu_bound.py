"""Work that computes, in processes: all cores, and one that hangs can be killed.

$ python examples/cpu_bound.py
primes below 20000: 2262
primes below 40000: 4203
primes below 60000: 6057
asked for meanwhile: answered in less than half a second
hang: out of time, its process was killed
"""

import tempfile
import time
from typing import Any

from weft.actors import ExecutionContext, Runtime, workflow
from weft.storage import WorkflowExecutionError


@workflow(executor="processes", concurrency_max=2)
def primes(context: ExecutionContext, config: dict[str, Any]) -> dict[str, int]:
    """Count primes, without any regard for who else wants the interpreter."""
    below = config["below"]
    sieve = bytearray([1]) * below
    for number in range(2, int(below**0.5) + 1):
        if sieve[number]:
            sieve[number * number :: number] = bytes(
                len(sieve[number * number :: number])
            )
    return {"below": below, "primes": sum(sieve) - 2}


@workflow(executor="processes", timeout_s=1.0)
def hang(context: ExecutionContext, config: dict[str, Any]) -> None:
    """Never come back; on an OS thread nobody could do anything about it."""
    while True:
        pass


def main() -> None:
    """Compute in processes, and have this one answer meanwhile."""
    with (
        tempfile.TemporaryDirectory() as directory,
        Runtime.open(directory, workflows=[primes, hang]) as runtime,
    ):
        alice = runtime.session("alice")
        runs = []
        for below in (20_000, 40_000, 60_000):
            thread = alice.create_thread(f"below {below}", workflow="primes")
            runs.append(thread.get(timeout=5).run({"below": below}))
        began = time.monotonic()
        alice.threads().get(timeout=5)
        waited_s = time.monotonic() - began
        for run in runs:
            result = run.get(timeout=30)
            print(f"primes below {result['below']}: {result['primes']}")
        assert waited_s < 0.5
        print("asked for meanwhile: answered in less than half a second")

        stuck = alice.create_thread("stuck", workflow="hang").get(timeout=5)
        try:
            stuck.run().get(timeout=30)
        except WorkflowExecutionError as error:
            assert isinstance(error.cause, TimeoutError)
            print("hang: out of time, its process was killed")


if __name__ == "__main__":  # worker processes import this module
    main()

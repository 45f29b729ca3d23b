"""kill -9 in the middle of a run; the next process takes it over where it was.

$ python examples/crash_and_resume.py
the process fetched the page
1 of 5
2 of 5
3 of 5
killed with signal 9
taken over: attempt 2, from 3 of 5
4 of 5
5 of 5
the page was fetched 1 time; the run ended as success
"""

import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from weft.actors import ExecutionContext, Runtime, workflow


@workflow(version="1")
def read(context: ExecutionContext, config: dict[str, Any]) -> Iterator[Any]:
    """Read five lines; what a step returned is recorded and never fetched again."""
    context.step("fetch", lambda: fetched(Path(config["journal"])))
    done = (context.state or {"done": 0})["done"]
    if context.attempt > 1:
        print(f"taken over: attempt {context.attempt}, from {done} of 5", flush=True)
    for number in range(done + 1, 6):
        yield {"done": number}
        print(f"{number} of 5", flush=True)  # durable by now
        if number == 3 and context.attempt == 1:
            threading.Event().wait(timeout=30)  # to be killed right here


def fetched(journal: Path) -> str:
    """Do what must not be done twice."""
    print("the process fetched the page", flush=True)
    with journal.open("a") as lines:
        lines.write("fetched\n")
    return "a page"


def first_life(directory: str) -> None:
    """Start a run and wait for its end, which does not come."""
    with Runtime.open(f"{directory}/data", workflows=[read]) as runtime:
        thread = runtime.session("alice").create_thread("book", workflow="read")
        config = {"journal": f"{directory}/journal"}
        thread.get(timeout=5).run(config, op_id="the-run").get(timeout=30)


def second_life(directory: str) -> None:
    """Ask for the same run again: its end is its answer, whoever saw it begin."""
    with Runtime.open(f"{directory}/data", workflows=[read]) as runtime:
        (book,) = runtime.session("alice").threads().get(timeout=5)
        thread = runtime.thread(book.thread_id)
        config = {"journal": f"{directory}/journal"}
        thread.run(config, op_id="the-run").get(timeout=30)
        (run,) = runtime.coordinator.list_runs(book.thread_id).get(timeout=5)
        times = len(Path(directory, "journal").read_text().splitlines())
        print(f"the page was fetched {times} time; the run ended as {run.status}")


def main() -> None:
    """Live twice."""
    with tempfile.TemporaryDirectory() as directory:
        command = [sys.executable, __file__, directory]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            for line in child.stdout or ():
                print(line, end="")
                if line.startswith("3"):
                    child.kill()
                    break
        print(f"killed with signal {-child.returncode}")
        assert child.returncode == -signal.SIGKILL
        second_life(directory)


if __name__ == "__main__":
    first_life(sys.argv[1]) if len(sys.argv) > 1 else main()

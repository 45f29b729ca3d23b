"""A process that runs a graph of five nodes and, told so, hangs in the middle of one.

``python killed_graph.py DIRECTORY first|second``. Each node appends its name to
``effects`` at its end and to ``begun`` at its beginning. The first process says "here"
within node three and waits to be killed; the second one goes on.
"""

import sys
import threading
from pathlib import Path
from typing import Any

from langchain_core.language_models.fake_chat_models import FakeListChatModel

from tests.integrations.graphs import Log, row
from weft.actors import Runtime
from weft.integrations.langgraph import graph_workflow

HANG_S = 60.0


def write(path: Path, line: str) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(line + "\n")


def say(words: str) -> None:
    sys.stdout.write(words + "\n")
    sys.stdout.flush()


def node(number: int, place: Path, *, hangs: bool) -> Any:
    model = FakeListChatModel(responses=[f"effect of node {number}"])

    def act(_state: Log) -> Log:
        write(place / "begun", str(number))
        if hangs:
            say("here")
            threading.Event().wait(HANG_S)
        words = str(model.invoke("go on").content)
        write(place / "effects", words)
        return {"log": [words]}

    return act


def main(place: Path, part: str) -> None:
    graph = row(
        *(
            (f"n{n}", node(n, place, hangs=part == "first" and n == 3))
            for n in range(1, 6)
        )
    ).compile()
    workflows = {"five": graph_workflow(graph)}
    with Runtime.open(place / "data", workflows=workflows) as runtime:
        session = runtime.session("alice")
        if part == "first":
            handle = session.create_thread("notes", workflow="five").get(timeout=30)
            handle.run({"input": {"log": []}}).get(timeout=HANG_S)
        (notes,) = session.threads().get(timeout=30)
        run = runtime.thread(notes.thread_id).run
        # It queues behind the run that is being taken over, and finds nothing to do.
        say("|".join(run({"input": None}).get(timeout=30)["log"]))
        for one in runtime.coordinator.list_runs(notes.thread_id).get(timeout=30):
            say(f"{one.status} {one.attempt}")
        say(f"check {len(runtime.check().inconsistencies)}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])

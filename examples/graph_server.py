"""A LangGraph graph, served so that LangGraph's own SDKs can use it, JavaScript too.

The graph drafts a text, waits until somebody approves it, and sends it. Serve it, and
ask it from JavaScript with ``graph_client.mjs``:

    $ weft serve --app examples.graph_server:graphs --data ./weft-data
    $ npm install @langchain/langgraph-sdk && node examples/graph_client.mjs

As a script it runs the graph itself, without a server:

    $ python examples/graph_server.py
    it waits for an answer: {'approve?': 'Dear Bob, come to tea.'}
    sent: Dear Bob, come to tea.

Needs LangGraph: ``pip install 'weft[langgraph]'``.
"""

import tempfile
from typing import Any

from langgraph.graph import END, START, StateGraph
from langgraph.types import interrupt
from typing_extensions import TypedDict

from weft.actors import Runtime
from weft.integrations.langgraph import graph_workflow
from weft.storage import RunInterrupted, WorkflowExecutionError


class Letter(TypedDict, total=False):
    """What the graph works on."""

    to: str
    draft: str
    sent: bool


def draft(letter: Letter) -> Letter:
    """Write a draft; a model would go here."""
    return {"draft": f"Dear {letter['to']}, come to tea."}


def send(letter: Letter) -> Letter:
    """Ask first; the graph ends here and goes on when there is an answer."""
    return {"sent": bool(interrupt({"approve?": letter["draft"]}))}


builder: Any = StateGraph(Letter)
builder.add_node("draft", draft)
builder.add_node("send", send)
builder.add_edge(START, "draft")
builder.add_edge("draft", "send")
builder.add_edge("send", END)

graphs = [graph_workflow(builder.compile(), name="letter")]


def main() -> None:
    """Run the graph, answer it, and see it through."""
    with (
        tempfile.TemporaryDirectory() as directory,
        Runtime.open(directory, workflows=graphs) as runtime,
    ):
        alice = runtime.session("alice")
        letter = alice.create_thread("letter", workflow="letter").get(timeout=5)
        try:
            letter.run({"input": {"to": "Bob"}}).get(timeout=10)
        except WorkflowExecutionError as error:  # it has not failed: it waits
            assert isinstance(error.cause, RunInterrupted)
            (question,) = error.cause.details["interrupts"]
            print(f"it waits for an answer: {question['value']}")
        result = letter.run({"resume": True}).get(timeout=10)
        print(f"sent: {result['draft']}" if result["sent"] else "not sent")


if __name__ == "__main__":
    main()

"""Graphs that the clients of the protocol drive: one counts, one asks back."""

import operator
from typing import Annotated, Any

from langgraph.graph import END, START, StateGraph
from langgraph.types import interrupt
from typing_extensions import TypedDict


class Sum(TypedDict):
    """What has been counted, and by whom."""

    n: int
    log: Annotated[list[str], operator.add]


def _add(state: Sum) -> dict[str, Any]:
    return {"n": state.get("n", 0) + 1, "log": ["add"]}


def _double(state: Sum) -> dict[str, Any]:
    return {"n": state["n"] * 2, "log": ["double"]}


def _ask(state: Sum) -> dict[str, Any]:
    return {"log": [interrupt({"about": state["n"]})]}


def adder() -> Any:
    """Return a graph that adds one and doubles."""
    builder: Any = StateGraph(Sum)
    builder.add_node("add", _add)
    builder.add_node("double", _double)
    builder.add_edge(START, "add")
    builder.add_edge("add", "double")
    builder.add_edge("double", END)
    return builder.compile()


def asker() -> Any:
    """Return a graph that adds one and then waits for an answer."""
    builder: Any = StateGraph(Sum)
    builder.add_node("add", _add)
    builder.add_node("ask", _ask)
    builder.add_edge(START, "add")
    builder.add_edge("add", "ask")
    builder.add_edge("ask", END)
    return builder.compile()


def nested() -> Any:
    """Return a graph with a graph within."""
    builder: Any = StateGraph(Sum)
    builder.add_node("inner", adder())
    builder.add_edge(START, "inner")
    builder.add_edge("inner", END)
    return builder.compile()

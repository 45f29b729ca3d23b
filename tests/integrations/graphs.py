"""Small graphs: a row of nodes, one that asks, one in another, an async one."""

import operator
from collections.abc import Callable, Sequence
from typing import Annotated, Any, TypedDict

from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, AnyMessage
from langgraph.channels import DeltaChannel
from langgraph.graph import START, StateGraph
from langgraph.graph.message import add_messages
from langgraph.types import interrupt


class Log(TypedDict):
    """A state that grows by what each node adds."""

    log: Annotated[list[str], operator.add]


def joined(log: list[str], writes: Sequence[list[str]]) -> list[str]:
    return sum(writes, log)


class Sum(TypedDict):
    """A state whose checkpoints hold what was added, and now and then the whole."""

    log: Annotated[list[str], DeltaChannel(joined, snapshot_frequency=5)]


class Count(TypedDict):
    """A state of which an input may leave a part out."""

    log: Annotated[list[str], operator.add]
    n: Annotated[int, operator.add]


class Chat(TypedDict):
    """A conversation."""

    messages: Annotated[list[AnyMessage], add_messages]


def adds(word: str) -> Callable[[Log], Log]:
    return lambda _state: {"log": [word]}


def ask(state: Log) -> Log:
    return {"log": [str(interrupt({"after": state["log"][-1]}))]}


async def add_later(_state: Log) -> Log:
    return {"log": ["later"]}


def row(*nodes: tuple[str, Any], state: type = Log) -> Any:
    """Return the builder of a graph of nodes one after the other."""
    builder: Any = StateGraph(state)
    before = START
    for name, node in nodes:
        builder.add_node(name, node)
        builder.add_edge(before, name)
        before = name
    return builder


def three() -> Any:
    return row(("a", adds("a")), ("b", adds("b")), ("c", adds("c")))


def summing() -> Any:
    return row(("a", adds("a")), state=Sum)


def asking() -> Any:
    return row(("a", adds("a")), ("ask", ask), ("z", adds("z")))


def asking_twice() -> Any:
    """Return a graph with two nodes that ask at the same time."""
    builder: Any = StateGraph(Log)
    for name in ("first", "second"):
        builder.add_node(name, lambda _state, name=name: answer_to(f"{name}?"))
        builder.add_edge(START, name)
    return builder


def answer_to(question: str) -> Log:
    return {"log": [str(interrupt(question))]}


def counting() -> Any:
    """Return a graph whose number nobody has written before its node does."""
    return row(("add", lambda state: {"n": state["n"] + 1}), state=Count)


def nested() -> Any:
    inner = row(("inner_a", adds("inner a")), ("ask", ask)).compile()
    return row(("inner", inner), ("z", adds("z")))


def asynchronous() -> Any:
    return row(("a", adds("a")), ("later", add_later))


def chatting() -> Any:
    """Return a graph with a model that says its two sentences and no more."""
    said = iter([AIMessage("Hello to you."), AIMessage("Good bye.")])
    model = GenericFakeChatModel(messages=said)
    return row(
        ("model", lambda state: {"messages": [model.invoke(state["messages"])]}),
        state=Chat,
    )

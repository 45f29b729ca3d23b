"""A graph that tells how it was configured."""

from dataclasses import dataclass
from typing import Any, TypedDict

from langchain_core.runnables import RunnableConfig
from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime


@dataclass
class Manner:
    """How it speaks."""

    tone: str = "plain"
    words: int = 1


class Told(TypedDict, total=False):
    """What it was told."""

    manner: list[Any]
    chosen: dict[str, Any]
    about: dict[str, Any]


def tell(_state: Told, config: RunnableConfig, runtime: Runtime[Manner]) -> Told:
    """Keep what it was told."""
    manner, given = runtime.context, config.get("configurable", {})
    names = ("tone", "words", "assistant_id", "graph_id")
    return {
        "manner": [manner.tone, manner.words],
        "chosen": {name: given[name] for name in names if name in given},
        "about": {"team": config.get("metadata", {}).get("team")},
    }


def configured() -> Any:
    """Return the builder of the graph."""
    builder: Any = StateGraph(Told, context_schema=Manner)
    builder.add_node("tell", tell)
    builder.add_edge(START, "tell")
    builder.add_edge("tell", END)
    return builder

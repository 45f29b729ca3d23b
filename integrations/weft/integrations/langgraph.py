"""LangGraph on Weft: a checkpointer, a store, and compiled graphs as workflows.

Needs the extra ``weft[langgraph]``.
"""

from weft.integrations.langgraph_saver import SESSION_ID, WeftSaver
from weft.integrations.langgraph_store import WeftStore
from weft.integrations.langgraph_translation import run_config
from weft.integrations.langgraph_workflow import Order, graph_workflow

__all__ = [
    "SESSION_ID",
    "Order",
    "WeftSaver",
    "WeftStore",
    "graph_workflow",
    "run_config",
]

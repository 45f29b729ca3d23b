"""A graph with a model that always says the same, piece by piece."""

from itertools import repeat
from typing import Any

from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langgraph.config import get_stream_writer

from tests.integrations.graphs import Chat, row

SAID = "Hello to you."


def talking() -> Any:
    """Return the builder of the graph."""
    model = GenericFakeChatModel(messages=map(AIMessage, repeat(SAID)))

    def talk(state: Chat) -> Any:
        get_stream_writer()({"about": "to talk"})
        return {"messages": [model.invoke(state["messages"])]}

    return row(("model", talk), state=Chat)

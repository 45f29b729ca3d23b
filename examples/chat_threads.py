"""Chats: a user has several, each with its own memory; a reply is streamed in pieces.

$ python examples/chat_threads.py
holidays> You | said | Where | to?
holidays> You | said | By | train.
recipes>  You | said | Soup?
alice has: holidays, recipes
holidays has 4 messages, 2 of them yours
a fork of the first answer has 2; the original still has 4
"""

import tempfile
from collections.abc import Iterator
from typing import Any

from weft.actors import ExecutionContext, Runtime, ThreadHandle, workflow


@workflow
def reply(context: ExecutionContext, config: dict[str, Any]) -> Iterator[Any]:
    """Answer a message; the state of the thread is the whole conversation."""
    messages = [*(context.state or {"messages": []})["messages"]]
    messages.append({"from": "user", "text": config["text"]})
    words = ["You", "said", *config["text"].split()]  # a model would go here
    for word in words:
        context.emit(word, mode="messages")  # seen by who reads along, not kept
    messages.append({"from": "assistant", "text": " ".join(words)})
    yield {"messages": messages}  # durable before the run goes on


def say(thread: ThreadHandle, text: str) -> str:
    """Send a message; return the answer as it came, piece by piece."""
    return " | ".join(thread.stream({"text": text}, mode="messages"))


def conversation(thread: ThreadHandle) -> list[dict[str, str]]:
    """Return all messages of a chat: its last durable state."""
    state = thread.state().get(timeout=5)
    return list(state.values["messages"]) if state else []


with (
    tempfile.TemporaryDirectory() as directory,
    Runtime.open(directory, workflows={"default": reply}) as runtime,
):
    alice = runtime.session("alice")
    holidays = alice.create_thread("holidays").get(timeout=5)
    recipes = alice.create_thread("recipes").get(timeout=5)
    print("holidays>", say(holidays, "Where to?"))
    print("holidays>", say(holidays, "By train."))
    print("recipes> ", say(recipes, "Soup?"))

    names = [thread.thread_name for thread in alice.threads().get(timeout=5)]
    print(f"alice has: {', '.join(sorted(names))}")
    messages = conversation(holidays)
    yours = [one for one in messages if one["from"] == "user"]
    print(f"holidays has {len(messages)} messages, {len(yours)} of them yours")

    fork = holidays.fork("holidays, again", step=1).get(timeout=5)
    print(
        f"a fork of the first answer has {len(conversation(fork))};"
        f" the original still has {len(messages)}"
    )

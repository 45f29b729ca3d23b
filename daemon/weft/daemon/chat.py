"""The workflow of replayed conversations: a chat line in, one durable state out.

Guarantees: a line that is sent twice stands once. Lines of a thread come in order, so
the last state tells whether a line stands already; then nothing is appended.
"""

from typing import Any

from weft.actors import ExecutionContext, workflow

__all__ = ["chat"]


@workflow(name="chat", version="1")
def chat(context: ExecutionContext, config: dict[str, Any]) -> dict[str, Any] | None:
    """Return the conversation's next state.

    Args:
        context: knows the last state.
        config: the line: ``line`` (its number), ``author``, ``time``, ``text``,
            ``action``.

    Returns:
        the line with running counts: ``lines`` so far, and ``authors`` with the
        lines of each. None if the line stands already.
    """
    before: dict[str, Any] = context.state or {"line": -1, "lines": 0, "authors": {}}
    if before["line"] >= config["line"]:
        return None
    authors = before["authors"]
    author = config["author"]
    return {
        "line": config["line"],
        "author": author,
        "time": config["time"],
        "text": config["text"],
        "action": config["action"],
        "lines": before["lines"] + 1,
        "authors": {**authors, author: authors.get(author, 0) + 1},
    }

"""What a graph streams, as data that a state can hold.

A graph's values may be anything: messages, Pydantic models, dataclasses, interrupts.
The checkpoint keeps them as they are; the run's states, which go to callers and over
HTTP, have them as plain mappings, lists, strings and numbers.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

__all__ = ["plain"]


def plain(value: Any) -> Any:
    """Return a value as plain data.

    Args:
        value: what a graph streamed.

    Returns:
        mappings with string keys, lists, strings, bytes, numbers, booleans and None;
        what is none of these and has no way to become so is told by its ``repr``.
    """
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    try:
        return msgspec.to_builtins(value, enc_hook=_made_plain)
    except (TypeError, ValueError, RecursionError):
        return repr(value)


def _made_plain(value: Any) -> Any:
    dump = getattr(value, "model_dump", None)  # Pydantic, and so LangChain's messages
    if callable(dump):
        return plain(dump())
    if isinstance(value, BaseException):
        return {"type": type(value).__name__, "message": str(value)}
    return repr(value)

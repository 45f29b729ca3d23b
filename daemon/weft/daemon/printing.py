"""Results on stdout: a line for each thing to know, or one object of JSON.

Guarantees: one write for each result; a reader that goes away is no failure.
"""

import os
import sys
from collections.abc import Iterable
from typing import Any

import msgspec

__all__ = ["print_json", "print_lines"]


def print_lines(pairs: Iterable[tuple[str, object]]) -> None:
    """Print names and values, aligned.

    Args:
        pairs: in the order to print; a name may repeat.
    """
    rows = [(name, str(value)) for name, value in pairs]
    width = max((len(name) for name, _ in rows), default=0)
    _emit("".join(f"{name:<{width}}  {value}\n" for name, value in rows))


def print_json(value: Any) -> None:
    """Print what msgspec can encode, on one line."""
    _emit(msgspec.json.encode(value).decode() + "\n")


def _emit(text: str) -> None:
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        # What is left in the buffer goes nowhere, or Python would complain at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

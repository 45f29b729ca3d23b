"""Free-form data in arguments: JSON, a file of it, or stdin."""

import sys
from pathlib import Path
from typing import Any

import click

__all__ = ["json_object", "json_value"]


def json_value(text: str | None) -> Any:
    """Return what an argument means.

    Args:
        text: JSON; ``@FILE`` for that of a file; ``-`` for that of stdin; None for
            stdin where it is no terminal, else nothing.

    Raises:
        click.UsageError: it is no JSON.
    """
    import msgspec

    source, content = _read(text)
    if not content.strip():
        return None
    try:
        return msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise click.UsageError(f"{source} is no JSON: {error}.") from error


def json_object(
    _ctx: click.Context, param: click.Parameter, text: str | None
) -> dict[str, Any] | None:
    """Read an option that is a JSON object; a callback of click."""
    if text is None:
        return None
    value = json_value(text)
    if not isinstance(value, dict):
        raise click.UsageError(f"{param.opts[-1]} is no JSON object.")
    return value


def _read(text: str | None) -> tuple[str, str | bytes]:
    if text is None:
        if sys.stdin.isatty():
            return "the input", ""
        return "stdin", sys.stdin.read()
    if text == "-":
        return "stdin", sys.stdin.read()
    if text.startswith("@"):
        return text[1:], Path(text[1:]).read_bytes()
    return "the argument", text

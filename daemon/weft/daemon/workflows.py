"""``--app MODULE:ATTR``: the workflows an application brings along.

Guarantees: the current directory is searched first, as ``python -m`` does; what is
wrong with the name or what it names is told as a sentence. An exception inside the
module is the application's own and keeps its traceback.
"""

import importlib
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any

__all__ = ["AppError", "load_workflows"]

Registry = Mapping[str, Callable[..., Any]] | Iterable[Any]


class AppError(Exception):
    """``--app`` names nothing that can be used."""

    exit_code = os.EX_CONFIG


def load_workflows(app: str | None) -> Registry:
    """Import the workflows that a command line names.

    Args:
        app: ``MODULE:ATTR``; None for no workflows.

    Returns:
        workflows, or a mapping of name to callable: what ``Runtime.open`` takes.

    Raises:
        AppError: there is no such module or attribute, or it holds no workflows.
    """
    if app is None:
        return ()
    name, colon, attribute = app.partition(":")
    if not (name and colon and attribute):
        raise AppError(f"{app!r} is not MODULE:ATTR. Write for example my_app:flows.")
    sys.path.insert(0, os.getcwd())  # noqa: PTH109 - the import system takes strings
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if not error.name or not f"{name}.".startswith(f"{error.name}."):
            raise  # a module that the application itself misses
        raise AppError(
            f"There is no module {error.name!r}. "
            "Start in the directory that holds it, or install it."
        ) from error
    found = getattr(module, attribute, None)
    if not isinstance(found, Mapping | list | tuple):
        raise AppError(
            f"{app} is {found!r}. It must be a list of workflows, "
            "or a dict of name to function."
        )
    return found

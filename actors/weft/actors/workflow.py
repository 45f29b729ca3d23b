"""Workflows: named callables that threads run.

A workflow takes ``(context, config)``. A plain function's result becomes the thread's
next durable state (None appends nothing); of a generator every yielded value does, and
its result is what it returned, or else what it yielded last.

Not here: how a run is executed (:mod:`weft.actors.executor`) and what a run sees
(:mod:`weft.actors.context`).
"""

import inspect
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import entry_points
from typing import Any, Final, overload

import msgspec

from weft.storage import InvalidArgument, WorkflowNotRegistered
from weft.storage.ids import check_name

__all__ = ["Workflow", "Workflows", "workflow"]

Function = Callable[[Any, Any], Any]


class Workflow(msgspec.Struct, frozen=True):
    """A registered workflow.

    Attributes:
        name: what threads call it by.
        version: told to every run; a resumed run tells it again.
        function: takes ``(context, config)``.
    """

    name: str
    version: str
    function: Function

    def __call__(self, context: Any, config: Any) -> Any:
        """Call the function itself, as if it were not decorated."""
        return self.function(context, config)


@overload
def workflow(function: Function, /) -> Workflow: ...
@overload
def workflow(
    *, name: str | None = None, version: str = "1"
) -> Callable[[Function], Workflow]: ...
def workflow(
    function: Function | None = None,
    /,
    *,
    name: str | None = None,
    version: str = "1",
) -> Workflow | Callable[[Function], Workflow]:
    """Make a function a workflow.

    Args:
        function: takes ``(context, config)``: a plain function or a generator.
        name: what threads call it by; the function's own name if omitted.
        version: change it when a run begun under the old code must not go on under
            the new.

    Raises:
        InvalidArgument: it is not a function that can run here.
    """
    if function is None:
        return lambda decorated: _make(name, version, decorated)
    return _make(name, version, function)


ADAPTERS: Final = "weft.workflows"
"""The entry-point group of functions that make workflows of what is none: called with
an object, each returns a :class:`Workflow`, or None if it knows nothing of it."""


def _make(name: str | None, version: str, function: Any) -> Workflow:
    if not callable(function):
        return _adapted(function)
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        raise InvalidArgument(
            f"{function.__name__} is asynchronous; this version runs plain functions "
            "and generators."
        )
    name = name or getattr(function, "__name__", type(function).__name__)
    return Workflow(check_name(name, "workflow name"), version, function)


def _adapted(given: object) -> Workflow:
    """Return a workflow made by an adapter, such as of a compiled LangGraph graph."""
    for adapter in entry_points(group=ADAPTERS):
        found: Workflow | None = adapter.load()(given)
        if found is not None:
            return found
    raise InvalidArgument(
        f"A workflow is a function of (context, config), not {given!r}."
    )


class Workflows:
    """The workflows of one runtime, by name.

    Args:
        given: decorated functions, or a mapping of name to callable.

    Raises:
        InvalidArgument: two have one name, or one is not a workflow.
    """

    def __init__(self, given: Iterable[Any] | Mapping[str, Function] = ()) -> None:
        self._by_name: dict[str, Workflow] = {}
        if not isinstance(given, Iterable):
            raise InvalidArgument(f"Workflows are a list or a mapping, not {given!r}.")
        items = (
            given.items() if isinstance(given, Mapping) else ((None, g) for g in given)
        )
        for name, function in items:
            self._add(name, function)

    def _add(self, name: str | None, function: Any) -> None:
        if isinstance(function, Workflow):
            found = function
        else:
            found = _make(None, "1", function)
        if name is not None:
            found = msgspec.structs.replace(
                found, name=check_name(name, "workflow name")
            )
        if found.name in self._by_name:
            raise InvalidArgument(f"Two workflows are named {found.name!r}.")
        self._by_name[found.name] = found

    def __contains__(self, name: str) -> bool:
        return name in self._by_name

    def __iter__(self) -> Any:
        return iter(self._by_name.values())

    def get(self, name: str) -> Workflow:
        """Return a workflow.

        Raises:
            WorkflowNotRegistered: there is none of this name.
        """
        found = self._by_name.get(name)
        if found is None:
            raise self._not_registered(name)
        return found

    def version(self, name: str) -> str:
        """Return a workflow's version, "" if it is not registered."""
        found = self._by_name.get(name)
        return "" if found is None else found.version

    def find(self, name: str) -> Workflow:
        """Return a workflow, or one that fails for not being registered."""
        found = self._by_name.get(name)
        return found or Workflow(name, "", self._fail(name))

    def _fail(self, name: str) -> Function:
        def fail(_context: Any, _config: Any) -> None:
            raise self._not_registered(name)

        return fail

    def _not_registered(self, name: str) -> WorkflowNotRegistered:
        known = ", ".join(sorted(self._by_name)) or "none"
        return WorkflowNotRegistered(
            f"Workflow {name!r} is not registered (registered: {known}).",
            details={"workflow": name},
        )

"""The container: one instance of each part, by its type, and what is to take its place.

A part is asked for by a type, mostly a :class:`typing.Protocol`, and made when it is
first asked for. Modules say what they can make with :func:`provide`; an application
swaps a part when it opens the runtime (``overrides``), or later with
``register_singleton``.

Guarantees:
    * the same type is answered with the same instance, on any OS thread;
    * what takes the place of a part has all the part's public names, callable and
      asynchronous where the part's are: it is refused otherwise, at open.

Not here: what the parts are.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from typing import Any, Final

from weft.actors.executor import WorkflowExecutor
from weft.actors.sources import REAL, Sources
from weft.storage import InvalidArgument, Store

__all__ = ["Container", "asking", "check_given", "provide", "replaced"]

_NO_MEMBERS: Final = frozenset({"Protocol", "Generic", "object", "Struct"})

_providers: Final[dict[type, Callable[[Any], object]]] = {}

_asking: ContextVar[Any] = ContextVar("weft_container")


def provide(kind: type, make: Callable[[Any], object]) -> None:
    """Say how a part is made; called once for each type, when a module is imported.

    Args:
        kind: by what it is asked for.
        make: takes the runtime.
    """
    _providers[kind] = make


def asking() -> Any:
    """Return the runtime whose container makes a part at the moment.

    Raises:
        InvalidArgument: none does; who makes a part by hand has to name its runtime.
    """
    try:
        return _asking.get()
    except LookupError:
        raise InvalidArgument("Give the runtime that the part is to work on.") from None


class Container:
    """The parts of one runtime; its base class.

    Args:
        overrides: parts to use instead, by type; checked already.

    Attributes:
        sources: time and ids.
    """

    def __init__(self, overrides: Mapping[Any, Any] | None = None) -> None:
        self._parts: dict[type, Any] = dict(overrides or {})
        self.sources: Sources = self._parts.get(Sources, REAL)
        self._factories: dict[type, Callable[[], object]] = {}

    def get(self, kind: type) -> Any:
        """Return the one part of a type; made when it is first asked for.

        Raises:
            InvalidArgument: there is none, or what was registered for it is none.
        """
        if kind in self._parts:
            return self._parts[kind]
        token = _asking.set(self)
        try:
            part = self._make(kind)
        finally:
            _asking.reset(token)
        return self._parts.setdefault(kind, part)

    def register_singleton(self, kind: type, factory: Callable[[], object]) -> None:
        """Say how a part is made from now on.

        Args:
            kind: by what it is asked for.
            factory: called without arguments when it is first asked for.
        """
        self._factories[kind] = factory
        self._parts.pop(kind, None)

    def _make(self, kind: type) -> object:
        factory = self._factories.get(kind)
        if factory is not None:
            part = factory()
            _check(kind, part)
            return part
        provider = _providers.get(kind)
        if provider is None:
            raise InvalidArgument(f"There is no part of type {_name(kind)}.")
        return provider(self)


def replaced(
    overrides: Mapping[Any, Any] | None,
    store: Store | None,
    executor: WorkflowExecutor | None,
) -> tuple[dict[type, Any], Store | None, WorkflowExecutor | None]:
    """Return parts that may take the place of others, and two that a runtime is given.

    Args:
        overrides: instances, by the type of the part: ``Store``,
            ``WorkflowExecutor``, ``Sources`` (the clock), or one that is provided.
        store: what the caller gives by name; None for that of the overrides.
        executor: likewise.

    Raises:
        InvalidArgument: a type that is no part's, or an instance that is no such part.
    """
    if not isinstance(overrides, Mapping | None):
        raise InvalidArgument(f"overrides are a mapping, not {overrides!r}.")
    parts: dict[type, Any] = dict(overrides or {})
    known = {Store, WorkflowExecutor, Sources, *_providers}
    for kind, part in parts.items():
        if kind not in known:
            raise InvalidArgument(f"There is no part of type {_name(kind)} to replace.")
        _check(kind, part)
    check_given({Store: store, WorkflowExecutor: executor})
    return parts, store or parts.get(Store), executor or parts.get(WorkflowExecutor)


def check_given(parts: Mapping[type, object]) -> None:
    """Refuse what is given as a part and is none; None is not given.

    Raises:
        InvalidArgument: it lacks something; the error names what.
    """
    for kind, part in parts.items():
        if part is not None:
            _check(kind, part)


def _check(kind: type, part: object) -> None:
    """Refuse an instance that lacks something of what its type promises."""
    if isinstance(part, type):
        raise InvalidArgument(f"{_name(kind)} takes an instance, not the {part!r}.")
    if not getattr(kind, "_is_protocol", False):
        if not isinstance(part, kind):
            raise InvalidArgument(f"{part!r} is no {_name(kind)}.")
        return
    lacking = [name for name, member in _members(kind) if not _has(part, name, member)]
    if lacking:
        words = ", ".join(sorted(lacking))
        raise InvalidArgument(f"{part!r} is no {_name(kind)}: it lacks {words}.")


def _members(kind: type) -> Iterator[tuple[str, object]]:
    for base in kind.__mro__:
        if base.__name__ not in _NO_MEMBERS:
            for name, member in vars(base).items():
                if not name.startswith("_"):
                    yield name, member


def _has(part: object, name: str, member: object) -> bool:
    """Whether a part has a member; a property is looked for, not read."""
    if not callable(member):
        return hasattr(type(part), name) or name in getattr(part, "__dict__", {})
    found = getattr(part, name, None)
    is_async = inspect.iscoroutinefunction
    return callable(found) and (is_async(found) or not is_async(member))


def _name(kind: object) -> str:
    return kind.__name__ if isinstance(kind, type) else repr(kind)

"""References: how another process finds a workflow's function.

A function is not sent to a process but named, as its module and its qualified name, and
imported there. What cannot be found that way is refused when it is registered, not
when it first runs.

Guarantees: ``load`` in another process gives the same function, or raises
InvalidArgument with the reason; the main module is loaded as ``__weft_main__`` there,
so that what it does under ``if __name__ == "__main__"`` is not done again.
"""

import importlib
import runpy
import sys
from collections.abc import Callable
from functools import reduce
from types import ModuleType
from typing import Any, Final, Self

import msgspec

from weft.storage import InvalidArgument

__all__ = ["Reference"]

MAIN: Final = "__weft_main__"
"""What the main module is called in a process that did not begin with it."""


class Reference(msgspec.Struct, frozen=True):
    """Where a function is found.

    Attributes:
        module: the name of its module.
        qualname: its name in there, with dots.
        main_path: the file of the main module, if the function is in that.
        main_name: the main module's name, if it was started with ``-m``.
    """

    module: str
    qualname: str
    main_path: str | None = None
    main_name: str | None = None

    @classmethod
    def of(cls, function: Callable[..., Any]) -> Self:
        """Return the reference to a function.

        Raises:
            InvalidArgument: it has no name that another process could look up.
        """
        module = getattr(function, "__module__", None)
        qualname = getattr(function, "__qualname__", None)
        if not isinstance(module, str) or not isinstance(qualname, str):
            raise _not_found(repr(function), "it has no module or no name")
        if "<" in qualname:
            raise _not_found(
                f"{module}:{qualname}", "it is a lambda or is inside of a function"
            )
        if module != "__main__":
            return cls(module, qualname)
        main = sys.modules["__main__"]
        spec = getattr(main, "__spec__", None)
        path = getattr(main, "__file__", None)
        if spec is None and path is None:
            raise _not_found(qualname, "the main module is not a file")
        return cls(module, qualname, path, None if spec is None else spec.name)

    def check(self, function: Callable[..., Any]) -> None:
        """Refuse a function that is not where its name says.

        Args:
            function: found there as itself, or as the workflow made of it.

        Raises:
            InvalidArgument: something else is there, or nothing.
        """
        if self._look_up(sys.modules.get(self.module)) is not function:
            words = "something else of that name is there"
            raise _not_found(str(self), words)

    def load(self) -> Callable[..., Any]:
        """Import the function, in whatever process this is.

        Raises:
            InvalidArgument: it is not there.
            Exception: what importing its module raised.
        """
        return self._look_up(self._import())

    def _import(self) -> ModuleType:
        if self.module != "__main__":
            return importlib.import_module(self.module)
        loaded = sys.modules.get(MAIN)
        if loaded is not None:
            return loaded
        if self.main_name is not None:
            names = runpy.run_module(self.main_name, run_name=MAIN, alter_sys=True)
        else:
            names = runpy.run_path(self.main_path or "", run_name=MAIN)
        module = sys.modules[MAIN] = ModuleType(MAIN)
        vars(module).update(names)
        return module

    def _look_up(self, module: ModuleType | None) -> Callable[..., Any]:
        try:
            found: Any = reduce(getattr, self.qualname.split("."), module)
        except AttributeError:
            raise _not_found(str(self), "nothing of that name is there") from None
        # A workflow stands where the function was that it decorates.
        function: Callable[..., Any] = getattr(found, "function", found)
        return function

    def __str__(self) -> str:
        return f"{self.module}:{self.qualname}"


def _not_found(what: str, why: str) -> InvalidArgument:
    return InvalidArgument(
        f"A worker process cannot import {what}: {why}. "
        "Define the function at the top of a module."
    )

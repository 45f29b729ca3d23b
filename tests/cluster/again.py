"""The contract of every store, for one store more: the same tests, run once again."""

import inspect
from types import ModuleType
from typing import Any

__all__ = ["about_any_store"]

_SUBJECTS = frozenset({"client", "store", "engine"})


def about_any_store(module: ModuleType) -> dict[str, Any]:
    """Return the tests of a module that are about any store, with its fixtures.

    Args:
        module: of the contract; the store it makes itself is left out.
    """
    return {
        name: value
        for name, value in vars(module).items()
        if _is_fixture(name, value) or _is_test(name, value)
    }


def _is_fixture(name: str, value: object) -> bool:
    made = type(value).__name__ == "FixtureFunctionDefinition"
    return made and name not in {"store", "engine"}


def _is_test(name: str, value: object) -> bool:
    if not name.startswith("test_") or not callable(value):
        return False
    wanted = inspect.signature(inspect.unwrap(value)).parameters
    return not _SUBJECTS.isdisjoint(wanted)

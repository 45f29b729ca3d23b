"""Where LangGraph is missing, its tests are skipped, and say so."""

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

NEEDED = ("langgraph", "langgraph.checkpoint.conformance", "langchain_core")


def is_missing(name: str) -> bool:
    try:
        return find_spec(name) is None
    except ModuleNotFoundError:
        return True


class Skipped(pytest.Module):
    """A module of tests that cannot be imported here."""

    def collect(self) -> Iterator[pytest.Item]:
        missing = ", ".join(name for name in NEEDED if is_missing(name))
        pytest.skip(
            f"{missing} missing: pip install 'weft[langgraph,test]'",
            allow_module_level=True,
        )


def pytest_pycollect_makemodule(
    module_path: Path, parent: pytest.Collector
) -> pytest.Module | None:
    if any(is_missing(name) for name in NEEDED):
        return Skipped.from_parent(parent, path=module_path)
    return None

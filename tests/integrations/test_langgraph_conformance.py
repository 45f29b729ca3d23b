"""LangGraph's own conformance suite, in every capability, on disk and in memory."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from langgraph.checkpoint.conformance import checkpointer_test, validate
from langgraph.checkpoint.conformance.capabilities import ALL_CAPABILITIES

from weft.integrations.langgraph import WeftSaver
from weft.storage import MemoryStore


@pytest.mark.parametrize("kind", ["lmdb", "memory"])
def test_the_saver_conforms_in_every_capability(kind: str, tmp_path: Path) -> None:
    @checkpointer_test(name=f"WeftSaver on {kind}")
    async def fresh() -> AsyncIterator[WeftSaver]:
        place: AbstractContextManager[str | None] = nullcontext()
        if kind == "lmdb":
            place = TemporaryDirectory(dir=tmp_path)
        with place as path:
            made = WeftSaver.open(path) if path else WeftSaver(MemoryStore())
            async with made as saver:
                yield saver

    report = asyncio.run(validate(fresh))
    failures = [word for one in report.results.values() for word in one.failures]
    assert [] == failures
    assert {one.value for one in ALL_CAPABILITIES} == {
        name for name, one in report.results.items() if one.detected and one.passed
    }
    passed = sum(one.tests_passed for one in report.results.values())
    assert passed >= 81, "the suite of 0.0.2 has 81 tests"

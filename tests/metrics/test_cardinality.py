"""The number of series does not grow with what is stored."""

import re
from typing import Any

from tests.actors.support import answer
from weft.actors import Future, Runtime
from weft.metrics import register
from weft.storage import MemoryStore

SESSIONS = 10_000
BATCH = 1_000
SERIES_MAX = 1_500
CHILDREN_MAX = 450
IDENTITY = re.compile(r"(^|_)(id|name|session|thread|user|path)$")


def test_10_000_sessions_leave_fewer_than_1_500_series_and_no_ids() -> None:
    with Runtime.open(store=MemoryStore()) as runtime:
        registry = register(runtime)
        before = sum(len(family.samples) for family in registry.collect())
        for first in range(0, SESSIONS, BATCH):
            created: list[Future[Any]] = [
                runtime.session(f"ann-{n}").open() for n in range(first, first + BATCH)
            ]
            created.append(runtime.session(f"ann-{first}").create_thread("x"))
            for future in created:
                answer(future)
        families = list(registry.collect())
    samples = [sample for family in families for sample in family.samples]
    stored = {s.labels["status"]: s.value for s in samples if s.name == "weft_sessions"}
    assert SESSIONS == stored["open"]
    assert before == len(samples) < SERIES_MAX
    assert all(len(family.samples) <= CHILDREN_MAX for family in families)
    for sample in samples:
        assert not [name for name in sample.labels if IDENTITY.search(name)]
        assert not [value for value in sample.labels.values() if "ann-" in value]

"""Runs have spans wherever they are executed, in the trace of whoever started them."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.actors.support import LONG_S
from weft.actors import Runtime
from weft.storage import MemoryStore, WorkflowExecutionError

pytest.importorskip("opentelemetry.sdk", reason="needs the extra [otel]")

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}
STEPPED = ("threads", "asyncio", "processes")


class Scene:
    """A runtime whose runs are traced, and the spans that have ended."""

    def __init__(self, runtime: Runtime, exporter: Any) -> None:
        self.runtime = runtime
        self._exporter = exporter

    def run(self, workflow: str, config: Any = None) -> Any:
        """Execute a run in the trace of the tests; return its result."""
        notes = self.runtime.session("ann").create_thread(workflow, workflow)
        ran = notes.get(timeout=LONG_S).run(config or {}, metadata=PARENT)
        return ran.get(timeout=LONG_S)

    def spans(self) -> dict[str, Any]:
        """Return the spans that have ended, by name."""
        return {span.name: span for span in self._exporter.get_finished_spans()}


@pytest.fixture
def scene() -> Iterator[Scene]:
    """Return a runtime in memory whose runs are traced."""
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import (
        InMemorySpanExporter,
    )

    from tests.daemon.traced_workflows import WORKFLOWS
    from weft.daemon.tracing import Tracing

    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    executors = Tracing(provider).executors()
    with Runtime.open(
        store=MemoryStore(), workflows=WORKFLOWS, executor=executors
    ) as runtime:
        yield Scene(runtime, exporter)


@pytest.mark.parametrize("kind", STEPPED)
def test_each_step_is_a_span_of_the_run_and_its_code_finds_the_trace(
    scene: Scene, kind: str
) -> None:
    assert TRACE == scene.run(kind)
    spans = scene.spans()
    run = spans.pop(f"run {kind}")
    assert ["step 1", "step 2", "step 3"] == sorted(spans)
    assert {run.context.span_id} == {span.parent.span_id for span in spans.values()}
    assert {int(TRACE, 16)} == {
        span.context.trace_id for span in (run, *spans.values())
    }
    assert 0xB7AD6B7169203331 == run.parent.span_id
    assert ("ann", 1) == (
        run.attributes["weft.session_id"],
        run.attributes["weft.attempt"],
    )
    ends = [spans[name].end_time for name in sorted(spans)]
    assert ends == sorted(ends)
    assert ends[-1] <= run.end_time


def test_a_coroutine_is_one_step(scene: Scene) -> None:
    assert TRACE == scene.run("coroutine")
    assert {"run coroutine", "step 1"} == set(scene.spans())


@pytest.mark.parametrize("kind", STEPPED)
def test_what_fails_is_told_by_its_spans(scene: Scene, kind: str) -> None:
    with pytest.raises(WorkflowExecutionError):
        scene.run(kind, {"fail": True})
    spans = scene.spans()
    assert not spans[f"run {kind}"].status.is_ok
    assert spans["step 1"].status.is_unset
    assert "ValueError" == spans["step 2"].events[0].attributes["exception.type"]


def test_a_process_forgets_the_trace_of_the_run_before(scene: Scene) -> None:
    assert TRACE == scene.run("processes")
    untraced = scene.runtime.session("ann").create_thread("later", "processes")
    later = untraced.get(timeout=LONG_S).run().get(timeout=LONG_S)
    assert TRACE != later
    assert 32 == len(later)  # a trace of its own: it was started in none

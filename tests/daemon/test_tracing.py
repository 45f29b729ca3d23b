"""A trace leads from a request to its run and the run's steps."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.actors.conftest import WORKFLOWS
from tests.actors.support import answer, failure
from tests.daemon.asking import ask, url_in
from tests.daemon.child import DEADLINE_S, environment, first_line, weft
from weft.actors import Runtime
from weft.daemon.app import create_app
from weft.daemon.client import connect
from weft.daemon.listen import Address, bind
from weft.daemon.server import BackgroundServer
from weft.daemon.tracing_setup import load_tracing
from weft.daemon.workflows import AppError
from weft.storage import MemoryStore, WorkflowExecutionError

pytest.importorskip("opentelemetry.sdk", reason="needs the extra [otel]")

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"


class Traced:
    """A traced daemon and what it exported.

    Args:
        url: where it answers.
        exporter: has the spans.
    """

    def __init__(self, url: str, exporter: Any) -> None:
        self.url = url
        self._exporter = exporter

    def spans(self) -> dict[str, Any]:
        """Return the spans that have ended, by their names."""
        return {span.name: span for span in self._exporter.get_finished_spans()}


@pytest.fixture
def traced() -> Iterator[Traced]:
    """Return a traced daemon."""
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import (
        InMemorySpanExporter,
    )

    from weft.daemon.tracing import Tracing

    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracing = Tracing(provider)
    with Runtime.open(
        store=MemoryStore(), workflows=WORKFLOWS, executor=tracing.executors()
    ) as runtime:
        tracing.follow(runtime)
        app = create_app(runtime)
        app.site.counter.trace_id = tracing.trace_id
        listener = bind(Address("127.0.0.1", 0))
        with BackgroundServer(tracing.requests(app), listener) as server:
            yield Traced(server.url, exporter)


def test_a_trace_leads_from_the_request_to_the_steps_of_its_run(
    traced: Traced,
) -> None:
    with connect(traced.url) as client:
        notes = answer(client.session("alice").create_thread("notes", "count"))
        client._connection._client.headers["traceparent"] = PARENT
        assert 2 == answer(notes.run({"to": 2}))
        del client._connection._client.headers["traceparent"]
        (run,) = answer(client.coordinator.list_runs(notes.thread_id))
    spans = traced.spans()
    request = spans["POST /threads/{thread_id}/executions"]
    of_run, first = spans["run count"], spans["step 1"]
    assert {int(TRACE, 16)} == {
        span.context.trace_id for span in (request, of_run, first)
    }
    assert request.context.span_id == of_run.parent.span_id
    second = spans["step 2"]
    assert {of_run.context.span_id} == {first.parent.span_id, second.parent.span_id}
    assert (run.run_id, "alice") == (
        of_run.attributes["weft.run_id"],
        of_run.attributes["weft.session_id"],
    )
    assert 200 == request.attributes["http.response.status_code"]
    assert run.metadata["traceparent"].startswith(f"00-{TRACE}-")


def test_a_slow_bucket_leads_to_the_trace_of_a_request(traced: Traced) -> None:
    assert 200 == ask(f"{traced.url}/sessions", headers={"traceparent": PARENT}).status
    accept = {"accept": "application/openmetrics-text;version=1.0.0"}
    page = ask(f"{traced.url}/metrics", headers=accept).body.decode()
    assert 1 == page.count(f'# {{trace_id="{TRACE}"}} ')
    (line,) = (line for line in page.splitlines() if TRACE in line)
    assert line.startswith('weft_http_request_duration_seconds_bucket{area="sessions"')
    counted, exemplar = line.split(" # ")
    bound = float(counted.split('le="')[1].partition('"')[0])
    assert bound / 5 < float(exemplar.split()[1]) <= bound
    assert "trace_id" not in ask(f"{traced.url}/metrics").body.decode()


def test_a_trace_that_is_not_kept_is_no_exemplar(traced: Traced) -> None:
    unkept = {"traceparent": PARENT[:-2] + "00"}
    assert 200 == ask(f"{traced.url}/sessions", headers=unkept).status
    accept = {"accept": "application/openmetrics-text;version=1.0.0"}
    assert b"trace_id" not in ask(f"{traced.url}/metrics", headers=accept).body


PROVIDER = """
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor

provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(ConsoleSpanExporter()))
"""


def test_the_daemon_is_traced_by_the_provider_it_is_given(tmp_path: Path) -> None:
    (tmp_path / "tracers.py").write_text(PROVIDER)
    arguments = ("--data", tmp_path / "data", "--listen", "127.0.0.1:0")
    told = environment(WEFT_DAEMON__TRACING="tracers:provider")
    with weft("serve", *arguments, cwd=tmp_path, env=told) as child:
        url = url_in(first_line(child))
        assert 200 == ask(f"{url}/sessions").status
        child.terminate()
        said, _ = child.communicate(timeout=DEADLINE_S)
    assert '"name": "GET /sessions"' in said


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nothing", "names nothing"),
        ("no_such_module:provider", "names nothing"),
        ("os:path", "must be a TracerProvider"),
    ],
)
def test_what_is_no_provider_is_refused(name: str, words: str) -> None:
    with pytest.raises(AppError, match=words):
        load_tracing(name)


def test_nothing_of_opentelemetry_is_imported_unless_it_is_asked_for() -> None:
    code = (
        "import sys, weft.daemon.serve; from weft.daemon.tracing_setup import *; "
        "assert load_tracing(None) is None; "
        "sys.exit('opentelemetry' in {n.split('.')[0] for n in sys.modules})"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=environment(), check=False, timeout=DEADLINE_S)
    assert 0 == done.returncode


def test_what_fails_is_told_by_its_spans(traced: Traced) -> None:
    with connect(traced.url) as client:
        notes = answer(client.session("alice").create_thread("notes", "fail"))
        assert WorkflowExecutionError is type(failure(notes.run({"why": "no ink"})))
        failure(client.session("bob").get())
    spans = traced.spans()
    assert not spans["run fail"].status.is_ok
    assert "ValueError" == spans["step 1"].events[0].attributes["exception.type"]
    assert (
        404
        == (spans["GET /sessions/{session_id}"].attributes["http.response.status_code"])
    )

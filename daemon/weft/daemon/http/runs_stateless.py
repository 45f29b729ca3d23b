"""Runs without a thread, as the LangGraph protocol has them: each gets its own.

The thread is removed after the run, unless ``on_completion`` is "keep".
"""

from typing import Annotated, Any, Final

import msgspec

from weft.daemon.http.call import Call, Reply
from weft.daemon.http.endpoint import Table
from weft.daemon.http.protocol import ProtocolRun
from weft.daemon.http.run_answers import LateAnswer
from weft.daemon.http.run_requests import NewRun
from weft.daemon.http.run_starting import headers_of, start, view_of
from weft.daemon.http.runs import stream_of, wait_for
from weft.daemon.http.streams import EventStream

__all__ = ["stateless_runs"]

stateless_runs: Final = Table("runs")

BATCH_MAX: Final = 1000

NewRuns = Annotated[list[NewRun], msgspec.Meta(min_length=1, max_length=BATCH_MAX)]


@stateless_runs.post("/runs")
async def create_stateless_run(call: Call[NewRun, None]) -> Reply[ProtocolRun]:
    """Start a run in the background, on a thread of its own."""
    run = (await start(call, call.body, None)).run
    where = headers_of(run, "join")["Content-Location"]
    return Reply(view_of(run), headers={"Content-Location": where})


@stateless_runs.post("/runs/stream")
async def stream_stateless_run(call: Call[NewRun, None]) -> EventStream[Any]:
    """Start a run on a thread of its own and stream what it shows."""
    return stream_of(call, await start(call, call.body, None, streams=True))


@stateless_runs.post("/runs/wait")
async def wait_stateless_run(call: Call[NewRun, None]) -> LateAnswer:
    """Start a run on a thread of its own and wait for its last values."""
    return wait_for(call, await start(call, call.body, None))


@stateless_runs.post("/runs/batch")
async def create_stateless_runs(call: Call[NewRuns, None]) -> list[ProtocolRun]:
    """Start several runs in the background, each on a thread of its own.

    They are started one after the other: what is refused ends it, and those before it
    go on.
    """
    started = [
        await start(call, new, None, number=number)
        for number, new in enumerate(call.body)
    ]
    return [view_of(one.run) for one in started]

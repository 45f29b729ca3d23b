"""A FastAPI application with a runtime in it: one process, nothing else to start.

Needs FastAPI: ``pip install fastapi``. Serve it with ``uvicorn fastapi_app:app``; as a
script it serves itself, asks itself and stops:

    $ python examples/fastapi_app.py
    POST /alice/notes: 201 {'thread': 'notes'}
    POST /alice/notes: 409 {'detail': "Session 'alice' has a thread 'notes'. ..."}
    POST /alice/notes/runs: 200 {'done': 2, 'last': 'b'}
    GET  /alice/notes/stream: data: {"done":1,"last":"c"}
    GET  /metrics: weft_threads... 1.0
"""

import json
import os
import tempfile
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel

from weft.actors import ExecutionContext, Runtime, workflow
from weft.metrics import register, render
from weft.storage import SessionThreadException


@workflow
def summarise(context: ExecutionContext, config: dict[str, Any]) -> Iterator[Any]:
    for number, line in enumerate(config["lines"], 1):
        yield {"done": number, "last": line}


class Order(BaseModel):
    """What a run is asked for."""

    lines: list[str]


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Keep a runtime open as long as the application serves."""
    directory = os.environ.get("WEFT_DATA", "./weft-data")
    async with Runtime.open(directory, workflows={"default": summarise}) as runtime:
        app.state.runtime = runtime
        app.state.registry = register(runtime)
        yield


app = FastAPI(lifespan=lifespan)


@app.exception_handler(SessionThreadException)
async def refused(request: Request, error: SessionThreadException) -> JSONResponse:
    """Every error of Weft's knows its status."""
    return JSONResponse({"detail": str(error)}, error.http_status)


@app.post("/{session}/{thread}", status_code=201)
async def create(session: str, thread: str, request: Request) -> dict[str, str]:
    """Create a thread; its session comes with it."""
    runtime: Runtime = request.app.state.runtime
    handle = await runtime.session(session).create_thread(thread)
    return {"thread": (await handle.get()).thread_name}


@app.post("/{session}/{thread}/runs")
async def run(session: str, thread: str, order: Order, request: Request) -> Any:
    """Run the thread's workflow; awaiting blocks nobody."""
    coordinator = request.app.state.runtime.coordinator
    return await coordinator.execute_workflow_in_session(
        session, thread, order.model_dump()
    )


@app.get("/{session}/{thread}/stream")
async def stream(session: str, thread: str, line: str, request: Request) -> Response:
    """Run it and send each durable state as a server-sent event."""
    coordinator = request.app.state.runtime.coordinator
    states = coordinator.stream_workflow_in_session(session, thread, {"lines": [line]})

    async def events() -> AsyncIterator[str]:
        async for state in states:
            yield f"data: {json.dumps(state, separators=(',', ':'))}\n\n"

    return StreamingResponse(events(), media_type="text/event-stream")


@app.get("/metrics")
def metrics(request: Request) -> Response:
    """Show the runtime to Prometheus."""
    body, kind = render(request.app.state.registry, request.headers.get("accept", ""))
    return Response(body, media_type=kind)


class Server(uvicorn.Server):
    """A server on an OS thread beside its client."""

    def __init__(self) -> None:
        super().__init__(uvicorn.Config(app, port=0, log_level="warning"))
        self.up = threading.Event()

    async def startup(self, sockets: Any = None) -> None:
        """Begin to answer, and say so."""
        await super().startup(sockets)
        self.up.set()


def main() -> None:
    """Serve, ask, stop."""
    server = Server()
    serving = threading.Thread(target=server.run)
    serving.start()
    assert server.up.wait(timeout=10)
    host, port = server.servers[0].sockets[0].getsockname()[:2]
    with httpx.Client(base_url=f"http://{host}:{port}") as client:
        for path, body in (
            ("/alice/notes", None),
            ("/alice/notes", None),
            ("/alice/notes/runs", {"lines": ["a", "b"]}),
        ):
            answer = client.post(path, json=body)
            print(f"POST {path}: {answer.status_code} {answer.json()}")
        answer = client.get("/alice/notes/stream", params={"line": "c"})
        print(f"GET  /alice/notes/stream: {answer.text.strip()}")
        lines = client.get("/metrics").text.splitlines()
        counted = next(line for line in lines if line.startswith("weft_threads"))
        print(f"GET  /metrics: {counted}")
    server.should_exit = True
    serving.join(timeout=10)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        os.environ["WEFT_DATA"] = temporary
        main()

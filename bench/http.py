"""The daemon beside a bare Starlette handler: ``POST /threads`` from another process.

``python -m bench.http [--clients 16] [--seconds 5] [--rounds 3] [--langgraph PROGRAM]``
(needs ``wrk``, Debian's package of that name).

*bare* is one Starlette route under uvicorn that decodes the same body and answers with
a dictionary it does not keep. *weft* makes the thread durable on the disk of ``--dir``,
*weft, memory* on ``/dev/shm``, where a flush costs nothing. *langgraph* is the
development server of ``langgraph-cli[inmem]``, which keeps threads in memory.

All of them run for the whole time and are loaded in turns; CPU is of the server alone.
"""

import argparse
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec

from bench.cluster import Cpu

BODY: Final = '{"metadata":{"session_id":"s1"}}'
START_TIMEOUT_S: Final = 60.0
STOP_TIMEOUT_S: Final = 20.0
MEMORY: Final = Path("/dev/shm")  # noqa: S108 - a benchmark's own directory in it
GRAPH: Final = """
from langgraph.graph import END, START, StateGraph

graph = StateGraph(dict)
graph.add_node("nothing", lambda state: state)
graph.add_edge(START, "nothing")
graph.add_edge("nothing", END)
compiled = graph.compile()
"""


class Server(msgspec.Struct):
    """A server under load.

    Attributes:
        name: in the table.
        url: of the path that is asked.
        cpu: of its process.
    """

    name: str
    url: str
    cpu: Cpu


class Figures(msgspec.Struct):
    """What one turn came to: requests a second, and CPU of one."""

    per_s: float
    cpu_us: float


def serve_bare(port: int) -> None:
    """Answer as little as can be answered, until the process is ended."""
    import uvicorn
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    from weft.storage import new_id

    async def create(request: Request) -> JSONResponse:
        metadata = (await request.json())["metadata"]
        thread = {"thread_id": new_id(), "metadata": metadata, "status": "idle"}
        return JSONResponse(thread)

    app = Starlette(routes=[Route("/threads", create, methods=["POST"])])
    uvicorn.run(app, host="127.0.0.1", port=port, access_log=False, log_level="error")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def _running(
    name: str, port: int, command: list[Any], **options: Any
) -> Iterator[Server]:
    """Start a server, wait until it answers, and end it."""
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    child = subprocess.Popen([*map(str, command)], **quiet, **options)
    try:
        url = f"http://127.0.0.1:{port}/threads"
        _wait_for(url, child)
        yield Server(name, url, Cpu(lambda: [child.pid]))
    finally:
        child.terminate()
        try:
            child.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _wait_for(url: str, child: subprocess.Popen[bytes]) -> None:
    deadline_s = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline_s:
        if child.poll() is not None:
            raise RuntimeError(f"{child.args!r} has ended with {child.returncode}")
        asked = urllib.request.Request(  # noqa: S310 - of this machine
            url, BODY.encode(), {"content-type": "application/json"}
        )
        try:
            with urllib.request.urlopen(asked, timeout=5):  # noqa: S310
                return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.1)
    raise TimeoutError(f"{url} does not answer")


def _servers(stack: ExitStack, folder: Path, langgraph: str | None) -> list[Server]:
    port, here = _free_port(), [sys.executable, "-m"]
    bare = _running("bare", port, [*here, "bench.http", "--bare", port])
    running = [stack.enter_context(bare)]
    memory = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=MEMORY)))
    for name, data in (("weft", folder), ("weft, memory", memory)):
        port = _free_port()
        listen = ["--listen", f"127.0.0.1:{port}", "--no-socket", "--check-interval", 0]
        command = [*here, "weft.daemon", "serve", "--data", data / "data", *listen]
        running.append(stack.enter_context(_running(name, port, command)))
    if langgraph is not None:
        (folder / "graph.py").write_text(GRAPH)
        graphs = {"dependencies": ["."], "graphs": {"g": "./graph.py:compiled"}}
        (folder / "langgraph.json").write_bytes(msgspec.json.encode(graphs))
        port = _free_port()
        command = [langgraph, "dev", "--no-browser", "--no-reload", "--port", port]
        dev = _running("langgraph", port, command, cwd=folder)
        running.append(stack.enter_context(dev))
    return running


def _turn(server: Server, clients: int, seconds: int, script: Path) -> Figures:
    """Load a server; every answer must be a success."""
    before_s, began_s = server.cpu.seconds(), time.monotonic()
    done = subprocess.run(
        [
            *("wrk", "-t1", f"-c{clients}", f"-d{seconds}s"),
            *("-s", script, server.url),
        ],
        check=True,
        capture_output=True,
        text=True,
        timeout=seconds + START_TIMEOUT_S,
    ).stdout
    took_s = time.monotonic() - began_s
    found = re.search(r"(\d+) requests in", done)
    if found is None or "Non-2xx" in done or "Socket errors" in done:
        raise RuntimeError(f"{server.name}: {done}")
    requests = int(found[1])
    cpu_s = server.cpu.seconds() - before_s
    return Figures(requests / took_s, 1e6 * cpu_s / max(requests, 1))


def _show(found: dict[str, list[Figures]]) -> None:
    print(f"{'':14}{'requests/s':>12}{'CPU us':>9}{'of bare':>9}   in each round")
    for name, turns in found.items():
        ratios = [
            turn.per_s / bare.per_s
            for turn, bare in zip(turns, found["bare"], strict=True)
        ]
        per_s = statistics.median(turn.per_s for turn in turns)
        cpu_us = statistics.median(turn.cpu_us for turn in turns)
        each = " ".join(f"{ratio:.3f}" for ratio in ratios)
        middle = statistics.median(ratios)
        print(f"{name:14}{per_s:12,.0f}{cpu_us:9.0f}{middle:9.3f}   {each}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--clients", type=int, default=16, help="default 16")
    parser.add_argument("--seconds", type=int, default=5, help="default 5")
    parser.add_argument("--rounds", type=int, default=3, help="default 3")
    parser.add_argument("--dir", default=".", help="whose disk; default here")
    parser.add_argument("--langgraph", help="the program of langgraph-cli[inmem]")
    parser.add_argument("--bare", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.bare:
        serve_bare(options.bare)
        return
    if shutil.which("wrk") is None:
        sys.exit("wrk is missing: apt install wrk")
    with ExitStack() as stack:
        folder = tempfile.TemporaryDirectory(prefix="weft-bench-", dir=options.dir)
        place = Path(stack.enter_context(folder)).resolve()
        script = place / "create.lua"
        script.write_text(
            f"wrk.method, wrk.body = 'POST', '{BODY}'\n"
            "wrk.headers['Content-Type'] = 'application/json'\n"
        )
        servers = _servers(stack, place, options.langgraph)
        found: dict[str, list[Figures]] = {server.name: [] for server in servers}
        for _ in range(options.rounds):
            for server in servers:
                turn = _turn(server, options.clients, options.seconds, script)
                found[server.name].append(turn)
    _show(found)


if __name__ == "__main__":
    main()

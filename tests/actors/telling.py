"""Workflows that use all of their context, for every kind of executor.

They stand at the top of a module of their own, because worker processes import them.
"""

import asyncio
import threading
import time
from collections.abc import Callable
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from weft.actors import ExecutionContext, RetryPolicy, RunPolicy, workflow
from weft.actors.workflow import Kind, Workflow

QUICK = RunPolicy(retry=RetryPolicy(backoff_s=0.01))
WATCHED = RunPolicy(heartbeat_s=0.5)


def noted(config: Any, line: str) -> Callable[[], int]:
    """Return an effect: one more line in a file; it returns how many there are."""

    def effect() -> int:
        with Path(config["path"]).open("a+") as file:
            file.write(f"{line}\n")
            file.seek(0)
            return len(file.readlines())

    return effect


def pay(context: ExecutionContext, config: Any) -> Any:
    def nothing() -> Any:
        noted(config, "none")()

    first = context.step("pay", noted(config, "pay"))
    none = context.step("none", nothing)
    if context.attempt < 3:
        raise OSError(context.attempt)
    return [first, none, context.step("again", noted(config, "again"))]


async def pay_async(context: ExecutionContext, config: Any) -> Any:
    async def paying() -> int:
        return noted(config, "pay")()

    async def nothing() -> Any:
        noted(config, "none")()

    async def again() -> int:
        return noted(config, "again")()

    first = await context.step_async("pay", paying)
    none = await context.step_async("none", nothing)
    if context.attempt < 3:
        raise OSError(context.attempt)
    return [first, none, await context.step_async("again", again)]


def tell(context: ExecutionContext, _config: Any) -> Any:
    context.emit("he", mode="messages")
    context.emit("llo", mode="messages")
    yield {"a": 1}
    context.emit({"half": b"way"})
    yield {"a": 2}


async def tell_async(context: ExecutionContext, config: Any) -> Any:
    for state in tell(context, config):
        yield state


def beat(context: ExecutionContext, config: Any) -> Any:
    end_s = time.monotonic() + config["for_s"]
    while time.monotonic() < end_s:
        context.heartbeat()
        threading.Event().wait(0.001)
    return "alive"


async def beat_async(context: ExecutionContext, config: Any) -> Any:
    end_s = time.monotonic() + config["for_s"]
    while time.monotonic() < end_s:
        context.heartbeat()
        await asyncio.wait(
            [asyncio.ensure_future(asyncio.Event().wait())], timeout=0.001
        )
    return "alive"


def fall_silent(_context: ExecutionContext, config: Any) -> Any:
    path = Path(config["until"])
    while not path.exists():
        threading.Event().wait(0.01)


async def fall_silent_async(context: ExecutionContext, config: Any) -> Any:
    fall_silent(context, config)


def ask_wrongly(context: ExecutionContext, _config: Any) -> Any:
    context.step("", lambda: 1)


async def ask_wrongly_async(context: ExecutionContext, config: Any) -> Any:
    ask_wrongly(context, config)


def talk_at_once(context: ExecutionContext, config: Any) -> Any:
    """Have OS threads of its own record and tell, all at the same time."""
    results: dict[int, int] = {}

    def talk(number: int) -> None:
        for part in range(config["parts"]):
            context.emit([number, part])
            context.heartbeat()
        results[number] = context.step(f"{number}", lambda: number)

    os_threads = [
        threading.Thread(target=talk, args=(number,))
        for number in range(config["threads"])
    ]
    for one in os_threads:
        one.start()
    for one in os_threads:
        one.join()
    return sorted(results.items())


left_behind: list[threading.Thread] = []
go_on = threading.Event()
heard: list[str] = []


def leave_behind(context: ExecutionContext, _config: Any) -> Any:
    """Leave an OS thread behind that speaks when the run has ended."""

    def speak() -> None:
        go_on.wait(20)
        try:
            context.emit("too late")
        except Exception as error:  # noqa: BLE001 - it is told by the next run
            heard.append(type(error).__name__)

    left_behind.append(threading.Thread(target=speak))
    left_behind[-1].start()


def ask_who_was_left(_context: ExecutionContext, _config: Any) -> Any:
    go_on.set()
    left_behind[-1].join(20)
    return heard


said: ContextVar[str] = ContextVar("said", default="nothing")


def remember(_context: ExecutionContext, config: Any) -> Any:
    before = said.get()
    said.set(config["say"])
    yield before
    yield said.get()


async def remember_async(_context: ExecutionContext, config: Any) -> Any:
    before = said.get()
    said.set(config["say"])
    yield before
    yield said.get()


ASYNCHRONOUS = {
    pay: pay_async,
    tell: tell_async,
    beat: beat_async,
    fall_silent: fall_silent_async,
    ask_wrongly: ask_wrongly_async,
    remember: remember_async,
}


def on(
    kind: Kind, function: Callable[..., Any], policy: RunPolicy | None = None
) -> Workflow:
    """Return the workflow of a kind that does what a plain function does."""
    if kind == "asyncio":
        function = ASYNCHRONOUS.get(function, function)
    made = workflow(
        name=function.__name__.removesuffix("_async"),
        executor=kind,
        policy=policy or RunPolicy(),
    )(function)
    assert isinstance(made, Workflow)
    return made

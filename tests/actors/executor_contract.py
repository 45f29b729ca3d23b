"""What the executor contract is tested with: workflows of every kind, and a driver.

The workflows stand at the top of a module of their own, because worker processes
import them by name. The driver is what a thread's actor is to an execution: it hears of
every step, and has the next one executed when its state is durable.
"""

import asyncio
import itertools
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import msgspec

from tests.actors.support import LONG_S
from weft.actors import ExecutionContext
from weft.actors.executor import Execution, ExecutionResult, WorkflowExecutor
from weft.actors.future import Future
from weft.actors.messages import Failed, Returned, Yielded
from weft.actors.workflow import Kind, Workflow
from weft.storage import MemoryStore
from weft.storage.operations import encode_value
from weft.storage.records import NIL, Run

KINDS: tuple[Kind, ...] = ("threads", "asyncio", "processes")

HUGE_BYTES = 100_000_000


class UnpicklableError(Exception):
    def __init__(self, name: str) -> None:
        super().__init__(name, threading.Lock())


def errors() -> dict[str, BaseException]:
    return {
        "value": ValueError("wrong"),
        "exit": SystemExit(3),
        "interrupt": KeyboardInterrupt(),
        "unpicklable": UnpicklableError("it"),
    }


async def pause() -> None:
    """Let the loop come round once."""
    asyncio.get_running_loop().call_soon((turned := asyncio.Event()).set)
    await turned.wait()


# What every kind does


def give(_context: ExecutionContext, config: Any) -> Any:
    return config["value"]


async def give_async(_context: ExecutionContext, config: Any) -> Any:
    await pause()
    return config["value"]


def count(context: ExecutionContext, config: Any) -> Any:
    for number in range(config["from"], config["to"]):
        yield {"n": number, "before": context.state}


async def count_async(context: ExecutionContext, config: Any) -> Any:
    for number in range(config["from"], config["to"]):
        await pause()
        yield {"n": number, "before": context.state}


def look(context: ExecutionContext, _config: Any) -> Any:
    return [
        context.session_id,
        context.thread_id,
        context.thread_name,
        context.run_id,
        context.attempt,
        context.state,
    ]


async def look_async(context: ExecutionContext, config: Any) -> Any:
    return look(context, config)


def fail(_context: ExecutionContext, config: Any) -> Any:
    yield "before"
    raise errors()[config["error"]]


async def fail_async(_context: ExecutionContext, config: Any) -> Any:
    yield "before"
    raise errors()[config["error"]]


def spoil(_context: ExecutionContext, config: Any) -> Any:
    yield "before"
    yield b"x" * HUGE_BYTES if config["huge"] else object()


async def spoil_async(_context: ExecutionContext, config: Any) -> Any:
    yield "before"
    yield b"x" * HUGE_BYTES if config["huge"] else object()


def fork(_context: ExecutionContext, _config: Any) -> Any:
    pid = os.fork()
    if pid:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return "in the child"


async def fork_async(context: ExecutionContext, config: Any) -> Any:
    return fork(context, config)


def obey(context: ExecutionContext, _config: Any) -> Any:
    """Work until it is asked to stop, in a generator that cleans up."""
    try:
        yield "begun"
        while not context.cancelled:
            threading.Event().wait(0.001)
        yield "asked to stop"
        yield "never"
    finally:
        context.state  # noqa: B018 - cleaning up may look


async def obey_async(_context: ExecutionContext, _config: Any) -> Any:
    yield "begun"
    await asyncio.Event().wait()


def hang(_context: ExecutionContext, config: Any) -> Any:
    """Hang, blocking whatever it runs on, until a file is there."""
    yield "begun"
    while not os.path.exists(config["until"]):  # noqa: PTH110 - it is a string here
        time.monotonic()
    return "it went on"


async def hang_async(context: ExecutionContext, config: Any) -> Any:
    for state in hang(context, config):
        yield state


def die(_context: ExecutionContext, config: Any) -> Any:
    yield "before"
    if config["signal"]:
        os.kill(os.getpid(), config["signal"])
        threading.Event().wait(LONG_S)
    os._exit(config["code"])


def say_where(_context: ExecutionContext, _config: Any) -> Any:
    return [os.getpid(), os.getppid(), threading.current_thread().name]


def import_what_is_there(_context: ExecutionContext, _config: Any) -> Any:
    return [name for name in ("lmdb",) if name in sys.modules]


PLAIN = (give, count, look, fail, spoil, fork, obey, hang)
ASYNCHRONOUS = {
    f.__name__.removesuffix("_async"): f
    for f in (
        give_async,
        count_async,
        look_async,
        fail_async,
        spoil_async,
        fork_async,
        obey_async,
        hang_async,
    )
}


def workflow_of(
    kind: Kind, function: Callable[..., Any], concurrency_max: int | None = None
) -> Workflow:
    """Return the workflow of a kind that does what a plain function does."""
    name = function.__name__
    if kind == "asyncio":
        function = ASYNCHRONOUS.get(name, function)
    return Workflow(name, "1", function, kind, concurrency_max)


class Drive:
    """A run that is driven through its steps.

    Attributes:
        states: what it yielded so far.
        future: gets what it returned, or fails with what it raised.
        yielded: one is done for each state, in order.
    """

    def __init__(self, driver: "Driver", workflow: Workflow, config: Any) -> None:
        number = next(driver.numbers)
        run = Run(
            run_id=f"r{number}",
            thread_id=f"t{number}",
            workflow=workflow.name,
            workflow_version="1",
            config_raw=encode_value(config),
            status="running",
            attempt=1,
            error=None,
            result_raw=NIL,
            created_at_us=0,
            started_at_us=0,
            finished_at_us=None,
            rev=1,
            created_seq=1,
            updated_seq=1,
        )
        self._driver = driver
        self._context = ExecutionContext(
            driver.session_id, run.thread_id, f"name-{number}", run.run_id, 1
        )
        cell: Any = self  # the part of a cell that is used
        self.execution = Execution(
            cell,
            driver.store,
            workflow,
            run,
            self._context,
        )
        self.scheduler = self
        self.states: list[Any] = []
        self.future: Future[Any] = Future()
        self.yielded: list[Future[Any]] = [Future() for _ in range(10)]
        self.holds = driver.holds
        self.failed: Failed | None = None

    def post(self, _cell: Any, message: ExecutionResult) -> None:
        """Hear of a step, as an actor's mailbox does."""
        if isinstance(message, Yielded):
            value = msgspec.msgpack.decode(message.encoded)
            self.states.append(value)
            self._context.state_raw = message.encoded
            self.yielded[len(self.states) - 1].set(value)
            if not self.holds:
                self.go_on()
        elif isinstance(message, Returned):
            self.future.set(msgspec.msgpack.decode(message.encoded))
        else:
            self.failed = message
            self.future.fail(message.error)

    def go_on(self) -> None:
        """Have the next step executed: the state is durable."""
        self._driver.executor.submit(self.execution.step)

    def cancel(self) -> None:
        """Ask it to stop."""
        self._context.cancel()

    def abandon(self) -> None:
        """Do without it."""
        self._driver.executor.abandon(self.execution)

    def result(self) -> Any:
        """Return what it returned."""
        return self.future.get(timeout=LONG_S)

    def error(self) -> BaseException:
        """Return what it raised."""
        try:
            value = self.future.get(timeout=LONG_S)
        except BaseException as error:  # noqa: BLE001 - SystemExit is one of them
            return error
        raise AssertionError(f"It returned {value!r}.")

    def reached(self, number: int) -> Any:
        """Wait for a state, by its number from 1 on."""
        return self.yielded[number - 1].get(timeout=LONG_S)


class Driver:
    """Runs workflows on an executor, without a runtime.

    Attributes:
        executor: where.
        holds: let no run go on by itself.
        session_id: whose the next runs are.
    """

    def __init__(self, executor: WorkflowExecutor, kind: Kind) -> None:
        self.executor = executor
        self.kind = kind
        self.store = MemoryStore()
        self.numbers = itertools.count(1)
        self.holds = False
        self.session_id = "alice"

    def make(
        self,
        function: Callable[..., Any],
        config: Any = None,
        concurrency_max: int | None = None,
    ) -> Drive:
        """Return a run that has not begun."""
        workflow = workflow_of(self.kind, function, concurrency_max)
        return Drive(self, workflow, config or {})

    def start(
        self,
        function: Callable[..., Any],
        config: Any = None,
        concurrency_max: int | None = None,
    ) -> Drive:
        """Begin a run."""
        drive = self.make(function, config, concurrency_max)
        drive.go_on()
        return drive

    def still_works(self) -> bool:
        """Whether a run that comes now does what it should."""
        drive = self.start(give, {"value": 7})
        return bool(drive.result() == 7)


def eventually(condition: Callable[[], object]) -> bool:
    """Wait until a condition holds; some are seen in statistics only."""
    deadline_s = time.monotonic() + LONG_S
    while not condition():
        if time.monotonic() > deadline_s:
            return False
        threading.Event().wait(0.001)
    return True

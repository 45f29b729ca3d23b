"""The process that executes workflows for another one: its main function, its talk.

Two channels lead here. On the one, runs come in and their steps go out, each only when
the one before is durable; what the code records, emits and says of itself in between
goes the same way. On the other comes the number of a run that is to stop; when that
channel ends, the other process is gone, and this one ends at once, with all that the
code has started.

Guarantees:
    - What the code's own OS threads say never mixes: one speaks at a time, and who asks
      hears the answer before another speaks.
    - Between two states nobody speaks: what is said then is heard in the next step.
    - An OS thread that a run has left behind is refused, and speaks for no later run.
    - While a run is traced, ``TRACEPARENT`` in the environment names its trace.

Not here: who starts such processes (:mod:`weft.actors.process_executor`).
"""

import contextlib
import os
import pickle
import signal
import sys
import threading
import time
import traceback
from collections.abc import Generator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from queue import SimpleQueue
from typing import Any, Final, NoReturn

import msgspec

from weft.actors.context import ExecutionContext
from weft.actors.process_messages import (
    NUMBER,
    Answer,
    Ask,
    Beat,
    Begin,
    Emit,
    GoOn,
    Raised,
    Reached,
    Recall,
    Record,
    Reply,
    decode_answer,
    decode_begin,
    decode_go_on,
    encode_message,
)
from weft.actors.run_messages import MODES, Emitted, Stepped
from weft.actors.steps import Steps, end_forked_child, failure_of
from weft.storage import RunInterrupted
from weft.storage.ids import check_name

__all__ = ["main"]

ERROR_SIZE_BYTES_MAX: Final = 1 << 20
"""Of a pickled error: some hold the data they failed on."""

BEAT_EVERY_S: Final = 0.01
"""Of a loop that says at each turn that it is alive, one turn in so long is told."""


class _Channel:
    """The way to the other process, for one OS thread at a time.

    The right to speak is an object that is handed on; whoever wants it waits for it.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._pid = os.getpid()
        self._floor: SimpleQueue[None] = SimpleQueue()

    @contextmanager
    def speaking(self) -> Generator[None]:
        """Have the right to speak, in a with block."""
        end_forked_child(self._pid)
        self._floor.get()
        try:
            yield
        finally:
            self.open()

    def open(self) -> None:
        """Let others speak."""
        self._floor.put(None)

    def close(self) -> None:
        """Let nobody else speak."""
        self._floor.get()

    def send(self, message: object) -> None:
        """Say something; whoever calls it has the right to."""
        self._connection.send_bytes(encode_message(message))

    def receive(self) -> bytes:
        """Wait for what the other process says."""
        return self._connection.recv_bytes()


class _Context(ExecutionContext):
    """What a run in this process sees: its steps and its news go to the other one."""

    __slots__ = ("_beat_at_s", "_channel", "_is_over")

    def __init__(self, channel: _Channel, begin: Begin) -> None:
        now = begin.now
        super().__init__(
            now.session_id,
            begin.thread_id,
            now.thread_name,
            begin.run_id,
            begin.attempt,
        )
        self._channel = channel
        self._is_over = False
        self._beat_at_s = 0.0
        self.wanted = frozenset(MODES)  # what is, the other process knows
        self.post = self._post
        self.follow(now)

    def follow(self, now: GoOn) -> None:
        """Take note of how things are."""
        self.session_id, self.thread_name = now.session_id, now.thread_name
        self.state_raw = now.state
        if now.cancelled:
            self.cancel()

    def end(self) -> None:
        """Let nobody speak for the run any more."""
        self._is_over = True

    def heartbeat(self) -> None:
        """Say that the run is alive; see ``RunPolicy.heartbeat_s``."""
        super().heartbeat()
        now_s = time.monotonic()
        if now_s >= self._beat_at_s + BEAT_EVERY_S:
            self._beat_at_s = now_s
            self._say(Beat())

    def _post(self, message: Any) -> None:
        if isinstance(message, Emitted):
            self._say(Emit(message.mode, message.encoded))
        elif isinstance(message, Stepped):
            self._ask(Record(message.name, message.encoded))
            message.future.set(True)

    def _recorded(self, name: str) -> msgspec.Raw | None:
        return self._ask(Recall(check_name(name, "step name")))

    def _say(self, message: Beat | Emit) -> None:
        with self._speaking():
            self._channel.send(message)

    def _ask(self, message: Ask) -> msgspec.Raw | None:
        with self._speaking():
            self._channel.send(message)
            answer: Answer = decode_answer(self._channel.receive())
        if answer.error is not None:
            raise pickle.loads(answer.error)  # noqa: S301 - of the process we work for
        return answer.value if answer.is_known else None

    @contextmanager
    def _speaking(self) -> Generator[None]:
        self._refuse_if_over()
        with self._channel.speaking():
            self._refuse_if_over()  # it may have ended while this one waited
            yield

    def _refuse_if_over(self) -> None:
        if self._is_over:
            raise RunInterrupted("The run has ended.", thread_id=self.thread_id)


class _Worker:
    """Executes one run after the other, as it is told."""

    def __init__(self, connection: Connection) -> None:
        self._channel = _Channel(connection)
        self._pid = os.getpid()
        self._cancelled_number = 0
        self._current: tuple[int, _Context] | None = None

    def watch(self, descriptor: int) -> None:
        """Pass on who is to stop, from a channel; end with it."""
        while data := os.read(descriptor, NUMBER.size):
            (self._cancelled_number,) = NUMBER.unpack(data)
            current = self._current
            if current is not None and current[0] == self._cancelled_number:
                current[1].cancel()
        _end()

    def serve(self) -> None:
        """Execute runs until the other process has no more, or has gone."""
        with contextlib.suppress(EOFError, ConnectionError):
            while True:
                begin = decode_begin(self._channel.receive())
                self._channel.send(self._execute(begin))

    def _execute(self, begin: Begin) -> Reply:
        """Execute a run, and return its last reply."""
        context = _Context(self._channel, begin)
        self._current = begin.number, context
        _enter_trace(begin.traceparent)
        if self._cancelled_number == begin.number:
            context.cancel()
        self._channel.open()
        try:
            reply = self._go_through(begin, context)
        except BaseException as error:  # noqa: BLE001 - SystemExit ends the run only
            end_forked_child(self._pid)
            reply = _raised(error)
        self._channel.close()
        context.end()
        self._current = None
        return reply

    def _go_through(self, begin: Begin, context: _Context) -> Reply:
        config = msgspec.msgpack.decode(begin.config)
        steps = Steps(begin.reference.load(), context, config, begin.last)
        context.heartbeat()
        while True:
            step = steps.advance()
            end_forked_child(self._pid)
            if step.ended:
                return Reached(step)
            with self._channel.speaking():
                self._channel.send(Reached(step))
                context.follow(decode_go_on(self._channel.receive()))


def _enter_trace(traceparent: str) -> None:
    """Have the code find its trace where OpenTelemetry puts it for a process."""
    if traceparent:
        os.environ["TRACEPARENT"] = traceparent
    else:
        os.environ.pop("TRACEPARENT", None)


def _raised(error: BaseException) -> Raised:
    words = "".join(traceback.format_exception(error, limit=-20))
    try:
        pickled: bytes | None = pickle.dumps(error)
    except Exception:  # noqa: BLE001 - its words are told instead
        pickled = None
    if pickled is not None and len(pickled) > ERROR_SIZE_BYTES_MAX:
        pickled = None
    return Raised(failure_of(error), pickled, words.encode(errors="replace").decode())


def main(connection: int, control: int) -> None:
    """Serve another process; returns never.

    Args:
        connection: the descriptor of the channel of runs and steps.
        control: the descriptor of the channel of runs that are to stop.
    """
    worker = _Worker(Connection(connection))
    threading.Thread(target=worker.watch, args=(control,), daemon=True).start()
    worker.serve()
    sys.stdout.flush()
    sys.stderr.flush()
    _end()


def _end() -> NoReturn:
    """End this process, and what user code has started and left running."""
    if os.getpgrp() == os.getpid():  # as it is where worker_process has started it
        os.killpg(0, signal.SIGKILL)
    os._exit(0)

"""The process that executes workflows for another one: its main function, its talk.

Two channels lead here. On the one, runs come in and their steps go out, each only when
the one before is durable. On the other comes the number of a run that is to stop; when
that channel ends, the other process is gone, and this one ends at once.

Not here: who starts such processes (:mod:`weft.actors.process_executor`).
"""

import os
import pickle
import struct
import sys
import threading
import traceback
from multiprocessing.connection import Connection
from typing import Final

import msgspec

from weft.actors.context import ExecutionContext
from weft.actors.reference import Reference
from weft.actors.steps import Step, Steps, end_forked_child, failure_of
from weft.storage.operations import Failure

__all__ = ["NUMBER", "Begin", "GoOn", "Raised", "Reply", "decode_reply", "main"]

NUMBER: Final = struct.Struct("<Q")
"""A run's number on the second channel: eight bytes are written all at once."""

ERROR_SIZE_BYTES_MAX: Final = 1 << 20
"""Of a pickled error: some hold the data they failed on."""

_encode: Final = msgspec.msgpack.Encoder().encode


class GoOn(msgspec.Struct, tag=True):
    """The state is durable: execute the next step.

    Attributes:
        session_id: the owner now.
        thread_name: the thread's name there.
        state: the last durable state.
    """

    session_id: str
    thread_name: str
    state: msgspec.Raw


class Begin(msgspec.Struct, tag=True):
    """Execute a run.

    Attributes:
        number: greater than that of any run before in this process.
        reference: the workflow's function.
        now: the thread as it is now.
        thread_id: the thread.
        run_id: the run.
        attempt: its attempt.
        config: what the function is given.
        last: what an earlier attempt yielded last.
        cancelled: it was asked to stop already.
    """

    number: int
    reference: Reference
    now: GoOn
    thread_id: str
    run_id: str
    attempt: int
    config: msgspec.Raw
    last: msgspec.Raw
    cancelled: bool


class Raised(msgspec.Struct, tag=True):
    """The workflow's code raised.

    Attributes:
        failure: what is stored of it.
        pickled: the error itself, if it can be pickled.
        words: its traceback, printed.
    """

    failure: Failure
    pickled: bytes | None
    words: str


class Reached(msgspec.Struct, tag=True):
    """The workflow's code reached a state or its end."""

    step: Step


Reply = Reached | Raised
decode_reply: Final = msgspec.msgpack.Decoder(Reply).decode
_decode_begin: Final = msgspec.msgpack.Decoder(Begin).decode
_decode_go_on: Final = msgspec.msgpack.Decoder(GoOn).decode


class _Worker:
    """Executes one run after the other, as it is told."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._pid = os.getpid()
        self._cancelled_number = 0
        self._current: tuple[int, ExecutionContext] | None = None

    def watch(self, descriptor: int) -> None:
        """Pass on who is to stop, from a channel; end with it."""
        while data := os.read(descriptor, NUMBER.size):
            (self._cancelled_number,) = NUMBER.unpack(data)
            current = self._current
            if current is not None and current[0] == self._cancelled_number:
                current[1].cancel()
        os._exit(0)

    def serve(self) -> None:
        """Execute runs until the other process has no more."""
        while True:
            try:
                message = self._connection.recv_bytes()
            except (EOFError, ConnectionError):
                return
            self._connection.send_bytes(_encode(self._execute(_decode_begin(message))))

    def _execute(self, begin: Begin) -> Reply:
        """Execute a run, and return its last reply."""
        try:
            steps = self._begin(begin)
            while True:
                step = steps.advance()
                end_forked_child(self._pid)
                if step.ended:
                    return Reached(step)
                self._connection.send_bytes(_encode(Reached(step)))
                self._go_on(_decode_go_on(self._connection.recv_bytes()))
        except BaseException as error:  # noqa: BLE001 - SystemExit ends the run only
            end_forked_child(self._pid)
            return _raised(error)
        finally:
            self._current = None

    def _begin(self, begin: Begin) -> Steps:
        now = begin.now
        context = ExecutionContext(
            now.session_id,
            begin.thread_id,
            now.thread_name,
            begin.run_id,
            begin.attempt,
        )
        self._current = begin.number, context
        self._go_on(now)
        if begin.cancelled or self._cancelled_number == begin.number:
            context.cancel()
        config = msgspec.msgpack.decode(begin.config)
        return Steps(begin.reference.load(), context, config, begin.last)

    def _go_on(self, now: GoOn) -> None:
        if self._current is not None:
            context = self._current[1]
            context.session_id, context.thread_name = now.session_id, now.thread_name
            context.state_raw = now.state


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
    os._exit(0)  # what user code left running must not hold the process

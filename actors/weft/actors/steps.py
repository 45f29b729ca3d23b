"""The steps of a workflow's code: from one durable state to the next.

Plain functions and generators, wherever they run: on an OS thread of the runtime's
process, or in a process of their own.

Guarantees:
    - A generator is advanced only when it is told to; one that is asked to stop is
      closed at its next step instead, and the run is interrupted.
    - What a step comes to is encoded on the spot, so what cannot be stored is an error
      of the workflow's code, and nobody else ever holds its objects.
    - The context variables that the code sets are seen in its later steps, on whatever
      OS thread they are, and by no other run.
"""

import asyncio
import logging
import os
from collections.abc import Callable, Generator
from contextvars import Context, copy_context
from inspect import isasyncgen, iscoroutine, isgenerator
from typing import Any, Final, cast

import msgspec

from weft.actors.context import ExecutionContext, Stored
from weft.storage import InvalidArgument, RunInterrupted
from weft.storage.operations import Failure, encode_value
from weft.storage.records import NIL

__all__ = [
    "FAILURE_CHARACTERS_MAX",
    "Step",
    "Steps",
    "encode_result",
    "end_forked_child",
    "failure_of",
    "yielded",
]

_logger = logging.getLogger("weft.actors")

FAILURE_CHARACTERS_MAX: Final = 4096
"""Of an error's words: a page of text says what was wrong; some errors quote their
whole input, and this is stored with the run."""

FORKED_EXIT_CODE: Final = 70
"""EX_SOFTWARE of sysexits: the workflow's code is wrong."""


class Step(msgspec.Struct, frozen=True):
    """What a step came to.

    Attributes:
        encoded: the value.
        ended: it is the run's result; else a state, after which the code goes on.
        is_state: a result that is the thread's next state as well.
        is_stored: a state that is in the store already.
    """

    encoded: msgspec.Raw
    ended: bool
    is_state: bool = False
    is_stored: bool = False


class Steps:
    """A plain function or a generator on its way, one step after the other.

    Args:
        function: takes ``(context, config)``.
        context: what it sees.
        config: what it is given.
        last: what an earlier attempt yielded last: the result, if no more is yielded.
    """

    __slots__ = (
        "_config",
        "_context",
        "_function",
        "_generator",
        "_last",
        "_variables",
    )

    def __init__(
        self,
        function: Callable[[Any, Any], Any],
        context: ExecutionContext,
        config: Any,
        last: msgspec.Raw = NIL,
    ) -> None:
        self._function = function
        self._context = context
        self._config = config
        self._last = last
        self._generator: Generator[Any, None, Any] | None = None
        self._variables = Context()

    def advance(self) -> Step:
        """Execute the next step.

        Raises:
            RunInterrupted: the run was asked to stop.
            InvalidArgument: what it came to cannot be stored.
            BaseException: what the code raised.
        """
        for variable, value in copy_context().items():  # what is said of this step
            self._variables.run(variable.set, value)
        self._context.code_begins()
        try:
            return self._variables.run(self._advance)
        finally:
            self._context.code_rests()

    def _advance(self) -> Step:
        generator = self._generator
        if generator is None:
            value = self._function(self._context, self._config)
            if not isgenerator(value):
                return Step(
                    encode_result(value), ended=True, is_state=value is not None
                )
            self._generator = generator = cast("Generator[Any, None, Any]", value)
        if self._context.cancelled:
            generator.close()
            raise RunInterrupted(thread_id=self._context.thread_id)
        return self._next(generator)

    def _next(self, generator: Generator[Any, None, Any]) -> Step:
        try:
            value = next(generator)
        except StopIteration as stop:
            if stop.value is None:
                return Step(self._last, ended=True)
            return Step(encode_result(stop.value), ended=True)
        step = yielded(value)
        self._last = step.encoded
        return step

    def close(self) -> None:
        """Have a generator that is not advanced any more clean up.

        Raises:
            BaseException: what its cleaning up raised.
        """
        generator, self._generator = self._generator, None
        if generator is not None:
            self._variables.run(generator.close)


def yielded(value: Any) -> Step:
    """Return the step that ends with a yielded value.

    Args:
        value: a state, or :class:`~weft.actors.context.Stored` in place of one.

    Raises:
        InvalidArgument: it cannot be encoded, or is too large.
    """
    if isinstance(value, Stored):
        return Step(value.encoded, ended=False, is_stored=True)
    return Step(encode_value(value, "the yielded state"), ended=False)


def encode_result(value: Any) -> msgspec.Raw:
    """Return a result as it is stored.

    Raises:
        InvalidArgument: it cannot be encoded, is too large, or has not been awaited.
    """
    if iscoroutine(value) or isasyncgen(value) or asyncio.isfuture(value):
        if iscoroutine(value):
            value.close()
        raise InvalidArgument(
            "The workflow returned something to be awaited. "
            'Declare it `async def`, or with @workflow(executor="asyncio").'
        )
    return encode_value(value, "the workflow's result")


def end_forked_child(pid: int) -> None:
    """End this process, if a workflow's code has forked it and come back.

    The child has copies of the runtime's OS threads' memory but not the OS threads; the
    store refuses it. There is nothing it could go on with.

    Args:
        pid: of the process in which the code was called.
    """
    if os.getpid() != pid:
        _logger.error("A workflow forked, and its child did not end in the workflow")
        os._exit(FORKED_EXIT_CODE)


def failure_of(error: BaseException) -> Failure:
    """Return what is stored of an error: its type, and its words as far as it has any.

    Args:
        error: of user code; its ``__str__`` is user code, too.
    """
    try:
        words = str(error)
    except Exception as unprintable:  # noqa: BLE001 - the run has failed already
        words = f"(no words: {type(unprintable).__name__} in __str__)"
    words = words[:FAILURE_CHARACTERS_MAX].encode(errors="replace").decode()
    return Failure(type(error).__name__, words)

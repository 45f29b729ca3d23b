"""What callers and shards write to each other: commands and answers as plain bytes.

A command becomes a letter without its future and its functions: these stay with the
caller, who makes its own answer of the operation's result. Many letters for a shard
travel as one call, because a call costs as much as twenty operations.

Guarantees:
    * an operation arrives as it was submitted, under the same ``op_id``, however often
      it is sent;
    * an error arrives as its own class, with data and cause; one that cannot be
      pickled, or whose class is unknown here, arrives as :class:`RemoteError` with its
      words.
"""

import pickle
from typing import Any, Final

import msgspec

from weft.actors.errors import RemoteError
from weft.actors.future import Future
from weft.actors.messages import Busy, Command, RunCommand
from weft.actors.run_messages import Mode
from weft.storage import Operation, SessionThreadException
from weft.storage.operations import Batch, IfBusy
from weft.storage.records import EMPTY, NIL, Run
from weft.storage.rules import RESULTS

__all__ = [
    "Answer",
    "Letter",
    "Order",
    "RunOrder",
    "Shown",
    "answer_failure",
    "answer_result",
    "decode_answers",
    "decode_letters",
    "decode_order",
    "decode_shown",
    "encode",
    "failure_of",
    "result_of",
    "run_result_of",
]


class Letter(msgspec.Struct, frozen=True, array_like=True):
    """A command on its way to the shard of a session.

    Attributes:
        operation: complete.
        session_id: whom to ask; None for whoever owns the first thread.
        names: names of the session's threads that it concerns.
        thread_ids: threads that it concerns.
        if_running: what to do about a run in progress on the thread.
        timeout_s: how long the answer may take, from its arrival.
    """

    operation: Operation
    session_id: str | None
    names: tuple[str, ...]
    thread_ids: tuple[str, ...]
    if_running: Busy
    timeout_s: float | None = None

    @classmethod
    def of(
        cls, command: Command, session_id: str | None, timeout_s: float | None
    ) -> "Letter":
        """Return what is written of a command.

        Args:
            command: a caller's.
            session_id: whom it asks.
            timeout_s: how long the answer may take.
        """
        return cls(
            command.operation,
            session_id,
            command.names,
            command.thread_ids,
            command.if_running,
            timeout_s,
        )

    def to_command(self, future: Future[Any]) -> Command:
        """Return the command as the shard's runtime takes it; the answer is raw."""
        return Command(
            self.operation,
            future,
            self.names,
            self.thread_ids,
            if_running=self.if_running,
        )


class RunOrder(msgspec.Struct, frozen=True, array_like=True):
    """A command to run a thread's workflow, on its way; fields as in ``RunCommand``.

    Attributes:
        timeout_s: how long the answer may take, from its arrival.
    """

    op_id: str
    run_id: str
    thread_id: str | None
    session_id: str | None
    thread_name: str | None
    workflow: str | None
    config: msgspec.Raw = EMPTY
    if_running: IfBusy = "enqueue"
    not_before_us: int = 0
    timeout_us: int = 0
    modes: tuple[Mode, ...] = ("states",)
    tagged: bool = False
    background: bool = False
    joins: bool = False
    is_lasting: bool = True
    metadata: msgspec.Raw = EMPTY
    timeout_s: float | None = None

    @classmethod
    def of(cls, command: RunCommand, timeout_s: float | None) -> "RunOrder":
        """Return what is written of a command."""
        fields = {
            name: getattr(command, name)
            for name in cls.__struct_fields__
            if name != "timeout_s"
        }
        return cls(**fields, timeout_s=timeout_s)

    def to_command(self, future: Future[Any]) -> RunCommand:
        """Return the command as the shard's runtime takes it."""
        fields = {
            name: getattr(self, name)
            for name in self.__struct_fields__
            if name != "timeout_s"
        }
        return RunCommand(**fields, future=future)


Order = Letter | RunOrder
"""Whatever a caller asks of a shard."""


class Answer(msgspec.Struct, frozen=True, array_like=True):
    """What became of a letter.

    Attributes:
        result: encoded.
        error: why there is none, pickled.
    """

    result: msgspec.Raw = NIL
    error: bytes | None = None


class Shown(msgspec.Struct, frozen=True, array_like=True):
    """What a run shows, or its end.

    Attributes:
        item: pickled; None at the end.
        answer: what the run came to.
    """

    item: bytes | None
    answer: Answer = Answer()


# Made at import: msgspec 0.22 crashes when a type is decoded for the first time on
# two OS threads at once.
encode: Final = msgspec.msgpack.Encoder().encode
decode_letters: Final = msgspec.msgpack.Decoder(list[Letter]).decode
decode_order: Final = msgspec.msgpack.Decoder(RunOrder).decode
decode_answers: Final = msgspec.msgpack.Decoder(list[Answer]).decode
decode_shown: Final = msgspec.msgpack.Decoder(Shown).decode
_decode_list: Final = msgspec.msgpack.Decoder(list[msgspec.Raw]).decode
_decode_run: Final = msgspec.msgpack.Decoder(Run).decode
_DECODERS: Final[dict[str, msgspec.msgpack.Decoder[Any]]] = {
    kind: msgspec.msgpack.Decoder(answer) for kind, answer in RESULTS.items()
}


def answer_result(result: Any) -> Answer:
    """Return the answer that carries a result."""
    return Answer(msgspec.Raw(encode(result)))


def answer_failure(error: BaseException) -> Answer:
    """Return the answer that carries an error."""
    return Answer(error=_pickled(error))


def _pickled(error: BaseException) -> bytes:
    try:
        pickled = pickle.dumps(error)
        pickle.loads(pickled)  # noqa: S301 - some errors pickle and do not come back
    except Exception:  # noqa: BLE001 - user code's errors fail in every way there is
        return pickle.dumps(_in_words(error))
    return pickled


def _in_words(error: BaseException) -> SessionThreadException:
    """Return an error that says what another one said."""
    if not isinstance(error, SessionThreadException):
        return RemoteError(f"{type(error).__name__}: {error}")
    cause = error.cause
    told = type(error)(
        error.message,
        session_id=error.session_id,
        thread_id=error.thread_id,
        op_id=error.op_id,
        details=dict(error.details),
    )
    if cause is not None:
        told.cause = told.__cause__ = RemoteError(f"{type(cause).__name__}: {cause}")
    return told


def failure_of(answer: Answer) -> BaseException | None:
    """Return the error that an answer carries, None if it carries a result."""
    if answer.error is None:
        return None
    try:
        found = pickle.loads(answer.error)  # noqa: S301 - a shard's, which runs our code
    except Exception as error:  # noqa: BLE001 - its class may be unknown here
        return RemoteError(f"The shard answered with an error unknown here: {error}")
    return found if isinstance(found, BaseException) else RemoteError(repr(found))


def result_of(operation: Operation, answer: Answer) -> Any:
    """Return the result of an operation, as the rules made it."""
    if not isinstance(operation, Batch):
        return _DECODERS[operation.kind].decode(answer.result)
    return [
        _DECODERS[part.kind].decode(raw)
        for part, raw in zip(operation.parts, _decode_list(answer.result), strict=True)
    ]


def run_result_of(order: RunOrder, answer: Answer) -> Any:
    """Return what a run came to: its value, or its record if it is in the background.

    A start in the background that is repeated is answered with the record, too.
    """
    if order.background:
        return _decode_run(answer.result)
    return msgspec.msgpack.decode(answer.result)

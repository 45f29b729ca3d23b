"""What a process and the worker process that executes its runs say to each other.

One channel carries everything but the order to stop, which overtakes: the run's code
may be in the middle of a step when that comes. Who has been asked answers before it
says anything else, so an answer needs no number.
"""

import struct
from typing import Final

import msgspec

from weft.actors.reference import Reference
from weft.actors.run_messages import Mode
from weft.actors.steps import Step
from weft.storage.operations import Failure
from weft.storage.records import NIL

__all__ = [
    "NUMBER",
    "Answer",
    "Ask",
    "Beat",
    "Begin",
    "Emit",
    "GoOn",
    "Raised",
    "Reached",
    "Recall",
    "Record",
    "Reply",
    "Spoken",
    "decode_answer",
    "decode_begin",
    "decode_go_on",
    "decode_spoken",
    "encode_message",
]

NUMBER: Final = struct.Struct("<Q")
"""A run's number, on the channel of the order to stop: eight bytes are written all at
once."""


# To the worker


class GoOn(msgspec.Struct, tag=True):
    """The state is durable: execute the next step.

    Attributes:
        session_id: the owner now.
        thread_name: the thread's name there.
        state: the last durable state.
        cancelled: the run was asked to stop; the order itself may come later.
    """

    session_id: str
    thread_name: str
    state: msgspec.Raw
    cancelled: bool


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
        traceparent: the trace it belongs to, as W3C Trace Context spells it; empty
            for none.
    """

    number: int
    reference: Reference
    now: GoOn
    thread_id: str
    run_id: str
    attempt: int
    config: msgspec.Raw
    last: msgspec.Raw
    traceparent: str = ""


class Answer(msgspec.Struct, tag=True):
    """What came of a question.

    Attributes:
        is_known: something is recorded.
        value: what that is.
        error: why there is no answer, pickled.
    """

    is_known: bool = False
    value: msgspec.Raw = NIL
    error: bytes | None = None


# From the worker


class Reached(msgspec.Struct, tag=True):
    """The workflow's code reached a state or its end."""

    step: Step


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


class Beat(msgspec.Struct, tag=True):
    """The code is alive."""


class Emit(msgspec.Struct, tag=True):
    """The code has something to tell whoever reads along."""

    mode: Mode
    encoded: msgspec.Raw


class Recall(msgspec.Struct, tag=True):
    """What is recorded of a step? To be answered."""

    name: str


class Record(msgspec.Struct, tag=True):
    """Record what a step returned; to be answered when it is durable."""

    name: str
    encoded: msgspec.Raw


Reply = Reached | Raised
"""The end of a step."""

Ask = Recall | Record
"""What wants an answer."""

Spoken = Reached | Raised | Beat | Emit | Recall | Record
"""Whatever a worker says."""

encode_message: Final = msgspec.msgpack.Encoder().encode
decode_begin: Final = msgspec.msgpack.Decoder(Begin).decode
decode_go_on: Final = msgspec.msgpack.Decoder(GoOn).decode
decode_answer: Final = msgspec.msgpack.Decoder(Answer).decode
decode_spoken: Final = msgspec.msgpack.Decoder(Spoken).decode

"""What callers say of a thread to be created, checked at the door."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from weft.actors.sources import REAL
from weft.storage import InvalidArgument, NewThread
from weft.storage.ids import check_id, check_name
from weft.storage.operations import encode_mapping

__all__ = ["ThreadSpec", "new_thread"]


class ThreadSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A thread to be created.

    Attributes:
        name: unique among the session's live threads.
        workflow: what its runs execute; None for the one named ``default``.
        config: what every run starts from.
        metadata: the caller's data.
        thread_id: the caller's id; None to have one generated.
    """

    name: str
    workflow: str | None = None
    config: dict[str, Any] = {}
    metadata: dict[str, Any] = {}
    thread_id: str | None = None

    @classmethod
    def of(cls, given: "ThreadSpec | Mapping[str, Any]") -> "ThreadSpec":
        """Return a spec of what the caller gave.

        Raises:
            InvalidArgument: unknown fields, missing name or wrong types.
        """
        if isinstance(given, ThreadSpec):
            return given
        try:
            return msgspec.convert(given, cls)
        except msgspec.ValidationError as error:
            raise InvalidArgument(f"A thread's config is wrong: {error}.") from error

    def to_new_thread(self, new_id: Callable[[], str] = REAL.new_id) -> NewThread:
        """Return the operation's part, with a generated id where none was given.

        Args:
            new_id: generates it.

        Raises:
            InvalidArgument: a name, id or value that cannot be stored.
        """
        return new_thread(
            self.name,
            self.workflow,
            self.config,
            self.metadata,
            self.thread_id,
            new_id,
        )


# Prepared on one OS thread, at import: a type that msgspec sees for the first time on
# several at once crashes the interpreter (0.22).
msgspec.msgpack.Decoder(ThreadSpec)


def new_thread(
    name: str,
    workflow: str | None = None,
    config: Mapping[str, Any] | None = None,
    metadata: Mapping[str, Any] | None = None,
    thread_id: str | None = None,
    new_id: Callable[[], str] = REAL.new_id,
) -> NewThread:
    """Return the operation's part for a thread, checked and encoded.

    Args:
        name: unique among the session's live threads.
        workflow: what its runs execute; None for the one named ``default``.
        config: what every run starts from.
        metadata: the caller's data.
        thread_id: the caller's id; None to have one generated.
        new_id: generates it.

    Raises:
        InvalidArgument: a name, id or value that cannot be stored.
    """
    return NewThread(
        new_id() if thread_id is None else check_id(thread_id, "thread id"),
        check_name(name),
        None if workflow is None else check_name(workflow, "workflow name"),
        encode_mapping(config, "config"),
        encode_mapping(metadata, "metadata"),
    )

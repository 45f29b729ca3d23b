"""What callers say of a thread to be created, checked at the door."""

from typing import TYPE_CHECKING, Any

import msgspec

from weft.storage import InvalidArgument, NewThread, new_id
from weft.storage.ids import check_id, check_name
from weft.storage.operations import encode_mapping

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ThreadSpec"]


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

    def to_new_thread(self) -> NewThread:
        """Return the operation's part, with a generated id where none was given.

        Raises:
            InvalidArgument: a name, id or value that cannot be stored.
        """
        thread_id = self.thread_id
        return NewThread(
            thread_id=new_id()
            if thread_id is None
            else check_id(thread_id, "thread id"),
            name=check_name(self.name),
            workflow=None
            if self.workflow is None
            else check_name(self.workflow, "workflow name"),
            config=encode_mapping(self.config, "config"),
            metadata=encode_mapping(self.metadata, "metadata"),
        )

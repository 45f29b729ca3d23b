"""What a request says about a session that is missing, by either of two names."""

from typing import Annotated

import msgspec
from msgspec import UNSET, UnsetType

__all__ = ["MissingSession"]

_Flag = Annotated[
    bool | UnsetType,
    msgspec.Meta(
        description="Create the session if it is missing. It has two names:"
        " create_session and create.",
        extra_json_schema={"default": False},
    ),
]


class MissingSession(msgspec.Struct, kw_only=True):
    """Whether a session that is missing is created in the same transaction.

    Threads that are created take ``create_session``, a transfer takes ``create``. Each
    takes the other's name as well, for who knows one knows the other.
    """

    create_session: _Flag = UNSET
    create: _Flag = UNSET

    def __post_init__(self) -> None:
        """Refuse two names that say two things."""
        if len({self.create_session, self.create} - {UNSET}) > 1:
            raise ValueError("`create_session` and `create` contradict each other")

    @property
    def creates(self) -> bool:
        """What was asked for."""
        return True in {self.create_session, self.create}

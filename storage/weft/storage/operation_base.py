"""What every operation carries: its idempotency key and its time."""

import msgspec

__all__ = ["BaseOperation"]


class BaseOperation(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    tag=True,
    tag_field="kind",
    forbid_unknown_fields=True,
):
    """What all operations carry; both are filled in at admission where empty.

    Attributes:
        op_id: the idempotency key.
        at_us: when it was accepted, microseconds since the Unix epoch.
    """

    op_id: str = ""
    at_us: int = 0

    @property
    def kind(self) -> str:
        """The operation's name in the log and in metrics."""
        return type(self).__name__

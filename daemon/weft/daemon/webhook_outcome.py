"""What one request of a webhook came to."""

from typing import Literal, NamedTuple

__all__ = ["Outcome", "OutcomeKind"]

OutcomeKind = Literal["delivered", "refused", "gone", "unreachable", "forbidden"]


class Outcome(NamedTuple):
    """What a request came to.

    Attributes:
        kind: ``gone`` is a receiver that wants no more (410), ``refused`` any other
            status but 2xx, ``unreachable`` no answer at all.
        words: about it, without the URL.
        retry_after_s: when the receiver wants to be asked again; None if it is silent.
    """

    kind: OutcomeKind
    words: str
    retry_after_s: float | None = None

    @property
    def is_final(self) -> bool:
        """Whether another attempt would change nothing."""
        return self.kind in {"delivered", "gone", "forbidden"}

"""What a daemon is told and cannot use: a sentence, and what to do about it."""

import os

__all__ = ["Unusable"]


class Unusable(Exception):
    """Something the daemon was given cannot be used.

    Args:
        reason: what is wrong, without a full stop.
        remedy: what to do about it, a sentence.
    """

    exit_code = os.EX_CONFIG

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(reason, remedy)
        self.reason = reason
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.reason}. {self.remedy}"

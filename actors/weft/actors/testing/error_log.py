"""What is logged as an error while a simulation runs; nobody else would be told."""

import logging

from weft.actors.testing.breakage import SimulatedFailure

__all__ = ["ErrorLog"]


class ErrorLog(logging.Handler):
    """Keeps them.

    Attributes:
        errors: a sentence each, the cause included.
    """

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.errors: list[str] = []

    def listen(self) -> None:
        """Begin to keep what Weft logs."""
        logging.getLogger("weft").addHandler(self)

    def leave(self) -> None:
        """Keep no more."""
        logging.getLogger("weft").removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record's words, and what caused it, unless that was simulated."""
        cause = record.exc_info[1] if record.exc_info else None
        if isinstance(cause, SimulatedFailure):
            return
        words = record.getMessage()
        self.errors.append(f"{words}: {cause!r}" if cause is not None else words)

"""From an exception to a sentence and an exit code: the table of the command line.

Guarantees: a failure that can be foreseen has the exit code that its class names, as
sysexits.h has them; anything else is a defect, exit code 70.
"""

import errno
import os
from typing import Final

__all__ = ["EXIT_CODES", "INTERRUPTED", "foreseen"]

INTERRUPTED: Final = 130
"""128 + SIGINT, what shells report."""

EXIT_CODES: Final = (
    ("0", "done"),
    ("1", "done, and something was found; or you said no"),
    ("2", "wrong usage"),
    ("64", "an argument that the daemon refuses"),
    ("65", "bad data, or a state that does not allow it"),
    ("66", "no such session, thread or file"),
    ("69", "no daemon there, or no such address to listen on"),
    ("70", "a workflow failed, or a defect: --debug shows more"),
    ("73", "cannot be created"),
    ("74", "reading or writing failed"),
    ("75", "busy, in use or too late: try again"),
    ("77", "not permitted"),
    ("78", "the configuration is wrong"),
    ("128+n", "stopped by signal n; 130 is Ctrl-C"),
)
"""What ``weft --help`` says of them."""


def foreseen(error: Exception) -> tuple[str, int] | None:
    """Return the sentence and the exit code of a failure, None for a defect.

    Args:
        error: what a command raised.
    """
    code = getattr(error, "exit_code", None)
    if isinstance(code, int):
        return str(error), code
    if isinstance(error, OSError):  # after exit_code: a missed deadline is one, too
        what = error.strerror or str(error)
        place = f"{error.filename}: " if error.filename else ""
        return f"{place}{what}. Mend this, or name another place.", _code_of(error)
    return None


def _code_of(error: OSError) -> int:
    if isinstance(error, PermissionError):
        return os.EX_NOPERM
    if isinstance(error, FileExistsError):
        return os.EX_CANTCREAT
    if error.errno == errno.ENOENT:
        return os.EX_NOINPUT
    return os.EX_IOERR

"""The Unix socket where a daemon and its commands meet if nobody names another one.

It lies in a directory of its own, which is this user's alone: below
``RUNTIME_DIRECTORY`` where systemd has made one for the daemon, else below
``XDG_RUNTIME_DIR``, else below ``/run`` for root and below the directory of temporary
files for everybody else.

Guarantees:
    * the directory is made with mode 0700, the socket with 0600; a directory of
      somebody else, or that others may write to, is not used by either side;
    * of several daemons the first one has the place, until it ends or dies: it holds a
      lock of the directory, so two that start at once do not take it from each other;
    * the socket that a dead daemon has left is replaced, and asked by nobody.
"""

import fcntl
import os
import socket
import stat
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from weft.daemon.listen import ListenError, bind_unix

__all__ = ["bind_default", "default_socket", "is_answered"]

NAME: Final = "weft.sock"
_REMEDY: Final = "Give the daemon another --socket, or --no-socket."


def default_socket(environment: Mapping[str, str] = os.environ) -> Path:
    """Return where the socket of this user's daemon is if nobody says otherwise."""
    own = environment.get("RUNTIME_DIRECTORY", "").partition(":")[0]
    if own:
        return Path(own, NAME)
    shared = environment.get("XDG_RUNTIME_DIR")
    if shared:
        return Path(shared, "weft", NAME)
    if os.geteuid() == 0:
        return Path("/run/weft", NAME)
    return Path(tempfile.gettempdir(), f"weft-{os.geteuid()}", NAME)


@contextmanager
def bind_default(path: Path) -> Generator[socket.socket]:
    """Bind the default socket for the time of a with block.

    Args:
        path: from :func:`default_socket`; its directory is made if it is missing.

    Raises:
        ListenError: another daemon has it, or the directory is not this user's alone.
    """
    with _claimed(path), bind_unix(path) as listener:
        yield listener


def is_answered(path: Path) -> bool:
    """Whether a daemon of this user answers on a socket."""
    if not _is_private(path.parent):
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as knocking:
        try:
            knocking.connect(str(path))
        except OSError:
            return False
    return True


@contextmanager
def _claimed(path: Path) -> Generator[None]:
    """Hold the directory of a socket against other daemons."""
    directory = path.parent
    try:
        directory.mkdir(mode=stat.S_IRWXU, exist_ok=True)
        if not _is_private(directory):
            raise _refusal(path, "others may write to its directory")
        claim = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError as error:
        raise _refusal(path, error.strerror or str(error)) from error
    try:
        try:
            fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise _refusal(path, "another daemon answers there") from error
        yield
    finally:
        os.close(claim)


def _is_private(directory: Path) -> bool:
    """Whether a directory is this user's and nobody else may put a socket there."""
    try:
        found = directory.lstat()
    except OSError:
        return False
    ours = found.st_uid == os.geteuid() or os.geteuid() == 0
    writable = found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return stat.S_ISDIR(found.st_mode) and ours and not writable


def _refusal(path: Path, why: str) -> ListenError:
    return ListenError(f"Cannot listen on {path}: {why}", _REMEDY, os.EX_UNAVAILABLE)

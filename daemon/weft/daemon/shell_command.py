"""``weft shell``: Python with a daemon at hand."""

import code
import sys
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from weft.daemon.target import Target

__all__ = ["shell"]

BANNER: Final = """\
weft is the daemon at {place}.
  weft.session("alice").create_thread("notes").get()
  weft.coordinator.list_sessions().get()
Ctrl-D ends the shell."""


def shell(target: "Target") -> None:
    """Read and run Python until the input ends.

    Args:
        target: the daemon.

    Raises:
        NoDaemon: nobody answers there.
    """
    with target.remote() as remote:  # its words where there is no daemon
        remote.ask("GET", "/ok")
        place = remote.place
    with target.client() as client:
        names = _names(client)
        if not sys.stdin.isatty():
            exec(compile(sys.stdin.read(), "<stdin>", "exec"), names)  # noqa: S102 - theirs
            return
        code.interact(BANNER.format(place=place), local=names, exitmsg="")


def _names(client: Any) -> dict[str, Any]:
    from weft import storage

    operations = {
        name: getattr(storage, name)
        for name in storage.__all__
        if isinstance(getattr(storage, name), type)
    }
    return {**operations, "__name__": "__console__", "weft": client}

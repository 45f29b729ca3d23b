"""What clients of the protocol ask first: whether it works, and what it can do."""

from importlib.metadata import PackageNotFoundError, version
from typing import Final

import msgspec

from weft.daemon.http.call import Call
from weft.daemon.http.endpoint import Table
from weft.daemon.http.problems import RequestFault

__all__ = ["info"]

info: Final = Table("daemon")


class Okay(msgspec.Struct):
    """It works."""

    ok: bool = True


class WithStore(msgspec.Struct):
    """Whether the store is asked as well; 1 for yes."""

    check_db: int = 0


class Flags(msgspec.Struct, frozen=True):
    """What a client may count on."""

    assistants: bool = True
    threads: bool = True
    runs: bool = True
    crons: bool = True
    store: bool = True


class Info(msgspec.Struct):
    """Who answers."""

    version: str
    server: str = "weft"
    flags: Flags = Flags()


@info.get("/ok", scope=None)
async def get_ok(call: Call[None, WithStore]) -> Okay:
    """Tell that requests are answered, and if asked that the store is open."""
    if call.query.check_db and call.runtime.closed:
        raise RequestFault(503, "The store is closed.")
    return Okay()


@info.get("/info")
async def get_info(_call: Call[None, None]) -> Info:
    """Tell who answers, and what there is."""
    try:
        return Info(version("weft"))
    except PackageNotFoundError:
        return Info("0")

"""``weft doctor``: what of this machine, a daemon and a directory is to be mended.

Guarantees: nothing is changed; everything that is not well is told with its remedy.

Exit codes: 0 all is well; 1 something is not.
"""

import importlib.metadata
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from weft.daemon.failures import foreseen
from weft.daemon.printing import print_records

if TYPE_CHECKING:
    from weft.daemon.target import Target

__all__ = ["NETWORKED", "Finding", "doctor", "file_system_of"]

PACKAGES: Final = ("click", "httpx", "lmdb", "msgspec", "pykka", "starlette", "uvicorn")

FREE_BYTES_MIN: Final = 1 << 30
"""A backup and a repair need room for a copy of the store."""

OPEN_FILES_MIN: Final = 4096 + 256
"""As many connections as a daemon takes by default, and what it has open besides."""

NETWORKED: Final = frozenset({"nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs"})
"""On them LMDB's locks and its memory map do not hold."""


class Finding(msgspec.Struct, frozen=True):
    """What was looked at.

    Attributes:
        what: a few words.
        state: ``ok``, ``warn`` or ``bad``.
        detail: what was found.
        remedy: what to do about it.
    """

    what: str
    state: str
    detail: str
    remedy: str = ""


def doctor(target: "Target", output: str) -> int:
    """Examine, and print what was found.

    Args:
        target: a daemon, or a data directory.
        output: table, json or jsonl.

    Returns:
        the exit code.
    """
    of_target = _daemon(target) if target.data is None else _directory(target.data)
    found = [*_machine(), *of_target]
    columns = {"WHAT": "what", "STATE": "state", "FOUND": "detail", "REMEDY": "remedy"}
    print_records((msgspec.structs.asdict(each) for each in found), columns, output)
    return 0 if all(finding.state == "ok" for finding in found) else 1


def _machine() -> Iterator[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    yield Finding("Python", "ok", version)
    for name in PACKAGES:
        try:
            yield Finding(name, "ok", importlib.metadata.version(name))
        except importlib.metadata.PackageNotFoundError:
            yield Finding(name, "bad", "missing", f"pip install {name}")
    yield _open_files()


def _open_files() -> Finding:
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard in {resource.RLIM_INFINITY, -1} or hard >= OPEN_FILES_MIN:
        return Finding("open files", "ok", f"up to {hard:,}")
    return Finding(
        "open files", "warn", f"up to {hard:,}", f"ulimit -Hn {OPEN_FILES_MIN}"
    )


def _daemon(target: "Target") -> Iterator[Finding]:
    from weft.daemon.samples import Samples

    with target.remote() as remote:
        try:
            remote.ask("GET", "/livez")
            yield Finding("daemon", "ok", f"answers at {remote.place}")
            remote.ask("GET", "/readyz")
            yield Finding("operations", "ok", "are taken")
            page = Samples(remote.text("/metrics"))
        except Exception as error:
            failure = foreseen(error)
            if failure is None:
                raise
            yield Finding("daemon", "bad", failure[0], "see there")
            return
    findings = int(page.total("weft_check_inconsistencies"))
    yield (
        Finding("consistency", "bad", f"{findings:,} findings", "weft check --repair")
        if findings
        else Finding("consistency", "ok", "nothing found by the last check")
    )
    quarantines = int(page.total("weft_actor_quarantines_total"))
    yield (
        Finding("actors", "warn", f"{quarantines:,} quarantined", "look into the log")
        if quarantines
        else Finding("actors", "ok", "none in quarantine")
    )


def _directory(data: Path) -> Iterator[Finding]:
    from weft.daemon.source import DirectSource

    yield _free(data)
    yield _file_system(data)
    yield _mode(data)
    try:
        with DirectSource.of(data) as source:
            yield Finding("store", "ok", f"readable, {source.seq():,} operations")
    except Exception as error:
        failure = foreseen(error)
        if failure is None:
            raise
        yield Finding("store", "bad", failure[0], f"weft fsck {data}")


def _free(data: Path) -> Finding:
    free = shutil.disk_usage(data).free
    detail = f"{free / (1 << 30):,.1f} GiB free"
    if free >= FREE_BYTES_MIN:
        return Finding("disk", "ok", detail)
    return Finding("disk", "warn", detail, "make room: a backup is a copy")


def _file_system(data: Path) -> Finding:
    kind = file_system_of(data.resolve())
    if kind in NETWORKED:
        return Finding("file system", "bad", kind, "use a local disk")
    return Finding("file system", "ok", kind)


def file_system_of(path: Path) -> str:
    """Return the type of the file system that holds an absolute path."""
    mounts = Path("/proc/mounts")
    if not mounts.exists():
        return "unknown"
    found = [line.split()[1:3] for line in mounts.read_text().splitlines()]
    under = [
        (len(point), kind) for point, kind in found if path.is_relative_to(Path(point))
    ]
    return max(under, default=(0, "unknown"))[1]


def _mode(data: Path) -> Finding:
    store = data / "store"
    mode = (store if store.exists() else data).stat().st_mode & 0o777
    if mode & 0o077 and store.exists():
        return Finding("privacy", "warn", f"mode {mode:o}", f"chmod 700 {store}")
    owner = "yours" if data.stat().st_uid == os.getuid() else "somebody else's"
    return Finding("privacy", "ok", f"mode {mode:o}, {owner}")

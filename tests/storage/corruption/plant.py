"""Damage a file again and again and see what comes of it.

``plant.py DIRECTORY SEED COUNT PATH`` makes a store in DIRECTORY, damages it in COUNT
ways, each time from the same sound file, and writes one line of JSON each: the kind of
damage and its outcome,

* ``told``: a named error, with the kind of its first finding;
* ``harmless``: it opened and every tree holds what was written;
* ``wrong``: it opened and a tree holds something else;
* ``killed``: the process that opened it died of a signal.

Every store is opened in a forked child, so that a killed one is an outcome. PATH is
``open`` for what users do after the machine was started anew: the mark is of another
boot, and :class:`LmdbStore` examines the file in a process of its own. ``fork`` makes
the same examination in a forked child, without starting a Python for each: some thirty
times as fast.
"""

import hashlib
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random

import msgspec
from msgspec.structs import replace

from tests.storage.client import dump
from tests.storage.corruption.damages import DAMAGES, History, make_history
from weft.storage import LmdbStore, StoreCorrupt
from weft.storage.examine import examine_here
from weft.storage.mark import Mark
from weft.storage.verify import ensure_sound

TOLD, HARMLESS, WRONG, KILLED = "told", "harmless", "wrong", "killed"


class Planted(msgspec.Struct, frozen=True):
    """One damage and what came of it."""

    number: int
    kind: str
    outcome: str
    words: str


def content(directory: Path) -> str:
    """Return a digest of every key and value of a store."""
    store = LmdbStore(directory)
    digest = hashlib.sha256(repr(dump(store)).encode()).hexdigest()
    store.close()
    return digest


def opened(directory: Path) -> str:
    """Open a store; return its content, or the error that it gives."""
    try:
        return content(directory)
    except StoreCorrupt as error:
        damages = error.details.get("damages") or [{"kind": "missing"}]
        return f"{TOLD} {damages[0]['kind']}: {error}"


def examined(directory: Path) -> str:
    """Make the examination that opening makes after the machine was started anew."""
    try:
        ensure_sound(directory, Mark.read(directory))
    except StoreCorrupt as error:
        return f"{TOLD} {error.details['damages'][0]['kind']}: {error}"
    found = examine_here(directory / "store")
    if found.clean:
        return "clean"
    return f"{TOLD} {found.damages[0].kind}: {found.damages[0].detail}"


def in_child(function: Callable[[Path], str], directory: Path) -> str:
    """Return what a function returns in a forked child, or what killed it."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        try:
            answer = function(directory)
        except Exception as error:  # noqa: BLE001 - an error without a name is told
            answer = f"{WRONG}: {error!r}"
        os.write(writing, answer.encode()[:4000])
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        answer = pipe.read().decode(errors="replace")
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status):
        return f"{KILLED} by signal {os.WTERMSIG(status)}"
    return answer


def judge(directory: Path, expected: str, path: str) -> tuple[str, str]:
    """Open a damaged store on a path; return the outcome and its words."""
    if path == "fork":
        answer = in_child(examined, directory)
        if answer.startswith(KILLED):  # in the examining process: told as unreadable
            return TOLD, f"{TOLD} unreadable: {answer}"
        if answer.startswith(TOLD):
            return TOLD, answer
    answer = in_child(opened, directory)
    if answer == expected:
        return HARMLESS, ""
    for outcome in (TOLD, KILLED):
        if answer.startswith(outcome):
            return outcome, answer
    return WRONG, answer


def lay_out(directory: Path, history: History, image: bytes, path: str) -> None:
    """Make a data directory of a damaged file and its mark."""
    shutil.rmtree(directory, ignore_errors=True)
    (directory / "store").mkdir(parents=True)
    data, then = directory / "store" / "data.mdb", history.mark
    data.write_bytes(image)
    mark = Mark.of(data, then.seq, then.txnid, clean=then.clean)
    (replace(mark, boot_id="another") if path == "open" else mark).write(directory)


def main(place: str, seed: str, count: str, path: str) -> None:
    """Plant damages, the kinds by turns."""
    directory = Path(place)
    history = make_history(directory / "sound", int(seed))
    lay_out(directory / "damaged", history, history.image, path)
    expected = in_child(content, directory / "damaged")
    for number in range(int(count)):
        random, plant = Random(f"{seed}-{number}"), DAMAGES[number % len(DAMAGES)]
        lay_out(directory / "damaged", history, plant(history, random), path)
        outcome, words = judge(directory / "damaged", expected, path)
        planted = Planted(number, plant.__name__, outcome, words)
        sys.stdout.write(msgspec.json.encode(planted).decode() + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])

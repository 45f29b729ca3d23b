"""The physical limit: the same puts on LMDB by a loop in C, compiled when it is run."""

import shutil
import subprocess
from pathlib import Path
from typing import Final

import msgspec

__all__ = ["CLoopMeasurement", "CLoopSpec", "lacking", "measure_c_loop"]

_SOURCE: Final = Path(__file__).with_name("c_loop.c")
_COMPILE_TIMEOUT_S: Final = 60.0
_RUN_TIMEOUT_S: Final = 120.0
_WARM_UP_S: Final = 0.2


class CLoopSpec(msgspec.Struct, frozen=True, tag=True):
    """Create threads in groups of one size.

    Attributes:
        directory: an empty folder.
    """

    group: int
    seconds: float
    directory: str


class CLoopMeasurement(msgspec.Struct, frozen=True):
    """What the loop did.

    Attributes:
        stored: entries of the log, counted afterwards.
        lmdb: the version it was linked with.
    """

    operations: int
    elapsed_s: float
    cpu_s: float
    stored: int
    lmdb: str

    @property
    def rate(self) -> float:
        """Operations per second."""
        return self.operations / self.elapsed_s

    @property
    def cpu_us(self) -> float:
        """CPU time of one operation, in microseconds."""
        return self.cpu_s / self.operations * 1e6


def lacking(directory: Path) -> str | None:
    """Return what has to be installed for the loop to compile; None if nothing."""
    if _compiler() is None:
        return "missing: apt install gcc"
    source = directory / "probe.c"
    source.write_text("#include <lmdb.h>\nint main(void) { return !MDB_APPEND; }\n")
    try:
        _compile(source, directory / "probe-c")
    except subprocess.CalledProcessError:
        return "missing: apt install liblmdb-dev"
    return None


def _compiler() -> str | None:
    return shutil.which("cc")


def _compile(source: Path, program: Path) -> None:
    subprocess.run(
        [_compiler() or "cc", "-O2", "-o", str(program), str(source), "-llmdb"],
        check=True,
        capture_output=True,
        timeout=_COMPILE_TIMEOUT_S,
    )


def measure_c_loop(spec: CLoopSpec) -> CLoopMeasurement:
    """Compile the loop and run it, a moment to warm up first.

    Raises:
        AssertionError: what it stored is not what it did.
    """
    directory = Path(spec.directory)
    program = directory / "c_loop"
    _compile(_SOURCE, program)
    _run(program, directory / "warm", spec.group, _WARM_UP_S)
    measured = _run(program, directory / "store", spec.group, spec.seconds)
    if measured.stored != measured.operations:
        raise AssertionError(f"{measured.operations} done, {measured.stored} stored")
    return measured


def _run(program: Path, place: Path, group: int, seconds: float) -> CLoopMeasurement:
    place.mkdir()
    written = subprocess.run(
        [str(program), str(place), str(group), str(seconds)],
        check=True,
        stdout=subprocess.PIPE,
        timeout=_RUN_TIMEOUT_S,
    )
    return msgspec.json.decode(written.stdout, type=CLoopMeasurement)

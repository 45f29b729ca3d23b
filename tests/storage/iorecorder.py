"""Everything LMDB writes and syncs, seen from inside the process.

LMDB is compiled into its Python extension, which reaches the C library through the
slots of its global offset table. A recorder puts functions of its own into those slots
for as long as it is entered: no compiler, no preloading, no root. It finds the slots
in the dynamic section of the loaded extension (System V ABI, chapter 5).

Guarantees: an event is recorded after the call it tells of has succeeded; calls on
other files pass through; results and `errno` are those of the C library.

Not here: what is written through a memory map. A write through one would be seen as
no write at all, so whoever judges a trace must demand writes in it.
"""

import ctypes
import fcntl
import os
import platform
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, Self

import msgspec

EXTENSION: Final = "lmdb.cpython"

_RELOCATIONS: Final = {"x86_64": {6, 7}, "aarch64": {1025, 1026}}
"""GLOB_DAT and JUMP_SLOT: the relocation types of a slot that holds a function."""

_PLT_SIZE, _STRTAB, _SYMTAB, _RELA, _RELA_SIZE, _PLT = 2, 5, 6, 7, 8, 23
"""Tags of the dynamic section (DT_PLTRELSZ to DT_JMPREL)."""

_RELOCATION_SIZE_BYTES: Final = 24
_SYMBOL_SIZE_BYTES: Final = 24
_LINK_MAP: Final = 2
"""RTLD_DI_LINKMAP of dlinfo(3)."""

_INT, _LONG, _SIZE, _SSIZE, _POINTER = (
    ctypes.c_int,
    ctypes.c_long,
    ctypes.c_size_t,
    ctypes.c_ssize_t,
    ctypes.c_void_p,
)
_SIGNATURES: Final[dict[str, tuple[Any, ...]]] = {
    "pwrite": (_SSIZE, _INT, _POINTER, _SIZE, _LONG),
    "pwritev": (_SSIZE, _INT, _POINTER, _INT, _LONG),
    "write": (_SSIZE, _INT, _POINTER, _SIZE),
    "writev": (_SSIZE, _INT, _POINTER, _INT),
    "ftruncate": (_INT, _INT, _LONG),
    "fsync": (_INT, _INT),
    "fdatasync": (_INT, _INT),
}
"""Result and arguments of what is watched, each with its 64-bit name's twin."""


class Write(msgspec.Struct, frozen=True):
    """Bytes that went to the file.

    Attributes:
        descriptor: through which.
        offset: where in the file.
        data: the bytes.
        synchronous: they were on the disk when the call returned (O_DSYNC).
    """

    descriptor: int
    offset: int
    data: bytes
    synchronous: bool


class Truncate(msgspec.Struct, frozen=True):
    """The file was given another size."""

    descriptor: int
    size_bytes: int


class Sync(msgspec.Struct, frozen=True):
    """All that was written before is on the disk."""

    descriptor: int


class Mark(msgspec.Struct, frozen=True):
    """Something the test says happened at this moment."""

    value: Any


Event = Write | Truncate | Sync | Mark


def unsupported() -> str | None:
    """Return why nothing can be recorded on this machine, None where it can."""
    if not sys.platform.startswith("linux"):
        return f"recording I/O needs the ELF format of Linux, this is {sys.platform}"
    if sys.implementation.name != "cpython":
        return f"recording I/O needs CPython, this is {sys.implementation.name}"
    if platform.machine() not in _RELOCATIONS:
        known = ", ".join(_RELOCATIONS)
        return f"recording I/O is known for {known}, not for {platform.machine()}"
    return None


class IoRecorder:
    """Records what LMDB writes to one file while entered.

    Args:
        name: the end of the file's path.

    Attributes:
        events: what happened, in order.
    """

    def __init__(self, name: str = "store/data.mdb") -> None:
        self.events: list[Event] = []
        self._name = name
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._slots = dict(_slots(EXTENSION))
        self._before: dict[int, int] = {}

    def __enter__(self) -> Self:
        for symbol, address in self._slots.items():
            plain = symbol.removesuffix("64")
            if plain not in _SIGNATURES:
                continue
            kind = ctypes.CFUNCTYPE(*_SIGNATURES[plain], use_errno=True)
            watch = kind(self._watched(symbol, plain))
            _IMMORTAL.append(watch)
            function = ctypes.cast(watch, _POINTER).value
            assert function is not None
            self._before[address] = _exchange(address, function)
        return self

    def __exit__(self, *_: object) -> None:
        while self._before:
            _exchange(*self._before.popitem())

    def mark(self, value: Any) -> None:
        """Add an event of the test's own."""
        self.events.append(Mark(value))

    def _watched(self, symbol: str, plain: str) -> Callable[..., int]:
        call = getattr(self._libc, symbol)
        call.restype, *call.argtypes = _SIGNATURES[plain]
        tell = getattr(self, f"_{plain}")

        def watch(descriptor: int, *arguments: int) -> int:
            if not self._is_watched(descriptor):
                result: int = call(descriptor, *arguments)
                return result
            offset = os.lseek(descriptor, 0, os.SEEK_CUR)
            result = call(descriptor, *arguments)
            if result >= 0:
                self.events.append(tell(result, offset, descriptor, *arguments))
            return result

        return watch

    def _is_watched(self, descriptor: int) -> bool:
        try:
            path = Path(f"/proc/self/fd/{descriptor}").readlink()
        except OSError:
            return False
        return str(path).endswith(self._name)

    # Each tells of one call: its result, the file's position before, its arguments.

    def _pwrite(self, done: int, _: int, fd: int, data: int, __: int, at: int) -> Write:
        return _wrote(fd, at, ctypes.string_at(data, done))

    def _pwritev(
        self, done: int, _: int, fd: int, parts: int, count: int, at: int
    ) -> Write:
        return _wrote(fd, at, _gathered(parts, count)[:done])

    def _write(self, done: int, position: int, fd: int, data: int, _: int) -> Write:
        return _wrote(fd, position, ctypes.string_at(data, done))

    def _writev(
        self, done: int, position: int, fd: int, parts: int, count: int
    ) -> Write:
        return _wrote(fd, position, _gathered(parts, count)[:done])

    def _ftruncate(self, _: int, __: int, fd: int, size_bytes: int) -> Truncate:
        return Truncate(fd, size_bytes)

    def _fsync(self, _: int, __: int, fd: int) -> Sync:
        return Sync(fd)

    _fdatasync = _fsync


_IMMORTAL: Final[list[Any]] = []
"""An OS thread may still be inside a function that has left its slot."""


def _wrote(descriptor: int, offset: int, data: bytes) -> Write:
    flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
    return Write(descriptor, offset, data, bool(flags & os.O_DSYNC))


def _gathered(parts: int, count: int) -> bytes:
    """Return the bytes of an array of iovec: address and size, alternating."""
    words = (_SIZE * (2 * count)).from_address(parts)
    return b"".join(
        ctypes.string_at(words[place], words[place + 1])
        for place in range(0, 2 * count, 2)
    )


# -- the offset table ----------------------------------------------------------------


class _LinkMap(ctypes.Structure):
    """The head of the loader's record of a loaded file (link.h)."""

    _fields_ = (("base", _SIZE), ("name", ctypes.c_char_p), ("dynamic", _SIZE))


def _slots(module: str) -> Iterator[tuple[str, int]]:
    """Yield the functions an extension module calls, and where it finds them."""
    path = sys.modules[module].__file__
    library = ctypes.CDLL(path)
    link_map = ctypes.POINTER(_LinkMap)()
    handle = _POINTER(library._handle)
    if ctypes.CDLL(None).dlinfo(handle, _LINK_MAP, ctypes.byref(link_map)) != 0:
        raise OSError(f"the loader does not tell where {path} is")
    base = link_map.contents.base
    tags = dict(_dynamic(link_map.contents.dynamic))

    def address(tag: int) -> int:
        # glibc has added the base to the section's addresses, musl has not.
        return tags[tag] if tags[tag] >= base else tags[tag] + base

    wanted = _RELOCATIONS[platform.machine()]
    for table, size in ((_PLT, _PLT_SIZE), (_RELA, _RELA_SIZE)):
        if table not in tags:
            continue
        first = address(table)
        for entry in range(first, first + tags[size], _RELOCATION_SIZE_BYTES):
            place, info = (_SIZE * 2).from_address(entry)
            symbol, kind = info >> 32, info & 0xFFFF_FFFF
            if kind in wanted:
                record = address(_SYMTAB) + symbol * _SYMBOL_SIZE_BYTES
                name = ctypes.c_uint32.from_address(record).value
                text = ctypes.string_at(address(_STRTAB) + name)
                yield text.decode(), base + place


def _dynamic(address: int) -> Iterator[tuple[int, int]]:
    """Yield tag and value of each entry of a dynamic section."""
    while True:
        tag, value = (_SIZE * 2).from_address(address)
        if tag == 0:
            return
        yield tag, value
        address += 16


def _exchange(address: int, function: int) -> int:
    """Put a function into a slot and return the one that was there."""
    page = os.sysconf("SC_PAGE_SIZE")
    # A file linked with full RELRO has its table write-protected by now.
    libc = ctypes.CDLL(None, use_errno=True)
    start = _POINTER(address - address % page)
    if libc.mprotect(start, _SIZE(page), _INT(0x3)) != 0:  # PROT_READ | PROT_WRITE
        raise OSError(ctypes.get_errno(), "the offset table cannot be written")
    slot = _SIZE.from_address(address)
    before, slot.value = slot.value, function
    return before

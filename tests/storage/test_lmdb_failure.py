"""Every exception of the binding has a name of ours that says what to do about it."""

from collections.abc import Callable

import lmdb
import pytest

from weft.storage import (
    InvalidArgument,
    Overloaded,
    SessionThreadException,
    StoreCorrupt,
    StoreReadOnly,
    StoreUnavailable,
)
from weft.storage.lmdb_failure import (
    could_not_open,
    could_not_read,
    could_not_write,
)

EVERY = [
    kind
    for kind in vars(lmdb).values()
    if isinstance(kind, type) and issubclass(kind, lmdb.Error)
]
NAMED: list[Callable[[Exception], SessionThreadException]] = [
    could_not_read,
    could_not_write,
    lambda error: could_not_open("/x", error),
]


@pytest.mark.parametrize("kind", EVERY)
@pytest.mark.parametrize("name", NAMED, ids=["read", "write", "open"])
def test_no_exception_of_the_binding_is_without_a_name(
    kind: type[Exception], name: Callable[[Exception], SessionThreadException]
) -> None:
    error = kind("what LMDB says")
    named = name(error)
    assert isinstance(named, SessionThreadException)
    assert error is named.cause


@pytest.mark.parametrize(
    ("kind", "read", "write"),
    [
        (lmdb.Error, StoreUnavailable, StoreReadOnly),
        (lmdb.DiskError, StoreUnavailable, StoreReadOnly),
        (lmdb.PanicError, StoreUnavailable, StoreReadOnly),
        (lmdb.CorruptedError, StoreCorrupt, StoreCorrupt),
        (lmdb.PageNotFoundError, StoreCorrupt, StoreCorrupt),
        (lmdb.BadDbiError, StoreCorrupt, StoreCorrupt),
        (lmdb.ReadersFullError, Overloaded, StoreReadOnly),
        (lmdb.BadValsizeError, StoreUnavailable, InvalidArgument),
    ],
)
def test_what_to_do_about_it_decides_the_name(
    kind: type[Exception], read: type[Exception], write: type[Exception]
) -> None:
    assert (read, write) == (
        type(could_not_read(kind("x"))),
        type(could_not_write(kind("x"))),
    )


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (lmdb.InvalidError, StoreCorrupt),
        (lmdb.VersionMismatchError, StoreCorrupt),
        (lmdb.Error, StoreUnavailable),
        (lmdb.DiskError, StoreUnavailable),
        (OSError, StoreUnavailable),
    ],
)
def test_a_file_that_is_no_store_is_told_from_one_that_cannot_be_reached(
    kind: type[Exception], expected: type[Exception]
) -> None:
    named = could_not_open("/data/store", kind("x"))
    assert expected is type(named)
    assert "/data/store" in str(named)

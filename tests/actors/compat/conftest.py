"""Legacy methods warn once in a process: each test begins as a process does."""

from collections.abc import Iterator

import pytest

from weft.actors.compat import legacy


@pytest.fixture(autouse=True)
def nothing_was_warned_of() -> Iterator[None]:
    """Forget which legacy methods have warned."""
    before = set(legacy._warned)
    legacy._warned.clear()
    yield
    legacy._warned.clear()
    legacy._warned.update(before)

"""The daemon's runtime sets up its process, and leaves it as it was."""

import os
import sys
import threading
from pathlib import Path

import pytest

from weft.daemon.opening import open_runtime


def test_the_switch_interval_is_short_while_the_runtime_is_open(
    tmp_store: Path,
) -> None:
    before_s = sys.getswitchinterval()
    with open_runtime(tmp_store, []):
        assert abs(sys.getswitchinterval() - 0.0005) < 1e-9
    assert before_s == sys.getswitchinterval()


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one core: no choice")
@pytest.mark.parametrize("asked", [False, True])
def test_os_threads_are_kept_together_if_the_configuration_says_so(
    tmp_store: Path, *, asked: bool
) -> None:
    with open_runtime(tmp_store, [], one_core=asked):
        names = {each.name for each in threading.enumerate()}
    assert asked == ("weft-core" in names)

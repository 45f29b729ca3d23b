"""The daemon's runtime lets OS threads take turns more often than Python does."""

import sys
from pathlib import Path

from weft.daemon.opening import open_runtime


def test_the_switch_interval_is_short_while_the_runtime_is_open(
    tmp_store: Path,
) -> None:
    before_s = sys.getswitchinterval()
    with open_runtime(tmp_store, []):
        assert abs(sys.getswitchinterval() - 0.0005) < 1e-9
    assert before_s == sys.getswitchinterval()

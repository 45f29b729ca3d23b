"""``weft top`` beside a daemon that works."""

import msgspec
import pytest

from tests.daemon.cli.conftest import Daemon, Weft
from weft.daemon.remote import Remote
from weft.daemon.top_command import Top


@pytest.mark.parametrize("rows", [0, 1, 10])
def test_rates_and_the_hottest_are_of_the_time_between_two_looks(
    daemon: Daemon, weft: Weft, capsys: pytest.CaptureFixture[str], rows: int
) -> None:
    weft("sessions", "create", "cold", "--if-missing")
    times_s = iter([100.0, 102.0])
    with Remote(daemon.socket) as remote:
        top = Top(remote, rows, "json", clock=lambda: next(times_s))
        top.look()
        before = remote.text("/metrics")
        for name in ("one", "two", "three"):
            hot = f"hot-{rows}"
            weft("threads", "create", name, "--session", hot, "--create")
        weft("sessions", "create", f"warm-{rows}")
        capsys.readouterr()
        top.look()
    facts = msgspec.json.decode(capsys.readouterr().out)
    assert before
    hottest = {each["session_id"]: each["operations"] for each in facts["hottest"]}
    expected = {f"hot-{rows}": 3, f"warm-{rows}": 1}
    assert dict(list(expected.items())[:rows]) == hottest
    assert 2.0 <= facts["operations"]["per_second"]
    assert facts["latency_ms"]["operation"]["p99"] > 0

"""``weft demo``: a real process, looked at, ended in both ways."""

import re
import signal
from pathlib import Path

from tests.daemon.asking import ask, scrape
from tests.daemon.child import DEADLINE_S, environment, run_weft, weft
from weft.daemon.meeting_place import default_socket


def test_it_ends_by_itself_and_leaves_nothing_behind(tmp_path: Path) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    mine = environment(TMPDIR=str(temporary))
    done = run_weft("demo", "--for", "0.3", "--rate", "50", env=mine)
    assert (0, "") == (done.returncode, done.stdout)
    url = re.search(r"at (http://127\.0\.0\.1:[0-9]+) ", done.stderr)
    assert url
    for command in (f"curl {url[1]}/readyz", "weft top", "weft tree"):
        assert f"  {command}\n" in done.stderr
    counted = re.search(r"([0-9]+) things done", done.stderr)
    assert counted
    assert int(counted[1]) > 0
    assert [] == list(temporary.iterdir())
    assert not default_socket().exists()


def test_there_is_something_to_look_at_until_ctrl_c() -> None:
    with weft("demo", "--rate", "50") as child:
        assert child.stderr is not None
        found = re.search(r"http://[0-9.:]+", child.stderr.readline())
        assert found
        assert 6 == len(ask(f"{found[0]}/sessions").json["sessions"])
        assert scrape(found[0])["weft_sessions", "open"] == 6
        child.send_signal(signal.SIGINT)
        _, talk = child.communicate(timeout=DEADLINE_S)
    assert 0 == child.returncode
    assert "all is gone" in talk

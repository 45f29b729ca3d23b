"""``weft serve``: a real process, asked and stopped from outside."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemon.asking import ask, connected, scrape, url_in
from tests.daemon.child import DEADLINE_S, REPOSITORY, first_line, run_weft, weft
from weft.actors import Runtime
from weft.daemon.replay_command import Options, replay
from weft.storage import SessionThreadException

STOP_S_MAX = 5.0
EXAMPLES = REPOSITORY / "examples" / "logs"
FREE = "127.0.0.1:0"

APP = """
from weft.actors import workflow

@workflow
def greet(context, config):
    return "hello"

flows = [greet]
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the URL of a daemon that serves the replayed example logs."""
    data = tmp_path_factory.mktemp("served")
    replay(EXAMPLES, data, Options(as_json=True, quiet=True))
    with weft("serve", "--data", data, "--listen", FREE) as child:
        yield url_in(first_line(child))


def stopped_in_s(child: subprocess.Popen[str], signum: signal.Signals) -> float:
    """Send a signal and return how long the process lived on, in seconds."""
    began_s = time.monotonic()
    child.send_signal(signum)
    child.wait(DEADLINE_S)
    return time.monotonic() - began_s


# -- serving -------------------------------------------------------------------------


def test_one_line_says_where_it_answers_and_how_to_stop_it(tmp_store: Path) -> None:
    with weft("serve", "--data", tmp_store, "--listen", FREE) as child:
        line = first_line(child)
        url = url_in(line)
        stop = "stop: Ctrl-C"
        expected = (
            f"weft: serving {tmp_store} on {url} (metrics: {url}/metrics; {stop})"
        )
        assert f"{expected}\n" == line
        child.terminate()
        assert ("", "") == child.communicate(timeout=DEADLINE_S)


def test_it_is_alive_and_ready(served: str) -> None:
    assert ask(f"{served}/livez").json == {"status": "alive"}
    assert ask(f"{served}/readyz").json == {"status": "ready"}


def test_metrics_show_what_the_store_holds(served: str) -> None:
    samples = scrape(served)
    assert samples["weft_sessions", "open"] == 15
    assert samples["weft_threads", "idle"] == 21
    assert samples["weft_states", ""] == 85
    assert samples["weft_runs", "success"] == 85
    assert samples["weft_associations", ""] == 42
    assert samples["weft_store_last_seq", ""] == 215
    assert sum(v for (n, _), v in samples.items() if n == "weft_operations_total") == 0


def test_an_answer_on_a_kept_connection_is_not_held_back(served: str) -> None:
    with connected(served) as connection:
        took_s = []
        for _ in range(20):
            began_s = time.perf_counter()
            connection.request("GET", "/livez")
            connection.getresponse().read()
            took_s.append(time.perf_counter() - began_s)
    assert min(took_s) < 0.02  # 0.044 with Nagle's algorithm


def test_workflows_come_from_the_current_directory(tmp_path: Path) -> None:
    (tmp_path / "greeting.py").write_text(APP)
    arguments = ("serve", "--data", "data", "--listen", FREE, "--app", "greeting:flows")
    with weft(*arguments, cwd=tmp_path) as child:
        assert "serving data on" in first_line(child)


# -- stopping ------------------------------------------------------------------------


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_0(tmp_store: Path, signum: signal.Signals) -> None:
    with weft("serve", "--data", tmp_store, "--listen", FREE) as child:
        first_line(child)
        assert stopped_in_s(child, signum) < STOP_S_MAX
        assert child.returncode == 0
        assert child.communicate() == ("", "")


def test_open_connections_do_not_keep_it(tmp_store: Path) -> None:
    with weft("serve", "--data", tmp_store, "--listen", FREE) as child:
        url = url_in(first_line(child))
        with connected(url) as silent, connected(url) as half, connected(url) as idle:
            half.putrequest("GET", "/livez")
            idle.request("GET", "/livez")
            assert idle.getresponse().read()
            assert silent.sock is not None
            assert stopped_in_s(child, signal.SIGTERM) < STOP_S_MAX
        assert child.returncode == 0


def test_the_data_directory_is_free_again_afterwards(tmp_store: Path) -> None:
    for _ in range(2):
        with weft("serve", "--data", tmp_store, "--listen", FREE) as child:
            first_line(child)
            stopped_in_s(child, signal.SIGTERM)
            assert child.returncode == 0


HANGING = """
import sys, threading

def hang(context, config):
    for number in range(config["states"]):
        yield number
    print("hanging", file=sys.stderr, flush=True)
    threading.Event().wait()

flows = {"hang": hang}
"""


def begin_hanging(data: Path) -> None:
    """Leave a run behind that the next process takes over."""
    begun = threading.Event()

    def begin(_context: object, _config: object) -> None:
        begun.set()
        threading.Event().wait()

    with Runtime.open(data, workflows={"hang": begin}) as runtime:
        alice = runtime.session("alice")
        notes = alice.create_thread("notes", "hang", thread_id="t").get(timeout=5)
        notes.run({"states": 20}, op_id="run-1")
        assert begun.wait(DEADLINE_S)
        runtime.close(0)


@pytest.fixture
def hanging(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Return a daemon on `data`, in which a run has yielded 20 states and hangs."""
    (tmp_path / "hanging.py").write_text(HANGING)
    begin_hanging(tmp_path / "data")
    arguments = ("serve", "--data", "data", "--listen", FREE, "--app", "hanging:flows")
    with weft(*arguments, "--stop-timeout", "60", cwd=tmp_path) as child:
        heard = {first_line(child).split()[-1] for _ in range(2)}
        assert {"hanging", "Ctrl-C)"} == heard
        yield child


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
def test_the_second_signal_ends_it_at_once_and_nothing_acknowledged_is_lost(
    hanging: subprocess.Popen[str], tmp_path: Path, second: signal.Signals
) -> None:
    hanging.send_signal(signal.SIGTERM)
    assert "weft: stopping; 1 run gets 60 s (stop now: Ctrl-C)\n" == first_line(hanging)
    assert stopped_in_s(hanging, second) < STOP_S_MAX
    assert 0 == hanging.returncode
    assert ("", "") == hanging.communicate()
    with Runtime.open(tmp_path / "data") as runtime:
        settled = runtime.thread("t").run(op_id="run-1")  # waits for its being marked
        with pytest.raises(SessionThreadException):
            settled.get(timeout=DEADLINE_S)
        (run,) = runtime.coordinator.list_runs("t").get()
        assert ("interrupted", 2) == (run.status, run.attempt)
        states = runtime.thread("t").history().get()
        assert list(range(20)) == [state.values for state in reversed(states)]
        assert "alice" == runtime.coordinator.get_thread("t").get().session_id
        assert runtime.check().clean


def test_runs_get_the_time_they_are_given_and_no_more(tmp_path: Path) -> None:
    (tmp_path / "hanging.py").write_text(HANGING)
    data = tmp_path / "data"
    arguments = ("serve", "--data", data, "--listen", FREE, "--app", "hanging:flows")
    begin_hanging(data)
    with weft(*arguments, "--stop-timeout", "0.2", cwd=tmp_path) as child:
        for _ in range(2):
            first_line(child)
        assert 0.2 <= stopped_in_s(child, signal.SIGTERM) < STOP_S_MAX
        assert 0 == child.returncode


# -- what it refuses -----------------------------------------------------------------


def test_a_port_in_use_is_told(served: str, tmp_path: Path) -> None:
    address = served.removeprefix("http://")
    done = run_weft("serve", "--data", tmp_path / "data", "--listen", address)
    assert (os.EX_UNAVAILABLE, "") == (done.returncode, done.stdout)
    assert (
        f"weft: Cannot listen on {address}: Address already in use. "
        "Stop what listens there, or choose another port; 0 takes a free one.\n"
    ) == done.stderr
    assert not (tmp_path / "data").exists()


def test_an_address_beyond_loopback_is_refused(tmp_path: Path) -> None:
    done = run_weft("serve", "--data", tmp_path / "data", "--listen", "0.0.0.0:0")
    assert done.returncode == os.EX_NOPERM
    assert "can be reached from other machines" in done.stderr
    assert not (tmp_path / "data").exists()


def test_a_directory_in_use_is_told_with_its_holder(tmp_store: Path) -> None:
    with weft("serve", "--data", tmp_store, "--listen", FREE) as holder:
        first_line(holder)
        done = run_weft("serve", "--data", tmp_store, "--listen", FREE)
        assert done.returncode == os.EX_TEMPFAIL
        assert f"{tmp_store} is open in process {holder.pid}." in done.stderr
        assert holder.poll() is None


def test_an_application_that_is_not_there_is_told(tmp_path: Path) -> None:
    arguments = ("serve", "--data", tmp_path / "data", "--app", "absent_app:flows")
    done = run_weft(*arguments)
    assert done.returncode == os.EX_CONFIG
    assert done.stderr.startswith("weft: There is no module 'absent_app'.")
    assert not (tmp_path / "data").exists()

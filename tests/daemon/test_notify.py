"""systemd is told how the daemon is, and hears nothing from one that is stuck."""

import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.actors.support import GatedStore
from tests.daemon.child import DEADLINE_S, environment, first_line, weft
from weft.actors import Runtime
from weft.daemon.notify import Heartbeat, Notifier, gets_on
from weft.storage import MemoryStore


class Manager:
    """Stands for systemd: receives what is sent to its socket.

    Args:
        place: the socket's name, @ before one of the abstract namespace.
    """

    def __init__(self, place: str) -> None:
        self.place = place
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.settimeout(DEADLINE_S)
        self._socket.bind("\0" + place[1:] if place[0] == "@" else place)

    def environment(self, **more: str) -> dict[str, str]:
        return {"NOTIFY_SOCKET": self.place, **more}

    def hear(self) -> dict[str, str]:
        """Return the next message."""
        lines = self._socket.recv(4096).decode().splitlines()
        return dict(line.split("=", 1) for line in lines)

    def hear_of(self, word: str) -> dict[str, str]:
        """Return the next message that has a word; hearts beat in between."""
        while word not in (message := self.hear()):
            pass
        return message

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(params=["file", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Manager]:
    """Return a manager; a test that asks for it runs with both kinds of names."""
    name = f"@weft-test-{os.getpid()}"
    made = Manager(name if request.param == "abstract" else str(tmp_path / "notify"))
    yield made
    made.close()


def test_each_phase_is_told(manager: Manager) -> None:
    notifier = Notifier(manager.environment())
    notifier.ready("serving")
    assert {"READY": "1", "STATUS": "serving"} == manager.hear()
    notifier.reloading()
    assert {"RELOADING", "MONOTONIC_USEC"} == set(manager.hear())
    notifier.stopping()
    assert "1" == manager.hear()["STOPPING"]
    notifier.alive()
    assert {"WATCHDOG": "1"} == manager.hear()


def test_without_a_manager_nothing_is_sent_and_nothing_fails(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    Notifier({}).ready("serving")
    assert [] == caplog.records
    Notifier({"NOTIFY_SOCKET": str(tmp_path / "gone")}).ready("serving")
    assert "systemd cannot be told" in caplog.text


@pytest.mark.parametrize(
    ("given", "expected_s"),
    [
        ({"WATCHDOG_USEC": "3000000"}, 3.0),
        ({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": str(os.getpid())}, 3.0),
        ({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "often"}, None),
        ({}, None),
    ],
)
def test_heartbeats_are_sent_where_they_are_wanted(
    given: dict[str, str], expected_s: float | None
) -> None:
    assert expected_s == Notifier({"NOTIFY_SOCKET": "/x", **given}).watchdog_s
    assert Notifier(given).watchdog_s is None


def test_a_heart_beats_only_while_all_is_well(manager: Manager) -> None:
    told = iter([True, False, False, True])
    notifier = Notifier(manager.environment(WATCHDOG_USEC="20000"))
    sent: list[Any] = []
    notifier.alive = lambda: sent.append(1)  # type: ignore[method-assign]
    ended = False

    def is_well() -> bool:
        nonlocal ended
        well = next(told, None)
        if well is None:
            ended = True
            notifier.stopping()
        return bool(well)

    with Heartbeat(notifier, is_well):
        assert "STOPPING" in manager.hear()
    assert ended
    assert [1, 1] == sent


def test_a_runtime_with_nothing_to_do_gets_on() -> None:
    with Runtime.open(store=MemoryStore()) as runtime:
        runtime.session("alice").open().get()
        assert gets_on(runtime, 10.0)
        assert not gets_on(runtime, 0.0)


def test_the_daemon_tells_systemd_of_its_life(tmp_path: Path) -> None:
    arguments = ("--data", tmp_path / "data", "--listen", "127.0.0.1:0")
    with closing(Manager(str(tmp_path / "notify"))) as manager:
        told = environment(**manager.environment(WATCHDOG_USEC="100000"))
        with weft("serve", *arguments, env=told) as child:
            ready = manager.hear_of("READY")
            assert "1" == ready["READY"]
            assert "http://127.0.0.1:" in ready["STATUS"]
            assert {"WATCHDOG": "1"} == manager.hear()
            first_line(child)
            child.send_signal(signal.SIGHUP)
            assert "1" == manager.hear_of("RELOADING")["RELOADING"]
            child.terminate()
            assert "1" == manager.hear_of("STOPPING")["STOPPING"]
            assert 0 == child.wait(DEADLINE_S)


def test_a_runtime_whose_writer_is_stuck_does_not_get_on() -> None:
    gated = GatedStore(MemoryStore())
    with Runtime.open(store=gated) as runtime:
        assert gets_on(runtime, 0.01)
        deadline_s = time.monotonic() + DEADLINE_S
        with gated.shut(runtime):
            while gets_on(runtime, 0.01):
                assert time.monotonic() < deadline_s

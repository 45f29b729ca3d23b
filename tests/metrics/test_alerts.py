"""Each alert fires for the fault it is about, and is quiet again after it.

On a real daemon with a real Prometheus. Only durations, windows and two thresholds are
those of a test (``hurried``); what the alerts say stands in the shipped file.
"""

import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.metrics.ailing_daemon import (
    AilingDaemon,
    Load,
    ailing_daemon,
    can_have_own_disk,
)
from tests.metrics.promtool import program
from tests.metrics.scraping import Prometheus, prometheus
from tests.ports import free_port

pytestmark = [pytest.mark.long, pytest.mark.timeout(180)]

CONNECTIONS_MAX = 12
CLIENTS = 4
DISK_MB = 1100
"""A little more than what WeftDiskNearlyFull wants to be left."""


class Scene:
    """A daemon, the Prometheus that watches it, and what a test does to them."""

    def __init__(self, daemon: AilingDaemon, server: Prometheus) -> None:
        self.daemon = daemon
        self.server = server

    def expect(
        self, *alerts: str, meanwhile: Callable[[], object] = lambda: None
    ) -> None:
        """Wait until these alerts fire, and do something before each look at them."""

        def fire() -> bool:
            meanwhile()
            return set(alerts) <= self.server.firing()

        self.server.wait_for(fire, f"{alerts} fire")

    def expect_quiet(self, *alerts: str) -> None:
        """Wait until none of these alerts fires."""
        self.server.wait_for(
            lambda: not set(alerts) & self.server.firing(), f"{alerts} are quiet"
        )


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    program("prometheus")
    directory = tmp_path_factory.mktemp("alerts")
    config = directory / "weft.toml"
    config.write_text(
        f"[daemon]\ncheck_interval_s = 0\n[http]\nconnections_max = {CONNECTIONS_MAX}\n"
    )
    options = ["--config", str(config)]
    with ExitStack() as stack:
        daemon = stack.enter_context(
            ailing_daemon(
                directory,
                free_port(),
                *options,
                disk_mb=DISK_MB if can_have_own_disk(directory) else None,
            )
        )
        server = stack.enter_context(
            prometheus(directory / "prometheus", daemon.target)
        )
        server.wait_until_up()
        assert 200 == daemon.post("/check", {})
        yield Scene(daemon, server)


def test_a_planted_inconsistency(scene: Scene) -> None:
    for number in range(3):
        path = f"/sessions/ann-{number}/threads"
        body = {"threads": [{"name": "x"}], "create_session": True}
        assert 201 == scene.daemon.post(path, body)
    scene.daemon.suffer("plant removed_list_entry")
    assert 200 == scene.daemon.post("/check", {})
    scene.expect("WeftInconsistent")
    assert 200 == scene.daemon.post("/repair", {})
    assert 200 == scene.daemon.post("/check", {})
    scene.expect_quiet("WeftInconsistent")


def test_checks_that_are_not_made(scene: Scene) -> None:
    assert 200 == scene.daemon.post("/check", {})
    scene.expect("WeftCheckStale")
    assert 200 == scene.daemon.post("/check", {})
    scene.expect_quiet("WeftCheckStale")


def test_a_reader_that_stays(scene: Scene) -> None:
    scene.daemon.suffer("hold")
    with Load(scene.daemon, CLIENTS):
        scene.expect("WeftStuckReader")
    scene.daemon.suffer("release")
    scene.expect_quiet("WeftStuckReader")


def test_a_slow_disk(scene: Scene) -> None:
    scene.daemon.suffer("slow 0.4")
    with Load(scene.daemon, CLIENTS):
        scene.expect("WeftCommitSlow")
    scene.daemon.suffer("slow 0")
    with Load(scene.daemon, CLIENTS):
        scene.expect_quiet("WeftCommitSlow")


def test_a_writer_that_is_behind(scene: Scene) -> None:
    scene.daemon.suffer("slow 9")
    with Load(scene.daemon, CLIENTS):
        scene.expect("WeftWriterBacklog")
        scene.daemon.suffer("slow 0")
        scene.expect_quiet("WeftWriterBacklog")


def test_a_turn_that_blocks_all_others(scene: Scene) -> None:
    scene.daemon.suffer("block 9")
    scene.expect("WeftMailboxBacklog")
    scene.expect_quiet("WeftMailboxBacklog")


def test_turns_that_are_too_long_again_and_again(scene: Scene) -> None:
    for _ in range(40):
        scene.daemon.suffer("block 0.2")
    scene.expect("WeftLongTurns")
    scene.expect_quiet("WeftLongTurns")


def test_a_full_disk(scene: Scene) -> None:
    scene.daemon.suffer("full")
    with Load(scene.daemon, CLIENTS):
        scene.expect("WeftStoreReadOnly", "WeftOperationsFail", "WeftHttpErrors")
    scene.daemon.suffer("roomy")
    with Load(scene.daemon, CLIENTS):
        scene.expect_quiet("WeftStoreReadOnly", "WeftOperationsFail", "WeftHttpErrors")


@pytest.fixture
def small_disk(scene: Scene, tmp_path: Path) -> Scene:
    if not can_have_own_disk(tmp_path):
        pytest.skip("no right to mount a file system in a name space of one's own")
    return scene


def test_a_disk_that_is_nearly_full(small_disk: Scene) -> None:
    small_disk.daemon.suffer("ballast 200")
    small_disk.expect("WeftDiskNearlyFull")
    small_disk.daemon.suffer("ballast 0")
    small_disk.expect_quiet("WeftDiskNearlyFull")


def test_a_disk_that_fills_up(small_disk: Scene) -> None:
    sizes_mb = itertools.count(1)
    small_disk.expect(
        "WeftDiskFillsUp",
        meanwhile=lambda: small_disk.daemon.suffer(f"ballast {next(sizes_mb)}"),
    )
    small_disk.daemon.suffer("ballast 0")
    small_disk.expect_quiet("WeftDiskFillsUp")


def test_a_repair_that_cannot_be_written(scene: Scene) -> None:
    scene.daemon.suffer("plant removed_list_entry")
    scene.daemon.suffer("full")
    scene.daemon.post("/repair", {})
    scene.expect("WeftRepairsFail")
    scene.daemon.suffer("roomy")
    scene.server.wait_for(
        lambda: 200 == scene.daemon.post("/repair", {}), "the store can be written"
    )
    scene.expect_quiet("WeftRepairsFail")


def test_a_session_that_keeps_crashing(scene: Scene) -> None:
    scene.daemon.suffer("sicken ill")
    path = "/sessions/ill/threads"
    body = {"threads": [{"name": "x"}], "create_session": True}
    scene.server.wait_for(
        lambda: 503 == scene.daemon.post(path, body), "a session in quarantine"
    )
    scene.expect("WeftQuarantines", "WeftDeadLetters")
    scene.daemon.suffer("heal")
    scene.expect_quiet("WeftQuarantines", "WeftDeadLetters")
    assert 201 == scene.daemon.post(path, body)


def test_a_dispatcher_that_breaks(scene: Scene) -> None:
    scene.daemon.suffer("crash")
    scene.daemon.post("/sessions", {"session_id": "in-hand"})
    scene.expect("WeftDispatcherCrashed")
    assert 200 == scene.daemon.post("/check", {})
    scene.expect_quiet("WeftDispatcherCrashed")


def test_more_connections_than_there_may_be(scene: Scene) -> None:
    with Load(scene.daemon, 2 * CONNECTIONS_MAX):
        scene.expect("WeftOverloaded")
    scene.expect_quiet("WeftOverloaded")


def test_a_daemon_that_is_gone(scene: Scene, tmp_path: Path) -> None:
    scene.daemon.child.kill()
    scene.expect("WeftDown")
    with ailing_daemon(tmp_path, scene.daemon.port):
        scene.expect_quiet("WeftDown")

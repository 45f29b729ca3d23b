"""A replay that is killed on the way ends like one that is not."""

import random
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.daemon.child import DEADLINE_S, environment
from tests.daemon.image import Image
from tests.daemon.replaying import EXAMPLES, image_of, run_replay, states
from weft.actors import Runtime
from weft.daemon.chat import chat
from weft.daemon.plan import LogPlan, plan_logs
from weft.daemon.replay import standing
from weft.storage import Snapshot

KILLED = Path(__file__).with_name("killed.py")


def kill_a_replay(logdir: Path, data: Path, lines: int, delay_s: float) -> None:
    """Replay in a child process that dies of SIGKILL on the way."""
    child = subprocess.run(
        [sys.executable, KILLED, logdir, data, str(lines), f"{delay_s:.6f}"],
        env=environment(),
        check=False,
        timeout=DEADLINE_S,
    )
    assert child.returncode == -signal.SIGKILL


def assert_nothing_is_half_there(snapshot: Snapshot, logs: Sequence[LogPlan]) -> None:
    """Assert that each thread has the first lines of its conversation, in order."""
    for log in logs:
        for plan in log.threads:
            own = [step.line.number for step in log.steps if step.thread == plan]
            found = [state["line"] for state in states(snapshot, plan.thread_id)]
            assert own[: len(found)] == found
            if standing(snapshot, log, plan).transferred:
                assert own == found


def killed_and_replayed(logdir: Path, data: Path, seed: int) -> Image:
    """Kill a replay at a seeded instant, replay again; return what is there then."""
    rng = random.Random(seed)
    logs = plan_logs(logdir)
    total = sum(len(log.steps) for log in logs)
    kill_a_replay(logdir, data, rng.randrange(1, total), rng.uniform(0, 0.01))
    with Runtime.open(data, workflows=[chat]) as runtime:
        with runtime.store.read() as snapshot:
            assert_nothing_is_half_there(snapshot, logs)
        assert runtime.check().clean
        run_replay(runtime, logs)
        assert runtime.check().clean
        assert run_replay(runtime, logs) == 0
    return image_of(data)


@pytest.mark.parametrize("seed", range(10))
def test_a_replay_that_was_killed_ends_like_one_that_was_not(
    tmp_store: Path, whole: Image, seed: int
) -> None:
    assert whole == killed_and_replayed(EXAMPLES, tmp_store, seed)


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_replay_of_the_real_logs_survives_ten_kills(
    irc: Path, tmp_path: Path
) -> None:
    logdir = irc / "dev"
    with Runtime.open(tmp_path / "whole", workflows=[chat]) as runtime:
        run_replay(runtime, plan_logs(logdir))
    expected = image_of(tmp_path / "whole")
    for seed in range(10):
        assert expected == killed_and_replayed(logdir, tmp_path / str(seed), seed)


def test_a_replay_that_is_killed_again_and_again_ends_all_the_same(
    tmp_store: Path, whole: Image
) -> None:
    rng = random.Random(7)
    for lines in (20, 45, 70):
        kill_a_replay(EXAMPLES, tmp_store, lines, rng.uniform(0, 0.005))
    with Runtime.open(tmp_store, workflows=[chat]) as runtime:
        run_replay(runtime, plan_logs(EXAMPLES))
    assert whole == image_of(tmp_store)


def test_the_image_notices_a_state_too_many(tmp_store: Path, whole: Image) -> None:
    with Runtime.open(tmp_store, workflows=[chat]) as runtime:
        run_replay(runtime, plan_logs(EXAMPLES))
        thread_id = plan_logs(EXAMPLES)[0].threads[0].thread_id
        line = {"line": 10**6, "author": "x", "time": "", "text": "", "action": False}
        runtime.thread(thread_id).run(line).get(timeout=10)
    assert whole["states"] != image_of(tmp_store)["states"]

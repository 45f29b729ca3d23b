"""Many runs under cancels, transfers, removals and kill -9, checked against a model.

The child replays one script, whose every operation has an idempotency key, until it
gets to its end; the parent kills it at places that the seed chooses. What is left has
to be explained by the runs alone: the model looks at nothing but states and statuses.
"""

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from weft.actors import Runtime
from weft.storage import LmdbStore, Run, Snapshot, State

CHILD = """
import sys
from random import Random
from weft.actors import Runtime
from weft.storage import NewThread, SessionThreadException
from weft.storage.operations import CreateThreads

path, seed, runs, threads = sys.argv[1], *map(int, sys.argv[2:])

def work(context, config):
    state = context.state or {"n": 0, "run": None, "part": 0}
    same = state["run"] == context.run_id
    n, part = (state["n"], state["part"]) if same else (state["n"] + 1, 0)
    while part < 2:
        part += 1
        yield {"n": n, "run": context.run_id, "part": part}

def settled(future):
    try:
        return future.get(timeout=60)
    except SessionThreadException:
        return None

random = Random(seed)
runtime = Runtime.open(path, workflows={"default": work})
coordinator = runtime.coordinator

def create(thread, op_id):
    new = (NewThread(thread, thread),)
    return coordinator.create_threads(
        "s0", new, list, create_session=True, op_id=op_id)

for n in range(threads):
    settled(create(f"t{n}", f"create-{n}"))
for n in range(3):
    settled(coordinator.create_session(f"s{n}", if_exists="open", op_id=f"session-{n}"))
started = []
for n in range(runs):
    thread = f"t{random.randrange(threads)}"
    how = random.choices(
        ["enqueue", "interrupt", "rollback", "reject"], [12, 2, 2, 1])[0]
    late = random.choice([0, 0, 0, 0.02])
    started.append(coordinator.start_run(
        thread_id=thread, if_running=how, after_seconds=late, op_id=f"run-{n}"))
    dice, to = random.random(), f"s{random.randrange(3)}"
    if dice < 0.15:
        coordinator.transfer_thread(
            thread, None, to, None, random.choice(["move", "wait"]), op_id=f"move-{n}")
    elif dice < 0.18:
        removing = coordinator.remove_thread(thread, "cancel", op_id=f"remove-{n}")
        settled(removing)
        settled(create(thread, f"again-{n}"))
    elif dice < 0.3:
        run = settled(random.choice(started))
        if run is not None:
            coordinator.cancel_run(run.run_id)
    if n % 5 == 0:
        settled(started[-1])
        print(n, flush=True)
for future in started:
    run = settled(future)
    if run is not None:
        settled(coordinator.join_run(run.run_id))
print("end", flush=True)
runtime.close()
"""


def played(path: Path, seed: int, runs: int, threads: int, kills: int) -> None:
    """Run the script to its end, over that many deaths."""
    random = Random(seed)
    code: int | None = None
    for life in range(kills + 1):
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, path, f"{seed}", f"{runs}", f"{threads}"],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert child.stdout is not None
        mark = random.randrange(runs) if life < kills else runs
        with child.stdout as out:
            for line in out:
                if line != "end\n" and int(line) >= mark:
                    child.send_signal(signal.SIGKILL)
                    break
            code = child.wait(60)
        assert code in {0, -signal.SIGKILL}
    assert 0 == code


def faults(snapshot: Snapshot) -> Iterator[str]:
    """Yield what the runs do not explain."""
    if list(snapshot.live_runs()) or list(snapshot.queued_runs()):
        yield "there are runs that have not ended"
    if list(snapshot.scan("R", b"\x03")):
        yield "there are steps of runs that have ended"
    for session in snapshot.sessions():
        for thread in snapshot.threads(session.session_id):
            states = list(snapshot.states(thread.thread_id))[::-1]
            yield from _chain(thread.thread_id, states)
            runs = list(snapshot.runs(thread.thread_id))
            yield from _statuses(thread.thread_id, states, runs)


def _chain(thread_id: str, states: list[State]) -> Iterator[str]:
    n, run, part = 0, None, 2
    for state in states:
        value = state.values
        same = value["run"] == run
        expected = (n, part + 1) if same else (n + 1, 1)
        if expected != (value["n"], value["part"]) or state.run_id != value["run"]:
            yield f"{thread_id}: {value} of {state.run_id} follows {(n, run, part)}"
        n, run, part = value["n"], value["run"], value["part"]


def _statuses(thread_id: str, states: list[State], runs: list[Run]) -> Iterator[str]:
    written = Counter(state.run_id for state in states)
    for run in runs:
        count, error = written.pop(run.run_id, 0), (run.error or {}).get("type")
        allowed = {"success": {2}, "interrupted": {0, 1, 2}}.get(run.status, set())
        if error == "RolledBack" or run.attempt == 0:
            allowed = {0}
        if count not in allowed:
            yield f"{thread_id}: {run.status} {error} {run.run_id} wrote {count} states"
    if written:
        yield f"{thread_id}: states of nobody: {written}"


@pytest.mark.parametrize(
    ("seed", "runs", "threads", "kills"),
    [
        (1, 80, 2, 2),
        *[
            pytest.param(seed, 1000, 100, 8, marks=pytest.mark.long)
            for seed in range(2, 5)
        ],
        pytest.param(5, 1000, 5, 8, marks=pytest.mark.long),
    ],
)
def test_what_is_left_is_explained_by_the_runs_alone(
    tmp_store: Path, seed: int, runs: int, threads: int, kills: int
) -> None:
    played(tmp_store, seed, runs, threads, kills)
    runtime = Runtime.open(tmp_store)
    try:
        assert runtime.check().clean
    finally:
        runtime.close()
    store = LmdbStore(tmp_store)
    try:
        with store.read() as snapshot:
            assert [] == list(faults(snapshot))
    finally:
        store.close()

"""A forked child and the runtime of its parent."""

import os
import subprocess
import sys
from pathlib import Path

from tests.actors.conftest import Open
from tests.actors.support import (
    LONG_S,
)
from weft.actors import Runtime
from weft.storage import (
    Snapshot,
)

FORK = """
import os, sys
from weft.actors import Runtime
from weft.storage import StoreClosed, StoreLocked

runtime = Runtime.open(sys.argv[1])
runtime.coordinator.create_session("alice").get(timeout=20)
pid = os.fork()
if pid == 0:
    for call in (
        lambda: runtime.coordinator.create_session("bob"),
        lambda: runtime.coordinator.execute_workflow_in_session("alice", "x"),
        lambda: runtime.coordinator.get_session("alice"),
    ):
        try:
            call().get(timeout=20)
        except StoreClosed:
            pass
        else:
            os._exit(1)
    runtime.close()
    try:
        Runtime.open(sys.argv[1])
    except StoreLocked as error:
        if error.holder_pid != os.getppid():
            os._exit(2)
    else:
        os._exit(3)
    with Runtime.open(sys.argv[2]) as other:
        other.coordinator.create_session("bob").get(timeout=20)
    os._exit(0)
_, status = os.waitpid(pid, 0)
runtime.coordinator.create_session("carol").get(timeout=20)
runtime.close()
sys.exit(os.waitstatus_to_exitcode(status))
"""


def test_a_forked_child_cannot_use_its_parents_runtime_and_may_open_its_own(
    tmp_path: Path, open_runtime: Open
) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORK, tmp_path / "a", tmp_path / "b"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=LONG_S,
        check=False,
    )
    assert (0, "") == (done.returncode, done.stderr)
    assert ["alice", "carol"] == sessions(open_runtime(tmp_path / "a"))
    assert ["bob"] == sessions(open_runtime(tmp_path / "b"))


def sessions(runtime: Runtime) -> list[str]:
    def look(snapshot: Snapshot) -> list[str]:
        return [session.session_id for session in snapshot.sessions()]

    with runtime.store.read() as snapshot:
        return look(snapshot)

"""What the clients of a simulated case do: drawn from a seed, kept as data.

As data it can be shrunk: a failing case is reported with the few acts that it needs.
"""

from collections.abc import Callable, Sequence
from random import Random
from typing import Any, Final, Literal, cast

import msgspec

from weft.actors.future import Future
from weft.actors.testing import Simulation
from weft.storage.operations import CreateThreads, NewThread, RenameThread
from weft.storage.operations import TransferThreads as Transfer

__all__ = ["Act", "Plan", "drawn", "start"]

SESSIONS: Final = ("a", "b", "c")
THREADS: Final = ("t1", "t2", "t3")
NAMES: Final = ("x", "y")
TIMEOUT_S: Final = 5.0

Kind = Literal[
    "open",
    "create",
    "transfer",
    "rename",
    "remove",
    "remove by name",
    "run",
    "run by name",
    "close",
    "batch",
    "read",
    "passivate",
    "tick",
]
WEIGHTS: Final[dict[Kind, int]] = {
    "open": 1,
    "create": 6,
    "transfer": 14,
    "rename": 4,
    "remove": 2,
    "remove by name": 1,
    "run": 6,
    "run by name": 3,
    "close": 1,
    "batch": 2,
    "read": 4,
    "passivate": 5,
    "tick": 1,
}
KINDS: Final = tuple(WEIGHTS)
WEIGHED: Final = tuple(WEIGHTS.values())


class Act(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that a client does.

    Attributes:
        kind: what.
        op_id: its idempotency key; an act may have that of an earlier one.
        session: whom it asks.
        to: another session.
        thread: of which thread.
        name: a thread's name.
        mode: what to do about a run in progress; the workflow, for runs.
        timeout_s: its deadline, if it has one.
    """

    kind: Kind
    op_id: str
    session: str | None = None
    to: str = "a"
    thread: str = "t1"
    name: str | None = None
    mode: str = "reject"
    timeout_s: float | None = None


Plan = tuple[tuple[int, Act], ...]
"""Which client does what, in each client's order."""


def drawn(seed: int, clients: int = 3, acts: int = 10) -> Plan:
    """Return the plan of a seed."""
    random = Random(seed)
    plan: list[tuple[int, Act]] = [
        (i % clients, Act("create", f"c{i}", SESSIONS[i], thread=THREADS[i], name="x"))
        for i in range(3)
    ]
    threads = THREADS[: random.randrange(1, 4)]  # the fewer, the more they meet
    for number in range(acts):
        earlier = [act for _, act in plan if act.kind not in {"read", "tick"}]
        again = random.random() < 0.1
        new = _act(random, f"o{number}", threads)
        act = random.choice(earlier) if again else new
        plan.append((random.randrange(clients), act))
    return tuple(plan)


def _act(random: Random, op_id: str, threads: Sequence[str]) -> Act:
    kind = random.choices(KINDS, WEIGHED)[0]
    modes = {
        "transfer": ("reject", "wait", "move", "move"),
        "remove": ("reject", "cancel", "wait"),
        "remove by name": ("reject", "cancel", "wait"),
        "run": ("steps", "steps", "plain", "broken"),
        "run by name": ("steps", "steps", "plain", "broken"),
    }
    named = kind in {"create", "rename", "run by name", "remove by name", "batch"}
    by_anybody = kind in {"transfer", "rename"} and random.random() < 0.6
    return Act(
        kind,
        op_id,
        session=None if by_anybody else random.choice(SESSIONS),
        to=random.choice(SESSIONS),
        thread=random.choice(threads),
        name=random.choice(NAMES) if named or random.random() < 0.2 else None,
        mode=random.choice(modes.get(kind, ("reject",))),
        timeout_s=TIMEOUT_S if random.random() < 0.1 else None,
    )


def start(act: Act, simulation: Simulation) -> Future[Any] | None:
    """Let a client do its act; the answer comes in the future, if there is one."""
    how = {"op_id": act.op_id, "timeout_s": act.timeout_s}
    return _STARTS[act.kind](simulation, act, how)


def _passivate(simulation: Simulation, act: Act, _how: Any) -> None:
    simulation.passivate(_asked(act))


def _tick(simulation: Simulation, _act: Act, _how: Any) -> None:
    """Time passes: somebody's deadline."""
    simulation.process.timers.call_next()


def _asked(act: Act) -> str:
    return act.session or "a"


def _name(act: Act) -> str:
    return act.name or "x"


_STARTS: Final[dict[Kind, Callable[[Simulation, Act, Any], Future[Any] | None]]] = {
    "open": lambda sim, act, how: sim.coordinator.create_session(
        _asked(act), if_exists="open", **how
    ),
    "create": lambda sim, act, how: sim.coordinator.create_threads(
        _asked(act),
        (NewThread(act.thread, _name(act)),),
        list,
        create_session=True,
        **how,
    ),
    "transfer": lambda sim, act, how: sim.coordinator.transfer_thread(
        act.thread, act.session, act.to, act.name, cast("Any", act.mode), **how
    ),
    "rename": lambda sim, act, how: sim.coordinator.rename_thread(
        act.thread, _name(act), session_id=act.session, **how
    ),
    "remove": lambda sim, act, how: sim.coordinator.remove_thread(
        act.thread, cast("Any", act.mode), **how
    ),
    "remove by name": lambda sim, act, how: sim.coordinator.remove_thread_from_session(
        _asked(act), _name(act), cast("Any", act.mode), **how
    ),
    "run": lambda sim, act, how: sim.coordinator.run(
        {}, thread_id=act.thread, workflow=act.mode, **how
    ),
    "run by name": lambda sim, act, how: sim.coordinator.execute_workflow_in_session(
        _asked(act), _name(act), workflow=act.mode, **how
    ),
    "close": lambda sim, act, how: sim.coordinator.close_session(
        _asked(act), "remove" if act.to == _asked(act) else act.to, **how
    ),
    "batch": lambda sim, act, how: sim.coordinator.transact(_parts(act), **how),
    "read": lambda sim, act, _how: sim.coordinator.get_thread(act.thread),
    "passivate": _passivate,
    "tick": _tick,
}


def _parts(act: Act) -> list[Any]:
    """A thread is renamed and moved; another is created in the same breath."""
    return [
        CreateThreads(
            session_id=act.to,
            threads=(NewThread(f"{act.thread}+", f"{act.name}+"),),
            create_session=True,
        ),
        RenameThread(thread_id=act.thread, new_name=act.name or "y"),
        Transfer(
            thread_ids=(act.thread,),
            to_session_id=act.to,
            create_session=True,
            even_busy=True,
        ),
    ]

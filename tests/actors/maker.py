"""Random calls on a coordinator, most of them sensible: what the model is given."""

from random import Random
from typing import Any, Final

from tests.actors.model import Model, Step

PARTS: Final = (
    "create_session",
    "close_session",
    "create",
    "remove",
    "transfer",
    "rename",
)
KINDS: Final = (
    *("create",) * 5,
    *("transfer",) * 5,
    *("execute",) * 5,
    *("rename",) * 2,
    *("remove",) * 2,
    *("create_session",) * 2,
    *("transact",) * 3,
    "close_session",
    "track",
    "again",
)


class Maker:
    """Makes random calls, most of them sensible, over a few ids and names.

    Args:
        random: decides.
        prefix: what all ids begin with.
    """

    def __init__(self, random: Random, prefix: str = "") -> None:
        self._random = random
        self._prefix = prefix
        self._made: list[Step] = []

    def step(self, model: Model) -> Step:
        """Return the next call, or an earlier one again."""
        kind = self._random.choice(KINDS)
        if kind == "again" and self._made:
            return self._random.choice(self._made)
        op_id = f"{self._prefix}op-{len(self._made)}"
        step = self._new("create_session" if kind == "again" else kind, op_id, model)
        self._made.append(step)
        return step

    def _new(self, kind: str, op_id: str, model: Model) -> Step:
        random, session = self._random, self._session(model)
        arguments: tuple[Any, ...]
        match kind:
            case "create_session":
                exists = random.choice(("raise", "open"))
                arguments = (self._pick("s", 40), random.choice("uvw"), exists)
            case "close_session":
                target = random.choice(("remove", self._session(model)))
                arguments = (session, target)
            case "track":
                arguments = (session, random.randrange(100))
            case "create":
                new = [(self._name(), self._pick("t", 60)) for _ in range(2)]
                arguments = (session, tuple(new[: random.choice((1, 1, 2))]))
            case "remove":
                arguments = (session, self._name())
            case "transfer":
                thread, owner = self._thread(model, session)
                name = random.choice((None, None, self._name()))
                arguments = (thread, owner, self._session(model), name)
            case "rename":
                arguments = (self._thread(model, session)[0], self._name())
            case "execute":
                thread, owner = self._thread(model, session)
                known = model.threads.get(thread)
                name = known["name"] if known else self._name()
                flow = random.choice(("default", "default", "count", "fail"))
                arguments = (owner, name, flow, op_id)
            case _:
                count = random.randrange(1, 4)
                kinds = [random.choice(PARTS) for _ in range(count)]
                arguments = (tuple(self._new(k, op_id, model) for k in kinds),)
        return Step(kind, op_id, arguments)

    def _pick(self, kind: str, count: int) -> str:
        return f"{self._prefix}{kind}-{self._random.randrange(count)}"

    def _name(self) -> str:
        return self._random.choice("abcdef")

    def _session(self, model: Model) -> str:
        live = [s for s, one in model.sessions.items() if one["status"] == "open"]
        if live and self._random.random() < 0.95:
            return self._random.choice(sorted(live))
        return self._pick("s", 40)

    def _thread(self, model: Model, session: str) -> tuple[str, str]:
        """Return a thread, and its owner or (sometimes) somebody else."""
        if model.threads and self._random.random() < 0.95:
            thread = self._random.choice(sorted(model.threads))
            owner = model.threads[thread]["session"]
            return thread, owner if self._random.random() < 0.95 else session
        return self._pick("t", 60), session

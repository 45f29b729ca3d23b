"""Crashes that tests bring about: in a handler, or in the dispatcher's own loop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from weft.actors import restarts
from weft.actors.supervision import RestartPolicy

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from weft.actors import Runtime


def crash_handler(
    monkeypatch: pytest.MonkeyPatch,
    actor: Any,
    kind: type,
    *,
    suits: Callable[[Any], bool] = lambda _message: True,
    error: BaseException | None = None,
) -> list[Any]:
    """Have an actor's handler raise, for each message that suits.

    Returns:
        the messages it has raised over.
    """
    handlers = dict(actor.handlers)
    broken: list[Any] = []
    real = handlers[kind]

    def handler(self: Any, message: Any) -> Any:
        if suits(message):
            broken.append(message)
            raise error or RuntimeError("a defect")
        return real(self, message)

    monkeypatch.setattr(actor, "handlers", handlers | {kind: handler})
    return broken


def break_loop(
    runtime: Runtime, suits: Callable[[Any, Any], bool], error: BaseException
) -> list[Any]:
    """Break the dispatcher's loop once, as it begins a turn that suits.

    Returns:
        what was in hand then.
    """
    in_hand: list[Any] = []
    dispatcher: Any = runtime._dispatcher

    def trace(cell: Any, message: Any) -> None:
        if not in_hand and suits(cell, message):
            in_hand.append(message)
            raise error

    dispatcher.trace = trace
    return in_hand


def fast_policy(**changes: Any) -> RestartPolicy:
    """Return a policy for sessions that does not keep a test waiting."""
    fields: dict[str, Any] = {
        "restarts_max": 2,
        "backoff_min_s": 0.002,
        "backoff_max_s": 0.01,
        "quarantine_s": 0.2,
    }
    return RestartPolicy(**fields | changes)


def set_policy(monkeypatch: pytest.MonkeyPatch, policy: RestartPolicy) -> None:
    """Have runtimes that are opened from now on restart their sessions so."""
    monkeypatch.setattr(restarts, "SESSIONS", policy)

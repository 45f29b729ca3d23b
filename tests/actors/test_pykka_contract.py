"""The private parts of Pykka that weft.actors stands on, and their shape.

Pykka may change them in any release. This file says what would break; the upper
bound in ``pyproject.toml`` says until when it is known to hold.
"""

from __future__ import annotations

import ast
import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pykka
import pytest
from pykka import _envelope, messages

from weft.actors.cell import Cell
from weft.actors.future import Future

if TYPE_CHECKING:
    from collections.abc import Callable

ACTORS: Final = Path(__file__).parents[2] / "actors/weft/actors"

PRIVATE: Final = {
    "_ActorStop": "messages",
    "_actor_ref": "Actor",
    "_actor_weakref": "ActorRef",
    "_create_actor_inbox": "Actor",
    "_create_future": "Actor",
    "_handle_failure": "Actor",
    "_handle_receive": "Actor",
    "_start_actor_loop": "Actor",
    "_stop": "Actor",
}
"""Every private name of Pykka that weft.actors uses or overrides, and its home."""


def parameters(function: Callable[..., Any]) -> list[str]:
    return list(inspect.signature(function).parameters)


@pytest.mark.parametrize("name", ["_create_actor_inbox", "_create_future"])
def test_the_hooks_for_implementors_are_abstract_static_methods(name: str) -> None:
    hook = inspect.getattr_static(pykka.Actor, name)
    assert isinstance(hook, staticmethod)
    assert [] == parameters(hook)
    assert name in pykka.Actor.__abstractmethods__


def test_the_loop_hook_is_an_abstract_method() -> None:
    assert ["self"] == parameters(pykka.Actor._start_actor_loop)
    assert "_start_actor_loop" in pykka.Actor.__abstractmethods__


def test_an_actor_makes_its_inbox_its_flag_and_its_ref_in_init() -> None:
    names = pykka.Actor.__init__.__code__.co_names
    assert {
        "actor_urn",
        "actor_inbox",
        "_create_actor_inbox",
        "actor_stopped",
        "_actor_ref",
    } <= set(names)
    source = inspect.getsource(pykka.Actor.actor_ref.fget)  # type: ignore[attr-defined]
    assert "return self._actor_ref" in source


def test_start_registers_and_then_starts_the_loop() -> None:
    names = pykka.Actor.start.__func__.__code__.co_names  # type: ignore[attr-defined]
    assert names.index("register") < names.index("_start_actor_loop")


def test_messages_are_handled_by_one_method() -> None:
    assert ["self", "message"] == parameters(pykka.Actor._handle_receive)


def test_stopping_and_failing_have_their_methods() -> None:
    assert ["self"] == parameters(pykka.Actor._stop)
    assert ["self", "exception_type", "exception_value", "traceback"] == parameters(
        pykka.Actor._handle_failure
    )
    assert "on_stop" in pykka.Actor._stop.__code__.co_names
    assert "on_start" in pykka.Actor._actor_loop_setup.__code__.co_names


def test_the_cell_may_run_the_hook_of_the_start_itself() -> None:
    source = inspect.getsource(pykka.Actor._actor_loop_setup)
    body = [line.strip() for line in source.splitlines()[1:]]
    assert [
        "try:",
        "self.on_start()",
        "except Exception:  # noqa: BLE001",
        "self._handle_failure(*sys.exc_info())",
    ] == body


def test_there_are_four_messages_of_pykkas_own() -> None:
    names = {"_ActorStop", "ProxyCall", "ProxyGetAttr", "ProxySetAttr"}
    assert names == {
        name
        for name, kind in vars(messages).items()
        if isinstance(kind, type) and kind.__module__ == messages.__name__
    }
    handled = pykka.Actor._handle_receive.__code__.co_names
    assert names <= set(handled)


def test_a_proxy_finds_the_actor_through_the_refs_weak_reference() -> None:
    assert "_actor_weakref" in pykka.ActorProxy.__init__.__code__.co_names
    assert "_actor_weakref" in pykka.ActorRef.__init__.__code__.co_names


def test_the_stop_message_is_an_empty_tuple_type() -> None:
    assert () == messages._ActorStop()
    assert () == messages._ActorStop._fields


def test_an_envelope_holds_a_message_and_a_future() -> None:
    assert ["message", "reply_to"] == list(_envelope.Envelope.__slots__)
    envelope = _envelope.Envelope("message")
    assert ("message", None) == (envelope.message, envelope.reply_to)


@pytest.mark.parametrize("name", ["ask", "stop", "tell", "is_alive"])
def test_the_methods_of_a_cell_take_what_those_of_a_ref_take(name: str) -> None:
    expected = parameters(getattr(pykka.ActorRef, name))
    more = {"stop": ["now"]}.get(name, [])
    assert [*expected, *more] == parameters(getattr(Cell, name))


@pytest.mark.parametrize(
    "name",
    ["get", "set", "set_exception", "set_get_hook", "map", "filter", "join", "reduce"],
)
def test_the_methods_of_our_future_take_what_pykkas_take(name: str) -> None:
    assert parameters(getattr(pykka.Future, name)) == parameters(getattr(Future, name))


def test_every_private_name_in_use_is_named_here() -> None:
    of_pykka = {
        name
        for owner in (pykka.Actor, pykka.ActorRef, pykka.Future, pykka.ActorRegistry)
        for name in (*dir(owner), *getattr(owner, "__annotations__", ()))
        if name.startswith("_") and not name.startswith("__")
    } | {"_ActorStop", "_actor_weakref"}
    used = set()
    for module in ACTORS.glob("*.py"):
        for node in ast.walk(ast.parse(module.read_text())):
            match node:
                case ast.Attribute(attr=name) | ast.FunctionDef(name=name):
                    used.add(name)
                case ast.alias(name=name):
                    used.add(name)
    generic = {name for name in of_pykka if name.startswith("_abc")} | {"_is_protocol"}
    assert set(PRIVATE) == (used & of_pykka) - generic

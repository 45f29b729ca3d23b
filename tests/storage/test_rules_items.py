"""Items come, change, live as long as they are touched, and go; on every store."""

from typing import Any

import pytest
from msgspec.structs import replace

from tests.storage.client import START_US, Client
from weft.storage import InvalidArgument, Item, ItemReader, OperationMismatch
from weft.storage import operations as op
from weft.storage.operations import encode_value as raw
from weft.storage.operations_items import PutItem, RemoveItem, TouchItems
from weft.storage.rules_items import TOUCHED_MAX, TTL_US_MAX

USER = ("users", "ann")


def put(key: str = "k", n: int = 1, **fields: Any) -> PutItem:
    return PutItem(namespace=USER, key=key, value=raw({"n": n}), **fields)


def found(client: Client, key: str = "k", now_us: int = START_US) -> Item | None:
    return client.see(lambda s: ItemReader(s, now_us).item(USER, key))


def test_an_item_holds_what_was_put_last_and_knows_when_it_was_first(
    client: Client,
) -> None:
    assert client.do(put(n=1))
    assert not client.do(put(n=2))
    item = found(client)
    assert item is not None
    assert {"n": 2} == item.value
    assert (START_US + 1, START_US + 2) == (item.created_at_us, item.updated_at_us)
    assert (1, 2) == (item.created_seq, item.updated_seq)
    assert item.expires_at is None


def test_an_item_that_is_removed_is_gone_and_its_removal_repeatable(
    client: Client,
) -> None:
    client.do(put())
    assert client.do(RemoveItem(namespace=USER, key="k"))
    assert found(client) is None
    assert not client.do(RemoveItem(namespace=USER, key="k"))


def test_a_repeated_put_gets_its_first_answer_and_changes_nothing(
    client: Client,
) -> None:
    assert client.do(put(n=1, op_id="once"))
    client.do(put(n=2))
    again = client.outcome(put(n=1, op_id="once"))
    assert (True, True) == (again.result, again.replayed)
    item = found(client)
    assert item is not None
    assert {"n": 2} == item.value


def test_an_op_id_of_another_kind_is_refused(client: Client) -> None:
    client.do(put(op_id="once"))
    outcome = client.outcome(RemoveItem(namespace=USER, key="k", op_id="once"))
    assert OperationMismatch is type(outcome.error)
    assert found(client) is not None


def test_operations_of_one_group_see_each_other(client: Client) -> None:
    outcomes = client.group(
        put(n=1), put(n=2), RemoveItem(namespace=USER, key="k"), put(n=3)
    )
    assert [True, False, True, True] == [outcome.result for outcome in outcomes]
    item = found(client)
    assert item is not None
    assert {"n": 3} == item.value


def test_an_item_is_there_until_its_time_is_over(client: Client) -> None:
    client.do(put(at_us=START_US, ttl_us=100))
    assert found(client, now_us=START_US + 99) is not None
    assert found(client, now_us=START_US + 100) is None


def test_an_item_whose_time_is_over_is_made_anew(client: Client) -> None:
    client.do(put(at_us=START_US, ttl_us=100))
    assert client.do(put(at_us=START_US + 100))
    item = found(client)
    assert item is not None
    assert (START_US + 100, None) == (item.created_at_us, item.expires_at_us)


def test_removing_an_item_whose_time_is_over_removes_none(client: Client) -> None:
    client.do(put(at_us=START_US, ttl_us=100))
    assert not client.do(RemoveItem(namespace=USER, key="k", at_us=START_US + 100))


def test_touching_begins_the_time_anew_and_is_no_update(client: Client) -> None:
    client.do(put("short", at_us=START_US, ttl_us=100))
    client.do(put("for ever", at_us=START_US))
    names = ("short", "for ever", "never was")
    items = tuple((USER, name) for name in names)
    assert 1 == client.do(TouchItems(items=items, at_us=START_US + 90))
    item = found(client, "short", START_US + 189)
    assert item is not None
    assert (START_US + 190, START_US) == (item.expires_at_us, item.updated_at_us)


def test_touching_does_not_bring_back_what_is_over(client: Client) -> None:
    client.do(put(at_us=START_US, ttl_us=100))
    touch = TouchItems(items=((USER, "k"),), at_us=START_US + 100)
    assert 0 == client.do(touch)
    assert found(client, now_us=START_US + 100) is None


def test_forgetting_takes_what_is_over_unless_it_was_touched(client: Client) -> None:
    for key in ("over", "touched", "early"):
        client.do(put(key, at_us=START_US, ttl_us=100))
    client.do(TouchItems(items=((USER, "touched"),), at_us=START_US + 50))
    named = tuple((USER, key, START_US + 100) for key in ("over", "touched"))
    late = op.Expire(items=named, at_us=START_US + 100)
    assert 1 == client.do(late).items
    soon = op.Expire(items=((USER, "early", START_US + 100),), at_us=START_US + 99)
    assert 0 == client.do(soon).items
    left = client.see(lambda s: [i.key for i in ItemReader(s, 0).items()])
    assert ["early", "touched"] == left


@pytest.mark.parametrize(
    "operation",
    [
        put(ttl_us=0),
        put(ttl_us=TTL_US_MAX + 1),
        put("k" * 511),
        replace(put(), namespace=()),
        RemoveItem(namespace=("",), key="k"),
        TouchItems(items=((USER, "k"),) * (TOUCHED_MAX + 1)),
    ],
    ids=[
        "no time",
        "too long a time",
        "long key",
        "no namespace",
        "empty part",
        "too many",
    ],
)
def test_what_cannot_be_is_refused(client: Client, operation: op.Operation) -> None:
    client.do(put())
    assert InvalidArgument is type(client.refuse(operation))


def test_a_refused_item_leaves_its_group_alone(client: Client) -> None:
    outcomes = client.group(put("a"), put("k" * 511), put("b"))
    assert [True, None, True] == [outcome.result for outcome in outcomes]
    assert found(client, "a") is not None
    assert found(client, "b") is not None


def test_a_value_that_is_no_mapping_is_refused_at_the_edge() -> None:
    with pytest.raises(InvalidArgument, match="must be a mapping"):
        PutItem(namespace=USER, key="k", value=[1])  # type: ignore[arg-type]

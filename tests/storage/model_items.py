"""What operations on items must do to the world."""

from typing import Any

from tests.storage.model_world import Fields, World
from weft.storage.operations_items import PutItem, RemoveItem, TouchItems


def living(world: World, namespace: Any, key: str, at_us: int) -> Fields:
    """Return an item whose time is not over, nothing where there is none."""
    item = world.items.get((namespace, key), {})
    return item if item and (item["until"] or at_us + 1) > at_us else {}


def put_item(world: World, o: PutItem) -> None:
    old = living(world, o.namespace, o.key, o.at_us)
    world.items[o.namespace, o.key] = {
        "value": bytes(o.value),
        "ttl": o.ttl_us,
        "until": o.at_us + o.ttl_us if o.ttl_us else None,
        "created": old.get("created", o.at_us),
    }


def remove_item(world: World, o: RemoveItem) -> None:
    world.items.pop((o.namespace, o.key), None)


def touch_items(world: World, o: TouchItems) -> None:
    for place in o.items:
        item = living(world, *place, o.at_us)
        if item.get("ttl"):
            item["until"] = o.at_us + item["ttl"]

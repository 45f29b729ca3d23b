"""What of the world must be left when the old is forgotten."""

from tests.storage.model_world import World
from weft.storage import operations as op


def expire(world: World, o: op.Expire) -> None:
    for thread_id, session_id, version in o.associations:
        row = world.rows.get((session_id, thread_id))
        if row and not row["active"] and row["version"] == version:
            del world.rows[session_id, thread_id]
    for thread_id, rev in o.tombstones:
        if world.graves.get(thread_id) == rev:
            del world.graves[thread_id]
    for thread_id, run_id in o.runs:
        run = world.runs.get(run_id)
        if run and run["thread"] == thread_id and run["status"] != "running":
            del world.runs[run_id]
    expire_items(world, o)
    for thread_id, first, last in o.states:
        thread = world.threads.get(thread_id)
        if thread is not None:
            states = thread["states"]
            if any(state[0] == first - 1 for state in states):
                continue
            head = states[-1][0] if states and thread["run"] else None
            thread["states"] = [
                state
                for state in states
                if not first <= state[0] <= last or state[0] == head
            ]


def expire_items(world: World, o: op.Expire) -> None:
    for namespace, key, until in o.items:
        item = world.items.get((namespace, key), {})
        if item.get("until") == until <= o.at_us:
            del world.items[namespace, key]

"""What operations on sessions must do to the world."""

from tests.storage.model_threads import bury, move
from tests.storage.model_world import No, World
from weft.storage import operations as op


def create_session(world: World, o: op.CreateSession) -> None:
    if o.session_id not in world.sessions:
        world.create_session(o.session_id, o)
    elif not o.open_existing:
        raise No("SessionExists")
    else:
        world.owner(o.session_id)


def update_session(world: World, o: op.UpdateSession) -> None:
    session = world.owner(o.session_id)
    if o.user_id is not None:
        session["user"] = o.user_id
    if bytes(o.metadata) != b"\xc0":
        session["metadata"] = bytes(o.metadata)


def close_session(world: World, o: op.CloseSession) -> None:
    session = world.owner(o.session_id)
    if o.move_to == o.session_id:
        raise No("InvalidArgument")
    if o.move_to is not None:
        world.owner(o.move_to)
    owned = [i for i, t in world.threads.items() if t["session"] == o.session_id]
    for thread_id in sorted(owned, key=lambda i: str(world.threads[i]["name"])):
        thread = world.threads[thread_id]
        if thread["run"]:
            raise No("ThreadBusy")
        if o.move_to is None:
            bury(world, thread_id)
        else:
            move(world, thread_id, o.move_to, thread["name"])
    session.update(status="closed", rev=session["rev"] + 1)


def track(world: World, o: op.TrackInteraction) -> None:
    world.owner(o.session_id)
    world.interactions.append((o.session_id, o.interaction_id))

"""What operations on threads must do to the world: they come, move and go."""

import msgspec

from tests.storage.model_world import No, World
from weft.storage import operations as op


def create_threads(world: World, o: op.CreateThreads) -> None:
    if o.create_session and o.session_id not in world.sessions:
        world.create_session(o.session_id, None)
    world.owner(o.session_id)
    for new in o.threads:
        if new.thread_id in world.threads:
            raise No("ThreadExists")
        if world.called(o.session_id, new.name) is not None:
            raise No("NameTaken")
        rev = world.graves.pop(new.thread_id, 0) + 1
        world.threads[new.thread_id] = {
            "session": None,
            "rev": rev,
            "status": "idle",
            "run": None,
            "config": bytes(new.config),
            "metadata": bytes(new.metadata),
            "states": [],
        }
        world.threads[new.thread_id]["name"] = None
        world.place(new.thread_id, o.session_id, new.name)


def remove_threads(world: World, o: op.RemoveThreads) -> None:
    for thread in o.threads:
        thread_id = world.find(o.session_id, thread) if o.session_id else thread
        if world.live(thread_id)["run"] and not o.even_busy:
            raise No("ThreadBusy")
        bury(world, thread_id)


def bury(world: World, thread_id: str) -> None:
    thread = world.threads.pop(thread_id)
    world.graves[thread_id] = thread["rev"]
    world.rows[thread["session"], thread_id]["active"] = False
    world.runs = {i: r for i, r in world.runs.items() if r["thread"] != thread_id}


def transfer_threads(world: World, o: op.TransferThreads) -> None:
    if o.new_name is not None and len(o.thread_ids) > 1:
        raise No("InvalidArgument")
    if o.from_session_id is not None:
        world.owner(o.from_session_id)
    if o.create_session and o.to_session_id not in world.sessions:
        world.create_session(o.to_session_id, None)
    world.owner(o.to_session_id)
    for thread_id in o.thread_ids:
        thread = world.live(thread_id, o.from_session_id)
        if thread["run"] and not o.even_busy:
            raise No("ThreadBusy")
        name = o.new_name or thread["name"]
        if thread["session"] == o.to_session_id:
            rename(world, thread_id, name)
        else:
            move(world, thread_id, o.to_session_id, name)


def move(world: World, thread_id: str, session_id: str, name: str) -> None:
    thread = world.threads[thread_id]
    world.rows[thread["session"], thread_id]["active"] = False
    world.place(thread_id, session_id, name)
    thread["rev"] += 1


def rename_thread(world: World, o: op.RenameThread) -> None:
    world.live(o.thread_id, o.session_id)
    rename(world, o.thread_id, o.new_name)


def rename(world: World, thread_id: str, name: str) -> None:
    thread = world.threads[thread_id]
    if world.called(thread["session"], name) not in {None, thread_id}:
        raise No("NameTaken")
    thread["name"] = name
    world.rows[thread["session"], thread_id]["name"] = name


def update_thread(world: World, o: op.UpdateThread) -> None:
    thread = world.live(o.thread_id, o.session_id)
    if o.status is not None:
        if thread["run"]:
            raise No("ThreadBusy")
        thread["status"] = o.status
    for field, changes in (("metadata", o.metadata), ("config", o.config)):
        held = msgspec.msgpack.decode(thread[field])
        held.update(msgspec.msgpack.decode(changes))
        thread[field] = msgspec.msgpack.encode(held)

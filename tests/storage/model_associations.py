"""What saving and deleting an association must do to the world."""

from tests.storage.model_threads import bury, create_threads
from tests.storage.model_world import No, World
from weft.storage import operations as op
from weft.storage.operations_associations import DeleteAssociation, SaveAssociation


def save_association(world: World, o: SaveAssociation) -> None:
    world.owner(o.session_id)
    row = world.rows.get((o.session_id, o.thread_id))
    if o.seen_seq is not None:
        raise No("StaleRevision")  # of the past: numbers begin at 1
    if row is not None:
        raise No("ThreadExists")
    if not o.is_active:
        raise No("InvalidArgument")
    new = op.NewThread(o.thread_id, o.thread_name)
    create_threads(world, op.CreateThreads(session_id=o.session_id, threads=(new,)))


def delete_association(world: World, o: DeleteAssociation) -> None:
    world.owner(o.session_id)
    row = world.rows.get((o.session_id, o.thread_id))
    if row is None:
        raise No("ThreadNotFound")
    if o.seen_seq is not None:
        raise No("StaleRevision")
    if row["active"]:
        if world.threads[o.thread_id]["run"]:
            raise No("ThreadBusy")
        bury(world, o.thread_id)
    del world.rows[o.session_id, o.thread_id]

"""The copies of who owns what are made to disagree; the check says so, repair mends it.

$ python examples/break_and_repair.py
a clean store: 0 inconsistencies
an entry is deleted below all rules
missing_thread: Thread '...' is 'notes' in session 'alice' by its record; ...
repair: ...: put 'notes' on the list of 'alice'
after the repair: 0 inconsistencies
alice has: notes
"""

import tempfile

import lmdb

from weft.actors import Runtime


def break_it(directory: str) -> None:
    """Delete the entry that says that alice has a thread named notes."""
    trees = lmdb.open(f"{directory}/store", max_dbs=16)
    sessions = trees.open_db(b"S", create=False)
    with trees.begin(write=True) as transaction, transaction.cursor(sessions) as cursor:
        keys = list(cursor.iternext(values=False))
        transaction.delete(
            next(key for key in keys if key.endswith(b"notes")), db=sessions
        )
    trees.close()


with tempfile.TemporaryDirectory() as directory:
    with Runtime.open(directory) as runtime:
        runtime.session("alice").create_thread("notes").get(timeout=5)
        print(f"a clean store: {len(runtime.check().inconsistencies)} inconsistencies")

    print("an entry is deleted below all rules")
    break_it(directory)

    with Runtime.open(directory) as runtime:
        for found in runtime.check().inconsistencies:
            print(f"{found.kind}: {found.detail}")
        coordinator = runtime.coordinator
        report = coordinator.repair_session_inconsistencies("alice").get(timeout=5)
        for fix in report.fixes_applied:
            print(f"repair: {fix}")
        print(
            f"after the repair: {len(runtime.check().inconsistencies)} inconsistencies"
        )
        threads = runtime.session("alice").threads().get(timeout=5)
        print(f"alice has: {', '.join(thread.thread_name for thread in threads)}")

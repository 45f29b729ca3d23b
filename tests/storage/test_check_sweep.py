"""The first pass of the check knows every form that an id can have."""

import pytest

from tests.storage.client import Client
from weft.storage import MemoryStore
from weft.storage import operations as op
from weft.storage.check_scan import Counting
from weft.storage.check_sweep import Sweep

UUID = "01890a5d-ac96-774b-bcce-b302099a8057"
FORMS = [
    UUID,
    UUID.upper(),
    UUID.replace("-", "")[:31],
    UUID.replace("-", "0"),
    "$" * 36,
    "$short",  # a UUID's header has this byte in the same place
    "s",
    "ß" * 40,
]


@pytest.mark.parametrize("op_id", FORMS)
@pytest.mark.parametrize("one", FORMS)
def test_a_sound_store_balances_whatever_its_ids_look_like(
    one: str, op_id: str
) -> None:
    store = MemoryStore()
    client = Client(store)
    client.do(op.CreateSession(session_id=one, op_id=op_id))
    client.do(op.CreateSession(session_id="other"))
    threads = tuple(op.NewThread(thread_id=i, name=i) for i in (one, "moved"))
    client.do(op.CreateThreads(session_id=one, threads=threads))
    client.do(op.TransferThreads(thread_ids=("moved",), to_session_id="other"))
    with store.read() as snapshot:
        assert Sweep(snapshot, Counting(snapshot, None)).balances()

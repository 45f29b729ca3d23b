"""What a with block ends is closed, in asyncio beside the loop."""

import asyncio
import threading

from weft.actors.closing import Closing


class Closed(Closing):
    by: threading.Thread | None = None

    def close(self) -> None:
        self.by = threading.current_thread()


def test_a_with_block_closes_on_its_own_os_thread() -> None:
    with Closed() as made:
        assert made.by is None
    assert threading.current_thread() is made.by


def test_in_asyncio_the_loop_is_not_blocked_meanwhile() -> None:
    async def block() -> Closed:
        async with Closed() as made:
            assert made.by is None
        return made

    made = asyncio.run(block())
    assert made.by is not None
    assert threading.current_thread() is not made.by

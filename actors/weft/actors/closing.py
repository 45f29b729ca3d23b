"""With blocks for what is closed at the end, in asyncio without blocking the loop."""

import asyncio
from abc import ABC, abstractmethod
from typing import Self

__all__ = ["Closing"]


class Closing(ABC):
    """What a with block closes, sync or async."""

    @abstractmethod
    def close(self) -> None:
        """Finish what is under way, and give everything back."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self.close)

"""An actor that remembers what it is told, or waits where it is told to."""

import threading
from typing import Any

from tests.actors.support import LONG_S
from weft.actors.dispatcher import Dispatcher
from weft.actors.light_actor import LightActor, handles


class Recorder(LightActor):
    kind = "session"

    def __init__(self, dispatcher: Dispatcher, key: str = "recorder") -> None:
        super().__init__(dispatcher, key)
        self.seen: list[Any] = []

    @handles(str)
    def _remember(self, message: str) -> str:
        self.seen.append(message)
        return message

    @handles(threading.Event)
    def _wait(self, message: threading.Event) -> None:
        assert message.wait(LONG_S)

"""The base of the actors that everybody's mail passes: root, sessions, threads.

A ``SystemExit`` or the like in a handler ends an actor of the general kind. One of
these has to stay: what is in flight comes back to it, and its own mail carries futures
that only it can answer.

Guarantees:
    * whatever a handler raises, the actor is there for the mail behind;
    * one that has left is freed by counting references, when the last mail for it is
      handled. A garbage collection would have to find it otherwise, and one that has
      frozen it (:mod:`weft.actors.collector`) never would.
"""

import weakref
from typing import Any

from weft.actors.light_actor import LightActor

__all__ = ["Resident"]


class Resident(LightActor):
    """An actor that outlives whatever its handlers raise."""

    __slots__ = ()

    def loosen(self) -> None:
        """Stop keeping the own ref alive; who posts here still does.

        For an actor that has left the directory and has nothing in flight.
        """
        if type(self._actor_ref) not in weakref.ProxyTypes:
            self._actor_ref = weakref.proxy(self._actor_ref)

    def handle_failure(self, exception: BaseException, message: Any) -> None:
        """Stay, and report as ever: the parent decides what becomes of it.

        Args:
            exception: what the handler raised.
            message: what it was handling.
        """
        self.actor_ref.actor = self  # the cell let go of it on a SystemExit
        super().handle_failure(exception, message)

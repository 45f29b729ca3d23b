"""A server whose runs tell a receiver of their ends."""

import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from tests.daemon.http.asking import bearer
from tests.daemon.http.run_support import TIMEOUT_S, Client, count, fail, linger
from tests.daemon.receiver import LOOPBACK
from weft.actors import Runtime
from weft.daemon import webhook_retry
from weft.daemon.app import create_app
from weft.daemon.http import HttpSettings, Tokens
from weft.daemon.listen import Address, bind
from weft.daemon.server import BackgroundServer
from weft.daemon.webhook_config import WebhooksConfig
from weft.daemon.webhook_signature import Signer
from weft.daemon.webhooks import Webhooks
from weft.storage import MemoryStore, Store

LOCAL = {"allow_http": True, "allow_networks": LOOPBACK}
"""What must be allowed for a receiver on loopback."""


class TellingClient(Client):
    """A client of a server that tells.

    Attributes:
        webhooks: of the server.
    """

    webhooks: Webhooks

    def start(self, url: str, workflow: str = "count", **body: Any) -> Any:
        """Start a run in the background that tells a URL of its end."""
        asked = {"assistant_id": workflow, "webhook": url, **body}
        answer = self.post("/threads/t/runs", json=asked)
        return answer.raise_for_status().json()

    def settled(self, token: str = "") -> dict[str, float]:
        """Wait until nothing is to be told, and return the numbers of webhooks."""
        deadline_s = time.monotonic() + TIMEOUT_S
        while self.webhooks.statistics().waiting or self.webhooks._open:
            assert time.monotonic() < deadline_s
            threading.Event().wait(0.005)
        page = self.get("/metrics", headers=bearer(token) if token else {})
        lines = page.raise_for_status().text.splitlines()
        parted = [line.partition(" ") for line in lines]
        return {
            name: float(number)
            for name, _, number in parted
            if name.startswith("weft_webhook")
        }


@contextmanager
def telling(
    outbox: Path | None = None,
    store: Store | None = None,
    secrets: Path | None = None,
    workflows: Any = (),
    tokens: Path | None = None,
    **config: Any,
) -> Generator[TellingClient]:
    """Serve small workflows, with a thread ``t``, for the time of a with block.

    The first attempts to tell of a run follow each other within a tenth of a second.
    """
    known = {"count": count, "fail": fail, "linger": linger, **dict(workflows)}
    store = MemoryStore() if store is None else store
    settings = msgspec.convert(LOCAL | config, WebhooksConfig)
    with (
        pytest.MonkeyPatch.context() as patch,
        Runtime.open(store=store, workflows=known) as runtime,
        Webhooks(runtime, settings, outbox, Signer(secrets)) as webhooks,
    ):
        patch.setattr(webhook_retry, "FIRST_S", 0.1)
        app = create_app(runtime, HttpSettings(), Tokens(tokens), webhooks)
        with (
            BackgroundServer(
                app, bind(Address("127.0.0.1", 0)), on_stopping=app.goodbye
            ) as server,
            TellingClient(base_url=httpx.URL(server.url), timeout=TIMEOUT_S) as client,
        ):
            client.runtime, client.app, client.webhooks = runtime, app, webhooks
            if tokens is None:
                body = {"thread_id": "t", "if_exists": "do_nothing"}
                client.post("/threads", json=body).raise_for_status()
            yield client

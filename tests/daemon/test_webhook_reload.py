"""The secrets of webhooks are exchanged while the daemon runs."""

import base64
import hashlib
import hmac
import signal
from pathlib import Path

import httpx

from tests.daemon.asking import url_in
from tests.daemon.child import environment, first_line, weft
from tests.daemon.http.run_support import TIMEOUT_S
from tests.daemon.receiver import LOOPBACK, Received, receiving

OLD, NEW = bytes(range(32)), bytes(range(32, 64))


def written(*secrets: bytes) -> str:
    return "".join(f"whsec_{base64.b64encode(one).decode()}\n" for one in secrets)


def signers(received: Received) -> list[bytes]:
    """Return whose signatures a webhook has, in their order."""
    headers = received.headers
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode()
    by_signature = {}
    for secret in (OLD, NEW):
        digest = hmac.digest(secret, signed + received.body, hashlib.sha256)
        by_signature[f"v1,{base64.b64encode(digest).decode()}"] = secret
    return [by_signature[one] for one in headers["webhook-signature"].split()]


def test_sighup_reads_the_secrets_again_and_keeps_them_if_it_cannot(
    tmp_path: Path,
) -> None:
    secrets = tmp_path / "secrets"
    secrets.touch(mode=0o600)
    secrets.write_text(written(OLD))
    told = environment(
        WEFT_WEBHOOKS__ALLOW_HTTP="1",
        WEFT_WEBHOOKS__ALLOW_NETWORKS=",".join(LOOPBACK),
        WEFT_WEBHOOKS__SECRET_FILE=str(secrets),
    )
    app = ("--app", "tests.daemon.http.run_app:workflows")
    where = ("--data", tmp_path / "data", "--listen", "127.0.0.1:0")
    with receiving() as receiver, weft("serve", *app, *where, env=told) as child:
        url = url_in(first_line(child))

        def next_signers() -> list[bytes]:
            body = {"assistant_id": "steps", "input": {"to": 1}}
            body["webhook"] = receiver.url
            httpx.post(f"{url}/runs", json=body, timeout=TIMEOUT_S).raise_for_status()
            return signers(receiver.next())

        def reload() -> str:
            child.send_signal(signal.SIGHUP)
            return first_line(child)

        assert [OLD] == next_signers()
        secrets.write_text(written(NEW, OLD))
        assert "webhook secrets: 2" in reload()
        assert [NEW, OLD] == next_signers()
        secrets.write_text("whsec_tooshort\n")
        words = reload()
        assert "The webhook secrets are the same as before" in words
        assert "tooshort" not in words
        assert [NEW, OLD] == next_signers()
        secrets.write_text(written(NEW))
        assert "webhook secrets: 1" in reload()
        assert [NEW] == next_signers()

"""Webhooks are signed so that libraries of the standard verify them."""

import base64
import hashlib
import hmac
from pathlib import Path

import pytest

from weft.daemon.webhook_signature import SecretError, Signer

KEY = bytes(range(24))
SECRET = "whsec_" + base64.b64encode(KEY).decode()
OTHER = "whsec_" + base64.b64encode(bytes(64)).decode()


def written(directory: Path, text: str, mode: int = 0o600) -> Path:
    file = directory / "secrets"
    file.touch(mode)
    file.chmod(mode)
    file.write_text(text)
    return file


def test_a_vector_of_the_standards_libraries_is_reproduced(tmp_path: Path) -> None:
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105 - published
    body = b'{"test": 2432232314}'
    signer = Signer(written(tmp_path, secret))
    headers = signer.headers("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)
    expected = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": expected,
    } == headers


def test_each_secret_signs_so_that_one_can_be_exchanged(tmp_path: Path) -> None:
    text = f"# the new one\n{SECRET}\n\n{OTHER}\n"
    signature = Signer(written(tmp_path, text)).headers("r", 5, b"x")[
        "webhook-signature"
    ]
    both = [
        "v1," + base64.b64encode(hmac.digest(key, b"r.5.x", hashlib.sha256)).decode()
        for key in (KEY, bytes(64))
    ]
    assert " ".join(both) == signature


def test_without_secrets_nothing_is_signed() -> None:
    expected = {"webhook-id": "r", "webhook-timestamp": "5"}
    assert expected == Signer().headers("r", 5, b"x")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no secrets"),
        ("# nothing\n", "no secrets"),
        ("very-secret", "Line 1"),
        (f"{SECRET}\n{SECRET.removeprefix('whsec_')}", "Line 2"),
        ("whsec_c2hvcnQ=", "Line 1"),
        ("whsec_" + base64.b64encode(bytes(65)).decode(), "Line 1"),
        ("whsec_*" + SECRET[7:], "Line 1"),
        ("whsec_ü", "not ASCII"),
    ],
)
def test_a_file_that_is_wrong_is_refused_without_its_secrets(
    tmp_path: Path, text: str, words: str
) -> None:
    with pytest.raises(SecretError, match=words) as caught:
        Signer(written(tmp_path, text))
    for line in filter(None, text.splitlines()):
        assert line not in str(caught.value)


@pytest.mark.parametrize("mode", [0o604, 0o602, 0o620])
def test_a_file_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    with pytest.raises(SecretError, match="chmod 600"):
        Signer(written(tmp_path, SECRET, mode))


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SecretError, match="No such file"):
        Signer(tmp_path / "nothing")

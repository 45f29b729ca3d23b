"""Whatever is raised on the way becomes an answer, and a defect comes to the log."""

import asyncio
from typing import Any

import msgspec
import pytest
from starlette.types import Message, Receive, Scope, Send

from weft.daemon.http.failures import Answered
from weft.daemon.http.problems import RequestFault
from weft.storage import SessionNotFound

SCOPE: dict[str, Any] = {
    "type": "http",
    "method": "GET",
    "path": "/",
    "query_string": b"",
    "headers": [],
}


class Sent(list[Message]):
    """What a client got."""

    async def __call__(self, message: Message) -> None:
        self.append(message)

    @property
    def status(self) -> int:
        status: int = self[0]["status"]
        return status


async def receive() -> Message:
    return {"type": "http.request", "body": b""}


def answered(error: Exception, sent: Sent, *, after: bool = False) -> None:
    """Have an application fail, before or after its answer has begun."""

    async def fail(_scope: Scope, _receive: Receive, send: Send) -> None:
        if after:
            await send({"type": "http.response.start", "status": 200})
        raise error

    asyncio.run(Answered(fail)(dict(SCOPE), receive, sent))


@pytest.mark.parametrize(
    ("error", "status"),
    [(RequestFault(409, "No."), 409), (SessionNotFound("No.", session_id="a"), 404)],
)
def test_what_is_foreseen_is_answered_and_no_more(
    error: Exception, status: int
) -> None:
    sent = Sent()
    answered(error, sent)
    assert status == sent.status
    assert status == msgspec.json.decode(sent[1]["body"])["status"]


def test_a_defect_is_answered_and_goes_on_to_the_log() -> None:
    sent = Sent()
    with pytest.raises(ZeroDivisionError):
        answered(ZeroDivisionError("secret"), sent)
    assert 500 == sent.status
    assert b"secret" not in sent[1]["body"]


def test_an_answer_that_has_begun_is_not_begun_again() -> None:
    sent = Sent()
    with pytest.raises(RequestFault):
        answered(RequestFault(409, "No."), sent, after=True)
    assert [200] == [message["status"] for message in sent]

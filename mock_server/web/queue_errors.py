"""The queue side's own errors (wire#2): what clients of this protocol read in place of the gateway's envelope."""

from __future__ import annotations

from typing import Any

import orjson

from mock_server.contract.endpoint import Endpoint
from mock_server.core.errors import GatewayError, Trouble
from mock_server.web.gateway_errors import TABLE, log_internal
from mock_server.web.messages import Answer, json_answer

#: The message for each call without a valid key.
NO_KEY = "Authorization Bearer or Key token is required"
#: The message when something breaks inside.
RUNTIME_FAILED = "Runtime execution failed"
#: What the sentence of an unpaid task begins with: the official command-line client knows it by these words together,
#: the official SDK by either (observed).
UNPAID = "insufficient balance"
#: The errors that are objects with a code; all others are a sentence in ``detail``.
CODED = {
    Trouble.UNAUTHENTICATED: "UNAUTHORIZED",
    Trouble.RATE_LIMITED: "RATE_LIMIT_EXCEEDED",
    Trouble.TOO_MANY_RUNNING: "RATE_LIMIT_EXCEEDED",
}
_FIXED = {
    Trouble.UNAUTHENTICATED: NO_KEY,
    Trouble.FORBIDDEN: "Model not allowed for this user",
    Trouble.INTERNAL: RUNTIME_FAILED,
}


def _sentence(trouble: Trouble, message: str) -> str:
    return _FIXED.get(trouble) or (f"{UNPAID}: {message}" if trouble is Trouble.NO_BALANCE else message)


class IdentifiedAnswer(Answer):
    """``{"error": {"code", "message"}, "request_id"}``: the id is that of the call, known when the answer is sent."""

    __slots__ = ("_error",)

    def __init__(self, status: int, code: str, message: str) -> None:
        self._error = {"code": code, "message": message}
        super().__init__(status, b"", ())
        self.identify(b"")

    def identify(self, request_id: bytes) -> None:
        """Name the call."""
        self.body = orjson.dumps({"error": self._error, "request_id": request_id.decode("latin-1")})
        others = [pair for pair in self.headers if pair[0] not in {b"content-length", b"content-type"}]
        length = (b"content-length", b"%d" % len(self.body))
        self.headers = [(b"content-type", b"application/json"), length, *others]


def queue_error(trouble: Trouble, message: str | None = None, status: int | None = None) -> Answer:
    """One kind of error; without a ``message`` it is the protocol's own sentence, else the meaning."""
    text = message or _sentence(trouble, trouble.value)
    status = status or TABLE[trouble][0]
    code = CODED.get(trouble)
    answer = json_answer({"detail": text}, status) if code is None else IdentifiedAnswer(status, code, text)
    answer.note = text
    return answer


def queue_error_answer(error: Exception) -> Answer:
    """Any exception as an answer of the queue side. What is not one of ours is logged, and shown without details."""
    if not isinstance(error, GatewayError):
        log_internal(error)
        return queue_error(Trouble.INTERNAL)
    answer = queue_error(error.trouble, _sentence(error.trouble, error.message))
    answer.note = error.message
    answer.headers += [(name.encode(), value.encode("latin-1", "replace")) for name, value in error.headers.items()]
    if error.trouble is Trouble.TOO_LARGE:
        answer.headers.append((b"connection", b"close"))
    return answer


def rejected_body(endpoint: Endpoint, code: str, message: str) -> dict[str, Any]:
    """A body that breaks its document: the model's own error object, and the same sentence as ``detail``."""
    return {"error": endpoint.errors.body(code, message), "detail": message}

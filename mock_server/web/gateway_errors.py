"""The gateway's own errors: meanings in, statuses and codes out, in one table (wire#4)."""

from __future__ import annotations

import logging
from typing import Any

from mock_server.core.errors import GatewayError, Trouble
from mock_server.web.messages import Answer, json_answer

logger = logging.getLogger("kirin-mock")

TABLE: dict[Trouble, tuple[int, int]] = {
    Trouble.MALFORMED: (400, 40001),
    Trouble.UNAUTHENTICATED: (401, 40101),
    Trouble.NO_BALANCE: (402, 40201),
    Trouble.FORBIDDEN: (403, 40301),
    Trouble.NOT_FOUND: (404, 40401),
    Trouble.METHOD_NOT_ALLOWED: (405, 40501),
    Trouble.TIMED_OUT: (408, 40801),
    Trouble.DUPLICATE: (409, 40901),
    Trouble.ALREADY_FINISHED: (409, 40902),
    Trouble.NOT_FINISHED: (409, 40903),
    Trouble.CONFLICT: (409, 40904),
    Trouble.GONE: (410, 41001),
    Trouble.TOO_LARGE: (413, 41301),
    Trouble.MEDIA_TYPE: (415, 41501),
    Trouble.BAD_RANGE: (416, 41601),
    Trouble.RATE_LIMITED: (429, 42901),
    Trouble.TOO_MANY_RUNNING: (429, 42902),
    Trouble.INTERNAL: (500, 50001),
    Trouble.UNAVAILABLE: (503, 50301),
}


def gateway_body(trouble: Trouble, message: str, detail: Any = None) -> dict[str, Any]:
    """``{"status": {"code", "message", "error_code"}, "data"}``."""
    status, code = TABLE[trouble]
    return {"status": {"code": status, "message": message, "error_code": code}, "data": detail}


def log_internal(error: Exception) -> None:
    """Tell the person who runs the server of a failure that is ours; the traceback only when debugging."""
    logger.error("internal error: %s: %s", type(error).__name__, error, exc_info=logger.isEnabledFor(logging.DEBUG))


def error_answer(error: Exception) -> Answer:
    """Any exception as an answer. An unexpected exception is logged, and shown without a traceback."""
    if isinstance(error, GatewayError):
        status = TABLE[error.trouble][0]
        answer = json_answer(gateway_body(error.trouble, error.message, error.detail), status)
        answer.note = error.message
        answer.headers += [(name.encode(), value.encode("latin-1", "replace")) for name, value in error.headers.items()]
        if error.trouble is Trouble.TOO_LARGE:
            answer.headers.append((b"connection", b"close"))
        return answer
    log_internal(error)
    message = "kirin-mock failed at this request, which is a bug in it; its log has more"
    return json_answer(gateway_body(Trouble.INTERNAL, message), 500)

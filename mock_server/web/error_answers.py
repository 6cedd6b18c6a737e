"""An error by its code alone: in the words of its model, or in the gateway's."""

from __future__ import annotations

import re
from email.utils import formatdate
from html import escape
from http import HTTPStatus

from mock_server.contract.endpoint import Endpoint, failed_body
from mock_server.core.errors import Trouble
from mock_server.scenarios.faults.base import ErrorReply
from mock_server.web.gateway_errors import TABLE
from mock_server.web.messages import Answer, json_answer
from mock_server.web.queue_errors import RUNTIME_FAILED, queue_error, rejected_body

_BY_CODE = {str(code): (trouble, status) for trouble, (status, code) in TABLE.items()}
_BY_STATUS = {status: str(code) for status, code in reversed(TABLE.values())}
_RETRIED = {"42901", "42902"}
_KNOWN = frozenset(map(int, HTTPStatus))


def known_codes(endpoint: Endpoint) -> dict[str, str]:
    """The codes of a model's document, and the one that stands for any other mistake, with what they mean."""
    table = endpoint.errors
    known = {row.code: row.meaning for row in table.codes}
    known.setdefault(table.other, "the body is not accepted")
    known.setdefault(table.generation_failed, "the generation failed")
    return known


def gateway_codes() -> dict[str, Trouble]:
    """The gateway's codes."""
    return {code: trouble for code, (trouble, _) in _BY_CODE.items()}


def status_of(endpoint: Endpoint, code: str) -> int:
    """The HTTP status of a submit that is refused with one of a model's own codes."""
    return {endpoint.errors.unauthenticated: 401, endpoint.errors.unavailable: 503}.get(code, 400)


def code_answer(
    endpoint: Endpoint | None,
    code: str,
    message: str | None = None,
    status: int | None = None,
    *,
    queue: bool = False,
) -> Answer:
    """A call refused with ``code``, in the bodies of the ``queue`` side or of the generation side. A code that neither
    the model nor the gateway knows is reported in the model's words.
    """
    known = known_codes(endpoint) if endpoint is not None else {}
    if endpoint is not None and (code in known or code not in _BY_CODE):
        text = message or known.get(code, "refused")
        answer = _own_answer(endpoint, code, text, status, queue=queue)
    else:
        answer = _gateway_answer(code, message, status, queue=queue)
        text = answer.note
    answer.note = f"{code}: {text}"
    return answer


def _own_answer(endpoint: Endpoint, code: str, said: str, status: int | None, *, queue: bool) -> Answer:
    """One of a model's own codes. What the queue side has its own words for is reported in these."""
    status = status or status_of(endpoint, code)
    trouble = {
        endpoint.errors.unauthenticated: Trouble.UNAUTHENTICATED,
        endpoint.errors.unavailable: Trouble.UNAVAILABLE,
    }
    if queue and code in trouble:
        return queue_error(trouble[code], None if trouble[code] is Trouble.UNAUTHENTICATED else said, status)
    return json_answer((rejected_body if queue else failed_body)(endpoint, code, said), status)


def _gateway_answer(code: str, message: str | None, status: int | None, *, queue: bool) -> Answer:
    """A code of the gateway, or one that nobody knows; its note is what it says."""
    trouble, usual = _BY_CODE.get(code, (None, 400))
    if queue:
        answer = queue_error(trouble or Trouble.MALFORMED, message or (None if trouble else "refused"), status or usual)
    else:
        text = message or (trouble.value if trouble is not None else "refused")
        number = int(code) if re.fullmatch(r"[1-9][0-9]{0,17}", code) else code
        shown = {"code": status or usual, "message": text, "error_code": number}
        answer = json_answer({"status": shown, "data": None}, status or usual)
        answer.note = text
    if code in _RETRIED:
        answer.headers.append((b"retry-after", b"1"))
    elif trouble is Trouble.METHOD_NOT_ALLOWED:
        answer.headers.append((b"allow", b"POST"))
    return answer


def error_reply(reply: ErrorReply, endpoint: Endpoint | None, now: float, *, queue: bool = False) -> Answer:
    """An error that a fault puts in place of an answer of either side; ``now`` is what dates are counted from."""
    status = reply.status or (500 if reply.code is None else None)
    if reply.html:
        answer = _page(status or 500, reply.message)
    else:
        code = reply.code or _usual_code(status or 500, None if queue else endpoint)
        text = reply.message or (None if reply.code is not None else _sentence(status or 500, queue=queue))
        known = reply.code is not None or (endpoint is not None and code == endpoint.errors.unavailable)
        answer = code_answer(endpoint if known else None, code, text, status, queue=queue)
    answer.headers = [(name, value) for name, value in answer.headers if name != b"retry-after"]
    if reply.retry_after is not None:
        asked = (
            formatdate(now + reply.skew + reply.retry_after, usegmt=True) if reply.as_date else str(reply.retry_after)
        )
        answer.headers.append((b"retry-after", asked.encode()))
    if reply.skew:
        answer.headers.append((b"date", formatdate(now + reply.skew, usegmt=True).encode()))
    return answer


def _usual_code(status: int, endpoint: Endpoint | None) -> str:
    """The code that goes with a status where none is said."""
    if status == 503 and endpoint is not None and endpoint.errors.unavailable is not None:
        return endpoint.errors.unavailable
    return _BY_STATUS.get(status, f"{status}01")


def _phrase(status: int) -> str:
    return HTTPStatus(status).phrase if status in _KNOWN else "Error"


def _sentence(status: int, *, queue: bool) -> str | None:
    """What an error says that has a status alone; None for the usual words of its kind."""
    if not queue:
        return _phrase(status)
    if status in {500, 502}:
        return RUNTIME_FAILED
    return None if status in _BY_STATUS else _phrase(status)


def _page(status: int, message: str | None) -> Answer:
    text = escape(message or _phrase(status))
    page = f"<html><head><title>{status} {_phrase(status)}</title></head><body><h1>{text}</h1></body></html>\n"
    return Answer(status, page.encode(), ((b"content-type", b"text/html"),))

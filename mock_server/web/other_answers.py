"""Answers that faults put in place of the right ones, whatever is said in them: redirects and compressed bodies."""

from __future__ import annotations

import gzip
from html import escape

from mock_server.core.other_host import other_host
from mock_server.scenarios.faults.base import Elsewhere, Reply
from mock_server.web.address import is_host
from mock_server.web.messages import Answer, Call


def redirect(call: Call, where: Elsewhere) -> Answer:
    """A redirect to the path and query of a call. Its body has the URL, as that of a gateway does."""
    host = (call.header(b"host") or b"").decode("latin-1")
    base_url = f"{call.scope['scheme']}://{host if is_host(host) else '127.0.0.1'}"
    if where.to == "other_host":
        base_url = other_host(base_url, below="other")
    path = call.scope.get("raw_path") or call.path.encode()
    query = call.scope["query_string"]
    url = base_url + path.decode("latin-1") + (f"?{query.decode('latin-1')}" if query else "")
    page = f'<html><head><title>Moved</title></head><body>See <a href="{escape(url)}">here</a>.</body></html>\n'
    answer = Answer(where.status, page.encode("latin-1"), ((b"content-type", b"text/html"),))
    answer.headers.append((b"location", url.encode("latin-1")))
    return answer


def compressed(reply: Reply, accepted: bytes | None) -> Reply:
    """A reply in gzip, if the client says that it accepts it."""
    if b"gzip" not in (accepted or b"").lower():
        return reply
    kept = [(name, value) for name, value in reply.headers if name != b"content-length"]
    return Reply(reply.status, [*kept, (b"content-encoding", b"gzip")], gzip.compress(reply.body, mtime=0))

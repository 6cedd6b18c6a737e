"""The journal of one tenant: every call and its answer, what it was about and which rules it violated.

Bounded by count and by bytes, oldest first out. Secrets are masked when it is read. Sizes are in bytes, ``elapsed`` in
real seconds, moments in virtual Unix seconds.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import orjson

from mock_server.core.errors import Violation
from mock_server.core.images import MIB
from mock_server.core.json_bounds import depth_exceeds
from mock_server.core.redaction import safe_headers
from mock_server.core.shortened import shortened

#: Longer bodies are kept with their long values replaced by digests; what is no JSON object, by its beginning.
MAX_KEPT = 16 * 1024
BEGINNING = 2000
MAX_BYTES = 16 * MIB
OVERHEAD = 600
#: What one violation takes beside its texts.
VIOLATION = 250


class Exchange(NamedTuple):
    """One call. ``number`` counts the calls of a tenant from 1, ``order`` those of all tenants. ``at`` is the moment it
    was served, after whatever kept it waiting since it ``arrived_at``; ``status`` is 0 when nothing was answered;
    ``kept`` is the memory it takes, nearly.
    """

    number: int
    order: int
    at: float
    arrived_at: float
    elapsed: float
    request_id: bytes
    method: str
    raw_path: bytes
    query: bytes
    headers: bytes
    body: bytes
    size: int
    status: int
    answer: bytes
    answer_size: int
    model: str | None
    task_id: str | None
    violations: Sequence[Violation]
    note: str
    fault: str | None
    retry_after: str | None
    kept: int

    @property
    def path(self) -> str:
        """The path as it was sent, without the query."""
        return self.raw_path.decode("latin-1")

    def shown(self, tenant: str | None) -> dict[str, Any]:
        """As the control API shows it, but for the texts, which are still to be made safe."""
        return {
            "number": self.number,
            "tenant": tenant,
            "at": self.at,
            "elapsed": round(self.elapsed, 6),
            "request_id": self.request_id.decode("ascii"),
            "method": self.method,
            "path": f"{self.path}?{self.query.decode('latin-1')}" if self.query else self.path,
            "headers": safe_headers(pairs(self.headers)),
            "body": _shown_body(self.body, self.size),
            "size": self.size,
            "status": self.status or None,
            "answer": _shown_body(self.answer, self.answer_size),
            "model": self.model,
            "task": self.task_id,
            "verdict": "refused" if self.status >= 400 else "accepted" if self.status else "lost",
            "violations": [
                {"path": one.path, "rule": one.rule, "mistake": one.mistake, "message": one.message}
                for one in self.violations
            ],
            "note": self.note,
            "fault": self.fault,
            "retry_after": self.retry_after,
        }


class Journal:
    """The latest exchanges of one tenant, at most ``max_count`` and ``max_bytes`` of them. Bodies of at most
    ``max_kept`` bytes are kept as they are.
    """

    def __init__(self, max_count: int, max_bytes: int = MAX_BYTES, max_kept: int = MAX_KEPT) -> None:
        self._max_count = max_count
        self._max_bytes = max_bytes
        self.max_kept = max_kept
        self._kept: deque[tuple[Any, ...]] = deque()
        self._bytes = 0
        self.calls = 0

    def add(self, entry: tuple[Any, ...]) -> None:
        """Keep one exchange, given as a bare tuple of what an Exchange is made of."""
        kept = self._kept
        kept.append(entry)
        self._bytes += entry[-1]
        while kept and (len(kept) > self._max_count or self._bytes > self._max_bytes):
            self._bytes -= kept.popleft()[-1]

    def __iter__(self) -> Iterator[Exchange]:
        """Those still there, in order."""
        return map(Exchange._make, self._kept)

    def __len__(self) -> int:
        return len(self._kept)

    def clear(self) -> None:
        """Forget all."""
        self._kept.clear()
        self._bytes = 0
        self.calls = 0


def size_of(
    path: bytes, query: bytes, content: bytes, body: bytes, headers: bytes, violations: Sequence[Violation], note: str
) -> int:
    """The memory that an exchange takes, nearly."""
    size = OVERHEAD + len(path) + len(query) + len(content) + len(body) + len(headers)
    if violations:
        size += len(note) + sum(VIOLATION + len(one.path) + len(one.message) for one in violations)
    return size


def packed_headers(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Headers as one piece, which takes less to keep than its parts."""
    return b"\n".join(map(b":".join, headers))


def pairs(packed: bytes) -> list[tuple[bytes, bytes]]:
    """Headers as they were before they were packed."""
    lines = (line.partition(b":") for line in packed.split(b"\n") if line)
    return [(name, value) for name, _, value in lines]


def kept_body(content: bytes) -> bytes:
    """What is kept of a long body."""
    short = shortened(content, MAX_KEPT)
    return content[:BEGINNING] if short is None else short


def _shown_body(content: bytes, size: int) -> Any:
    """JSON where it is JSON, else its text; what is long by its beginning."""
    if not content:
        return None
    with contextlib.suppress(orjson.JSONDecodeError):
        value = orjson.loads(content)
        if not depth_exceeds(value):  # deeper, no answer could hold it
            return value
    kept = content[:BEGINNING]
    text = kept.decode("utf-8", "replace")
    return text if size <= len(kept) else f"{text}… ({size} bytes)"

"""The journal of one world: every call and its answer, what it was about and what was held against it.

Bounded by count and by bytes, oldest first out. Secrets are masked when it is read. Sizes are in bytes, ``elapsed`` in
real seconds, moments in virtual Unix seconds.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import orjson

from mock_server.errors import Violation
from mock_server.images import MIB
from mock_server.redaction import safe_headers

#: Longer bodies are kept by their beginning.
MAX_KEPT = 16 * 1024
MAX_BYTES = 16 * MIB
OVERHEAD = 600


class Exchange(NamedTuple):
    """One call. ``number`` counts the calls of a world from 1, ``order`` those of all worlds; ``kept`` is the memory it
    takes, nearly. A tuple, because one is made at every call.
    """

    number: int
    order: int
    at: float
    elapsed: float
    request_id: bytes
    method: str
    raw_path: bytes
    query: bytes
    headers: Sequence[tuple[bytes, bytes]]
    body: bytes
    size: int
    status: int
    answer: bytes
    answer_size: int
    model: str | None
    task_id: str | None
    violations: Sequence[Violation]
    note: str
    kept: int

    @property
    def path(self) -> str:
        """The path as it was sent, without the query."""
        return self.raw_path.decode("latin-1")

    def shown(self, world: str | None) -> dict[str, Any]:
        """As the control API shows it, but for the texts, which are still to be made safe."""
        return {
            "number": self.number,
            "world": world,
            "at": self.at,
            "elapsed": round(self.elapsed, 6),
            "request_id": self.request_id.decode("ascii"),
            "method": self.method,
            "path": f"{self.path}?{self.query.decode('latin-1')}" if self.query else self.path,
            "headers": safe_headers(self.headers),
            "body": _shown_body(self.body, self.size),
            "size": self.size,
            "status": self.status,
            "answer": _shown_body(self.answer, self.answer_size),
            "model": self.model,
            "task": self.task_id,
            "verdict": "refused" if self.status >= 400 else "accepted",
            "violations": [
                {"path": one.path, "rule": one.rule, "mistake": one.mistake, "message": one.message}
                for one in self.violations
            ],
            "note": self.note,
        }


class Journal:
    """The latest exchanges of one world, at most ``max_count`` and ``max_bytes`` of them."""

    def __init__(self, max_count: int, max_bytes: int = MAX_BYTES) -> None:
        self._max_count = max_count
        self._max_bytes = max_bytes
        self._kept: deque[Exchange] = deque()
        self._bytes = 0
        self.calls = 0

    def add(self, exchange: Exchange) -> None:
        """Keep one exchange."""
        self._kept.append(exchange)
        self._bytes += exchange.kept
        while self._kept and (len(self._kept) > self._max_count or self._bytes > self._max_bytes):
            self._bytes -= self._kept.popleft().kept

    def __iter__(self) -> Iterator[Exchange]:
        """Those still there, in order."""
        return iter(self._kept)

    def __len__(self) -> int:
        return len(self._kept)

    def clear(self) -> None:
        """Forget all."""
        self._kept.clear()
        self._bytes = 0
        self.calls = 0


def _shown_body(content: bytes, size: int) -> Any:
    """JSON where it is JSON, else its text; what is long by its beginning."""
    if size <= len(content):
        try:
            return orjson.loads(content) if content else None
        except orjson.JSONDecodeError:
            pass
    kept = content[:2000]
    text = kept.decode("utf-8", "replace")
    return text if size <= len(kept) else f"{text}… ({size} bytes)"

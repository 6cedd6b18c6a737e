"""A process that renders clips, one after another: ``python -m mock_server.media.worker``, as the renderer starts it.

What a picture may do to a decoder, it does here: the server goes on. It has less of the processor than anybody else.
"""

from __future__ import annotations

import contextlib
import os
import pickle  # noqa: S403 - only the renderer speaks to it
import sys
from pathlib import Path
from select import select
from typing import Any

#: Bytes of memory that it may have, and real seconds without work after which it ends.
MOST_MEMORY = 4 * 1024**3
IDLE = 60.0


def main() -> None:
    """Take jobs from the standard input: the length of each in 8 bytes, then a pickle. Answer each with a line."""
    _be_modest()
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # nothing else is to be read as an answer
    source = os.fdopen(0, "rb", buffering=0)
    while sys.platform == "win32" or select([source], [], [], IDLE)[0]:
        head = _exactly(source, 8)
        if head is None:
            return
        job = _exactly(source, int.from_bytes(head))
        if job is None:
            return
        answers.write(_done(job))


def _be_modest() -> None:
    with contextlib.suppress(AttributeError, OSError):
        os.nice(19)
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))


def _exactly(source: Any, size: int) -> bytes | None:
    parts = bytearray()
    while len(parts) < size:
        part = source.read(size - len(parts))
        if not part:
            return None
        parts += part
    return bytes(parts)


def _done(job: bytes) -> bytes:
    """Do it; an empty line, or what went wrong."""
    try:
        from mock_server.media.render import render, thumbnail

        clip, contents, name = pickle.loads(job)  # noqa: S301 - as above
        path = Path(name)
        (thumbnail if path.suffix == ".jpg" else render)(clip, contents, path)
    except Exception as error:  # noqa: BLE001 - the renderer decides
        return f"{type(error).__name__}: {error}".replace("\n", " ").encode("utf-8", "replace") + b"\n"
    return b"\n"


if __name__ == "__main__":
    main()

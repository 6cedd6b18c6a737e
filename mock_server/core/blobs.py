"""Keeps the bytes of accepted images and uploads, each once; what does not fit in memory goes to a folder.

Sizes are in bytes.
"""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections import OrderedDict
from pathlib import Path

from mock_server.core.images import MIB


class Blobs:
    """Bytes by digest. The folder is a temporary one of its own, made when it is first needed."""

    def __init__(self, max_bytes: int = 256 * MIB) -> None:
        self._folder: Path | None = None
        self._max_bytes = max_bytes
        self._held: OrderedDict[str, bytes] = OrderedDict()
        self._size = 0

    def keep(self, digest: str, content: bytes) -> None:
        """Remember ``content``."""
        if digest in self._held:
            return
        self._held[digest] = content
        self._size += len(content)
        while self._size > self._max_bytes and len(self._held) > 1:
            spilled, oldest = self._held.popitem(last=False)
            self._size -= len(oldest)
            (self._own_folder() / spilled).write_bytes(oldest)

    def _own_folder(self) -> Path:
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="kirin-mock-"))
            weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        return self._folder

    def find(self, digest: str) -> bytes | None:
        """The bytes kept before, if any."""
        held = self._held.get(digest)
        if held is not None or self._folder is None:
            return held
        path = self._folder / digest
        return path.read_bytes() if path.is_file() else None

    def clear(self) -> None:
        """Forget all."""
        self._held.clear()
        self._size = 0
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

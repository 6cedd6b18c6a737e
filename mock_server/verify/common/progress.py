"""The progress of a run on standard error: one line that is rewritten at a terminal, a line now and then elsewhere."""

from __future__ import annotations

import contextlib
import shutil
import sys
import threading
from collections.abc import Callable
from typing import TextIO

from mock_server.core.clock import stopwatch

#: Real seconds between two lines at a terminal, and elsewhere: a log of CI.
AT_TERMINAL, IN_LOG = 0.1, 20.0
_ERASE = "\r\x1b[K"


class Progress:
    """Shows how far a run is. Writing to a closed stream is no error: nobody reads it."""

    def __init__(self, stream: TextIO | None = None, now: Callable[[], float] = stopwatch) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._now = now
        self._terminal = _is_terminal(self._stream)
        self._next_at = now() + (0.0 if self._terminal else IN_LOG)
        self._shown = False
        self._lock = threading.Lock()

    def show(self, line: Callable[[], str]) -> None:
        """Show a line when it is time for one; ``line`` is made only then."""
        now = self._now()
        with self._lock:
            if now < self._next_at:
                return
            self._next_at = now + (AT_TERMINAL if self._terminal else IN_LOG)
        if self._terminal:
            self._shown = True
            self._write(f"{_ERASE}{line()[: _width() - 1]}")
        else:
            self._write(f"{line()}\n")

    def end(self) -> None:
        """Take the line away."""
        if self._shown:
            self._write(_ERASE)
            self._shown = False

    def _write(self, text: str) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(text)
            self._stream.flush()


def _is_terminal(stream: TextIO) -> bool:
    try:
        return stream.isatty()
    except (OSError, ValueError, AttributeError):
        return False


def _width() -> int:
    return max(shutil.get_terminal_size().columns, 20)

"""A program under test as a process: lines to it and from it, with an end to every wait."""

from __future__ import annotations

import contextlib
import os
import queue
import select
import signal
import subprocess  # noqa: S404 - running the user's own program is what this is for
import threading
from collections.abc import Sequence
from typing import IO, Literal

from mock_server.core.clock import FAR_ZONE, stopwatch

LONGEST_LINE = 4 * 1024 * 1024
#: Lines that may wait to be read; a program that prints more of them has to wait.
MOST_LINES = 256
KEPT_OF_ERRORS = 64 * 1024

#: There is no line: the program said nothing for too long, or it has ended.
Nothing = Literal["silent", "ended"]
LEFT = "it ended, and something that it had started goes on"
#: Real seconds in which the ends of its streams come once it was killed, unless something else holds them open.
TO_CLOSE = 2.0
#: Real seconds in which a program ends that has closed its output.
TO_DIE = 0.2


class SubprocessIO:
    """One running program. Raises OSError when it cannot be started."""

    def __init__(self, command: Sequence[str], word: str, folder: str = ".") -> None:
        self._process = subprocess.Popen(  # noqa: S603 - as above
            list(command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=folder,
            env={**os.environ, "TZ": FAR_ZONE},
            start_new_session=True,
        )
        self._lines: queue.Queue[bytes] = queue.Queue(MOST_LINES)
        self._word = word.encode()
        self._errors = b""
        #: Whether the word was seen in what the program wrote to its standard error.
        self.said_word = False
        self._killed = False
        self._stdin, stdout, stderr = _all_of(self._process)
        os.set_blocking(self._stdin.fileno(), False)
        self._reading = threading.Thread(target=self._read, args=(stdout,), daemon=True)
        self._erring = threading.Thread(target=self._read_errors, args=(stderr,), daemon=True)
        self._reading.start()
        self._erring.start()

    def _read(self, stdout: IO[bytes]) -> None:
        with stdout:
            while (line := stdout.readline(LONGEST_LINE)) and not self._killed:
                self._lines.put(line)
        self._lines.put(b"")

    def _read_errors(self, stderr: IO[bytes]) -> None:
        with stderr:
            while part := os.read(stderr.fileno(), 65_536):
                both = self._errors + part
                self.said_word = self.said_word or self._word in both
                self._errors = both[-KEPT_OF_ERRORS:]

    def read(self, timeout: float) -> bytes | Nothing:
        """The next line, at most ``timeout`` real seconds from now."""
        try:
            line = self._lines.get(timeout=max(timeout, 0.0))
        except queue.Empty:
            return "silent"
        if not line:
            self._lines.put(b"")  # the end stays the end
            return "ended"
        return line

    def write(self, line: bytes, timeout: float) -> Literal["sent", "late", "gone"]:
        """Send a line; it may not be taken in time, or there is nobody to take it."""
        left, until = memoryview(line), stopwatch() + timeout
        while left:
            _, ready, _ = select.select([], [self._stdin], [], max(until - stopwatch(), 0.0))
            if not ready:
                return "late"
            try:
                left = left[os.write(self._stdin.fileno(), left) :]
            except BlockingIOError:
                continue
            except OSError:
                return "gone"
        return "sent"

    def last_words(self) -> str:
        """How the program ended, and the last line of its standard error."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(TO_DIE)
        self._erring.join(TO_DIE)
        status = self._process.returncode
        if status is None:
            how = "it closed its standard output, and goes on"
        else:
            how = f"it ended with exit status {status}" if status >= 0 else f"it was ended by signal {-status}"
        lines = self._errors.decode("utf-8", "replace").strip().splitlines()
        return f"{how}: {lines[-1].strip()[:300]}" if lines else how

    @property
    def errors(self) -> str:
        """The end of what the program wrote to its standard error."""
        return self._errors.decode("utf-8", "replace").replace(self._word.decode(), "KEY")

    def end(self, timeout: float) -> list[str]:
        """Close its input, let it end, and end what is left by force; what there was to complain of."""
        complaints: list[str] = []
        with contextlib.suppress(OSError):
            self._stdin.close()
        drained = self._drained(timeout)
        if not drained:
            complaints.append(f"it had not ended {timeout:g} s after its input did")
        left = self._left_over()
        if (not self.kill() or left) and drained:
            complaints.append(LEFT)
        return complaints

    def _drained(self, timeout: float) -> bool:
        """Whether the program ends by itself; what it still prints is let go."""
        until = stopwatch() + timeout
        while self._process.poll() is None:
            if stopwatch() > until:
                return False
            if self.read(0.01) == "ended":
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._process.wait(max(until - stopwatch(), 0.0))
        return True

    def _left_over(self) -> bool:
        """Whether other processes of its group are still there."""
        try:
            os.killpg(self._process.pid, 0)
        except OSError:
            return False
        return True

    def kill(self) -> bool:
        """End all of its group at once. False if something that is not of its group still holds its streams."""
        self._killed = True
        with contextlib.suppress(OSError):
            os.killpg(self._process.pid, signal.SIGKILL)
        with contextlib.suppress(OSError):
            self._stdin.close()
        self._process.wait()
        until = stopwatch() + TO_CLOSE
        while self._reading.is_alive() and stopwatch() < until:
            self.read(0.01)  # it may wait for somebody to take a line
            self._reading.join(0.01)
        self._erring.join(max(until - stopwatch(), 0.0))
        return not self._reading.is_alive() and not self._erring.is_alive()


def _all_of(process: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes], IO[bytes]]:
    if process.stdin is None or process.stdout is None or process.stderr is None:
        raise OSError("the program has no pipes")
    return process.stdin, process.stdout, process.stderr

"""The life of a program under test that is killed at one of its calls, and what it had stored by then."""

from __future__ import annotations

import threading
from typing import Any

from mock_server.verify.client.case_parts import Kill
from mock_server.verify.client.counted import Counted
from mock_server.verify.client.platform import Run
from mock_server.verify.client.restarting import Life


class ProgramLife(Life):
    """Its calls come in other threads than its messages. One that it dies at gets no answer before the program is gone,
    so that it says nothing more: ``dying`` is set meanwhile, and ``bury`` ends the wait.
    """

    def __init__(self, platform: Counted, run: Run, kill: Kill | None, patience: float) -> None:
        super().__init__(platform, run, kill)
        self._patience = patience
        self._own = threading.get_ident()
        self._gone = threading.Event()
        self.dying = threading.Event()
        #: What the program has stored, as it said last.
        self.state: Any = None
        self.save = self._at_the_end

    def bury(self) -> None:
        """The program is gone."""
        self._gone.set()

    def _at_the_end(self) -> Any:
        if threading.get_ident() != self._own:
            self.dying.set()
            self._gone.wait(self._patience)
        return self.state

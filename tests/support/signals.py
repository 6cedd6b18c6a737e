"""Signals that the tests ignore because their parent does: by nohup, by the ``&`` of a script, in some CI."""

from __future__ import annotations

import signal

NAMES = ("SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM", "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGCHLD")


def keep_from_programs():
    """Let the programs that tests start heed the signals that these tests are to ignore. What is ignored is inherited
    by a program; a handler, even one that does nothing, is not. Call it in the main thread.
    """
    for name in NAMES:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, _nothing)


def _nothing(number, frame):
    pass

"""The exit codes of all ``verify`` commands; docs/verify.md has the table."""

from __future__ import annotations

import signal

#: Nothing was found, and everything that was planned was tried.
CLEAN = 0
#: At least one finding that counts: not accepted by the baseline, and as serious as ``--fail-on`` asks.
FOUND = 1
#: The command is wrong: a flag, a file, an adapter.
USAGE = 2
#: The server does not answer, or cannot be verified at all.
UNREACHABLE = 3
#: Nothing was found, but not everything was tried.
INCOMPLETE = 4
#: What the number of a signal is added to: 130 for Ctrl-C, 143 for SIGTERM.
SIGNALLED = 128
INTERRUPTED = SIGNALLED + signal.SIGINT

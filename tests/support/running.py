"""Runs kirin-mock's commands as programs, with temporary files of their own."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading

from mock_server.settings import ENVIRONMENT_PREFIX

PYTHON = sys.executable


def environment(folder, **extra):
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ENVIRONMENT_PREFIX)}
    return {**kept, "TMPDIR": str(folder), **extra}


def run(folder, *arguments, **extra):
    ended = subprocess.run(
        [PYTHON, "-m", "mock_server", "run", *arguments],
        capture_output=True, text=True, timeout=120, env=environment(folder, **extra), check=False,
    )  # fmt: skip
    assert list(folder.iterdir()) == [], "nothing is left on disk"
    assert "Traceback" not in ended.stderr
    return ended


@contextlib.contextmanager
def started(folder, *arguments, command="run", **extra):
    """A command at work, without a terminal. It is killed at the end, and when it takes too long: who reads what it
    says then comes to the end of it, as long as what ``run`` runs ends by itself too.
    """
    process = subprocess.Popen(
        [PYTHON, "-m", "mock_server", command, *arguments],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=environment(folder, **extra), start_new_session=True,
    )  # fmt: skip
    timer = threading.Timer(120, process.kill)
    timer.start()
    try:
        yield process
    finally:
        timer.cancel()
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            pipe.close()

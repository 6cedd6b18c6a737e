"""Runs kirin-mock's commands as programs, with temporary files of their own."""

from __future__ import annotations

import os
import subprocess
import sys

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


def start(folder, *arguments, command="run", **extra):
    return subprocess.Popen(
        [PYTHON, "-m", "mock_server", command, *arguments],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=environment(folder, **extra), start_new_session=True,
    )  # fmt: skip

"""``kirin-mock run`` and signals: they reach the command, and nothing is left, however it ends."""

from __future__ import annotations

import os
import select
import signal
import subprocess

import pytest

from mock_server.cli.run import Signals
from tests.support.running import PYTHON, environment, start


@pytest.fixture
def folder(tmp_path):
    """Where temporary files go; nothing may be left there."""
    made = tmp_path / "temporary files"
    made.mkdir()
    return made


WAITING = """
import os, signal, sys
def came(number, frame): print("got", signal.Signals(number).name, flush=True); sys.exit(9)
for name in ("SIGINT", "SIGTERM", "SIGHUP"): signal.signal(getattr(signal, name), came)
print("ready", flush=True)
signal.pause() if sys.argv[1:] else sys.stdin.read()
"""


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_is_handed_to_the_command_and_waited_for(folder, name):
    process = start(folder, "--", PYTHON, "-c", WAITING, "for a signal")
    assert process.stdout.readline() == "ready\n"
    assert list(folder.iterdir()), "the certificate is there meanwhile"
    process.send_signal(getattr(signal, name))
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (9, f"got {name}\n"), err
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_command_that_a_signal_ends_is_told_by_the_code(folder, name):
    process = start(folder, "--", "sh", "-c", "sh -c 'echo ready; exec sleep 600'; echo never")
    assert process.stdout.readline() == "ready\n"
    process.send_signal(getattr(signal, name))  # to the shell and what it started
    assert process.communicate(timeout=60)[0] == ""
    assert process.returncode == 128 + getattr(signal, name)
    assert list(folder.iterdir()) == []


def test_a_signal_before_there_is_a_command_ends_all(folder):
    early = (
        "import os, signal, mock_server.cli.run as run\n"
        "spare = run.spare_the_collector\n"
        "run.spare_the_collector = lambda: (os.kill(os.getpid(), signal.SIGTERM), spare())\n"
        "from mock_server.cli.main import main\n"
        "raise SystemExit(main(['run', '--', 'no-such-command']))"
    )
    ended = subprocess.run(
        [PYTHON, "-c", early], capture_output=True, text=True, env=environment(folder), timeout=60, check=False
    )
    assert (ended.returncode, ended.stdout) == (143, ""), ended.stderr
    assert list(folder.iterdir()) == []


def test_nothing_is_left_by_a_crash(folder):
    crash = (
        "import mock_server.cli.run as run\n"
        "def crash(*_): raise RuntimeError('a bug')\n"
        "run._ran = crash\n"
        "from mock_server.cli.main import main\n"
        "main(['run', '--', 'true'])"
    )
    ended = subprocess.run(
        [PYTHON, "-c", crash], capture_output=True, text=True, env=environment(folder), timeout=60, check=False
    )
    assert ended.returncode == 1
    assert "a bug" in ended.stderr
    assert list(folder.iterdir()) == []


def test_what_a_kill_leaves_has_no_key_in_it(folder):
    process = start(folder, "--", PYTHON, "-c", WAITING)
    assert process.stdout.readline() == "ready\n"
    process.kill()
    process.communicate(timeout=60)
    left = [path for path in folder.rglob("*") if path.is_file()]
    assert left, "the certificate alone"
    for path in left:
        assert b"BEGIN CERTIFICATE" in path.read_bytes()
        assert b"PRIVATE" not in path.read_bytes()
        assert path.parent.stat().st_mode & 0o777 == 0o700


def test_at_a_terminal_the_command_reads_from_it_and_an_interrupt_comes_once(folder):
    counting = (
        "import signal\n"
        "signal.signal(signal.SIGINT, lambda *_: print('got it', flush=True))\n"
        "print('ready', flush=True)\n"
        "print('read', input(), flush=True)\n"
        "raise SystemExit(5)"
    )
    command = [PYTHON, "-m", "mock_server", "run", "--", PYTHON, "-c", counting]
    ours, its = os.openpty()
    inside = "import os, sys; os.login_tty(int(sys.argv[1])); os.execv(sys.argv[2], sys.argv[2:])"
    with subprocess.Popen(
        [PYTHON, "-c", inside, str(its), *command], pass_fds=[its], env=environment(folder)
    ) as process:
        os.close(its)
        shown = _until(ours, b"ready")
        os.write(ours, b"\x03")
        shown += _until(ours, b"got it")
        os.write(ours, b"a line\n")
        shown += _until(ours, b"no call came")
        assert process.wait(timeout=60) == 5
    os.close(ours)
    assert b"read a line" in shown
    assert shown.count(b"got it") == 1
    assert list(folder.iterdir()) == []


class _Command:
    """A command that is running, and notes what is sent to it."""

    returncode = None
    pid = 0

    def __init__(self):
        self.sent = []

    def send_signal(self, number):
        self.sent.append(number)


def test_what_the_terminal_has_sent_to_the_command_is_not_sent_again():
    signals, command = Signals(), _Command()
    signals.of_terminal = True
    signals.hand_to(command)
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP):
        signals._came(number, None)
    assert command.sent == [signal.SIGTERM, signal.SIGHUP]


def _until(terminal, wanted):
    """What a terminal shows until it shows this."""
    shown = b""
    while wanted not in shown:
        assert select.select([terminal], [], [], 60)[0], shown
        shown += os.read(terminal, 4096)
    return shown

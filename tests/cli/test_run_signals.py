"""``kirin-mock run`` and signals: they reach the command, and nothing is left, however it ends."""

from __future__ import annotations

import contextlib
import os
import select
import shlex
import signal
import subprocess

import pytest

from mock_server.cli.run import Signals
from tests.support import signals
from tests.support.running import PYTHON, environment, started


@pytest.fixture
def folder(tmp_path):
    """Where temporary files go; nothing may be left there."""
    made = tmp_path / "temporary files"
    made.mkdir()
    return made


WAITING = """
import os, signal, sys
signal.alarm(100)
def came(number, frame): print("got", signal.Signals(number).name, flush=True); sys.exit(9)
for name in ("SIGINT", "SIGTERM", "SIGHUP"): signal.signal(getattr(signal, name), came)
print("ready", flush=True)
signal.pause() if sys.argv[1:] else sys.stdin.read()
"""


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_is_handed_to_the_command_and_waited_for(folder, name):
    with started(folder, "--", PYTHON, "-c", WAITING, "for a signal") as process:
        assert process.stdout.readline() == "ready\n"
        assert list(folder.iterdir()), "the certificate is there meanwhile"
        process.send_signal(getattr(signal, name))
        out, err = process.communicate(timeout=60)
        assert (process.returncode, out) == (9, f"got {name}\n"), err
        assert list(folder.iterdir()) == []


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_command_that_a_signal_ends_is_told_by_the_code(folder, name):
    with started(folder, "--", "sh", "-c", "sh -c 'echo ready; exec sleep 100'; echo never") as process:
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
    with started(folder, "--", PYTHON, "-c", WAITING) as process:
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
    with _at_terminal(folder, "exec", counting) as (terminal, process):
        shown = _until(terminal, b"ready")
        os.write(terminal, b"\x03")
        shown += _until(terminal, b"got it")
        os.write(terminal, b"a line\n")
        shown += _until(terminal, b"no call came")
        assert process.wait(timeout=60) == 5
    assert b"read a line" in shown
    assert shown.count(b"got it") == 1
    assert list(folder.iterdir()) == []


def test_a_command_whose_input_is_a_pipe_reads_from_the_terminal_by_its_name(folder):
    reading = (
        "import signal\n"
        "signal.alarm(20)\n"
        "with open('/dev/tty') as terminal:\n"
        "    print('ready', flush=True)\n"
        "    print('read', terminal.readline(), input(), flush=True)\n"
        "raise SystemExit(5)"
    )
    with _at_terminal(folder, "echo piped |", reading) as (terminal, process):
        _until(terminal, b"ready")
        os.write(terminal, b"a line\n")
        assert process.wait(timeout=60) == 5
        shown = _until(terminal, b"no call came")
    assert b"read a line" in shown
    assert b"piped" in shown


@contextlib.contextmanager
def _at_terminal(folder, before, program):
    """``run`` with a program at a terminal, as a shell has it that is told ``before``."""
    shell = f"{before} {shlex.join([PYTHON, '-m', 'mock_server', 'run', '--', PYTHON, '-c', program])}"
    inside = "import os, sys; os.login_tty(int(sys.argv[1])); os.execvp('sh', ['sh', '-c', sys.argv[2]])"
    ours, its = os.openpty()
    process = subprocess.Popen([PYTHON, "-c", inside, str(its), shell], pass_fds=[its], env=environment(folder))
    os.close(its)
    try:
        yield ours, process
    finally:
        os.close(ours)  # which hangs up on all that are there
        process.kill()
        process.wait()


def test_an_interrupt_while_it_starts_is_told_by_the_code(folder):
    """Only ``serve``, which nothing else ends, is all well then."""
    interrupted = (
        "import os, signal, sys, mock_server.settings as settings\n"
        "load = settings.load\n"
        "settings.load = lambda *given: (os.kill(os.getpid(), signal.SIGINT), load(*given))[1]\n"
        "from mock_server.cli.main import main\n"
        "raise SystemExit(main(sys.argv[1:]))"
    )
    for command, code in ((["run", "--", "echo", "ran"], 130), (["serve", "--port", "0"], 0)):
        ended = subprocess.run(
            [PYTHON, "-c", interrupted, *command],
            capture_output=True, text=True, env=environment(folder), timeout=60, check=False,
        )  # fmt: skip
        assert (ended.returncode, ended.stdout, ended.stderr) == (code, "", "")


def test_what_these_tests_are_to_ignore_their_programs_heed():
    """Under nohup, or behind the ``&`` of a script, the tests above would wait for what never comes."""
    hung_up = "import subprocess; print(subprocess.run(['sh', '-c', 'kill -HUP $$; kill -INT $$']).returncode)"
    keeping = f"from tests.support import signals; signals.keep_from_programs(); {hung_up}"
    for program, code in ((hung_up, "0\n"), (keeping, "-1\n")):
        ended = subprocess.run(
            ["/bin/sh", "-c", 'trap "" HUP INT; exec "$@"', "sh", PYTHON, "-c", program],
            capture_output=True, text=True, timeout=60, check=True,
        )  # fmt: skip
        assert ended.stdout == code
    assert not [name for name in signals.NAMES if signal.getsignal(getattr(signal, name)) is signal.SIG_IGN]


class _Command:
    """A command that is running, and notes what is sent to it."""

    returncode = None
    pid = 0

    def __init__(self):
        self.sent = []

    def send_signal(self, number):
        self.sent.append(number)


def test_what_the_terminal_has_sent_to_the_command_is_not_sent_again():
    handed, command = Signals(), _Command()
    handed.of_terminal = True
    handed.hand_to(command)
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP):
        handed._came(number, None)
    assert command.sent == [signal.SIGTERM, signal.SIGHUP]


def _until(terminal, wanted):
    """What a terminal shows until it shows this."""
    shown = b""
    while wanted not in shown:
        assert select.select([terminal], [], [], 60)[0], shown
        shown += os.read(terminal, 4096)
    return shown

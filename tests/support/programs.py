"""Programs that speak the adapters' protocol badly, each in one way: ``python tests/support/programs.py WAY``."""

import contextlib
import json
import os
import subprocess
import sys
import time
import urllib.request


def say(**message):
    print(json.dumps(message), flush=True)


def read():
    line = sys.stdin.readline()
    if not line:
        sys.exit(0)
    return json.loads(line)


def ready():
    """Be ready, and return the first run."""
    hello = read()
    say(type="ready", protocol=1)
    return hello, read()


def call(hello, path, body=None):
    headers = {"Authorization": f"Bearer {hello['api_key']}", "Content-Type": "application/json"}
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    opener.open(urllib.request.Request(f"{hello['base_url']}{path}", body, headers), timeout=60).close()


def gives_up():
    """A program that is right in form: it gives up at once."""
    ready_runs(lambda run: say(type="outcome", id=run["id"], said="gave_up"))


def ready_runs(answer):
    hello = read()
    say(type="ready", protocol=1)
    while True:
        message = read()
        if message["type"] == "run":
            answer({**message, "hello": hello})
        elif message["type"] == "callback":
            say(type="callback_result", id=message["id"], status=200)


def hangs():
    ready()
    time.sleep(3600)


def hangs_at_the_start():
    time.sleep(3600)


def never_reads():
    say(type="ready", protocol=1)
    time.sleep(3600)


def crashes():
    ready()
    sys.exit("Traceback: the client has a bug in line 7")


def crashes_at_once():
    sys.exit("no such thing")


def is_killed():
    ready()
    os.abort()


def floods():
    ready()
    while True:
        print("progress 1 %", flush=True)


def floods_without_lines():
    ready()
    while True:
        sys.stdout.write("." * 65_536)


def prints_junk():
    ready()
    print("submitting ...", flush=True)
    read()


def says_what_is_no_message():
    _, run = ready()
    say(type="outcome", id=run["id"], said="done")
    read()


def answers_another_run():
    _, run = ready()
    say(type="outcome", id=run["id"] + 7, said="gave_up")
    read()


def is_of_another_version():
    read()
    say(type="ready", protocol=2)
    read()


def never_stops_calling():
    hello, _ = ready()
    while True:
        with contextlib.suppress(OSError):
            call(hello, "/api/v1/user/balance")


def never_answers_callbacks():
    def answer(run):
        wrapped = {**run["intent"]["params"], "callback_url": run["hello"]["callback_url"]}
        body = {"model": run["intent"]["model"], "input": [{"params": wrapped}]}
        with contextlib.suppress(OSError):
            call(run["hello"], "/model/v1/generation", json.dumps(body).encode())
        say(type="sleep", seconds=300)
        while read()["type"] != "resume":
            pass
        say(type="outcome", id=run["id"], said="gave_up")

    ready_runs(answer)


def leaves_a_process():
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)"])
    gives_up()


def leaves_a_daemon():
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(30)"], start_new_session=True)
    gives_up()


def closes_its_output():
    ready()
    os.close(1)
    sys.stdin.read()


def tells_its_key_and_dies():
    hello, _ = ready()
    sys.exit(f"cannot call with {hello['api_key']}")


def does_not_end():
    hello = read()
    say(type="ready", protocol=1)
    while True:
        line = sys.stdin.readline()
        if not line:
            time.sleep(3600)
        message = json.loads(line)
        if message["type"] == "run":
            say(type="outcome", id=message["id"], said="gave_up")
        elif message["type"] == "callback":
            say(type="callback_result", id=message["id"], status=200)
    return hello


def tells_its_key():
    def answer(run):
        print("calling with", run["hello"]["api_key"], file=sys.stderr, flush=True)
        say(type="outcome", id=run["id"], said="gave_up")

    ready_runs(answer)


if __name__ == "__main__":
    globals()[sys.argv[1]]()

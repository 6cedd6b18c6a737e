"""Requests per second of the server and of a bare Starlette app, in turn, and the ratio. Needs wrk.

A single figure is noise on a shared machine; the ratio of one run is not.
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROUNDS, SECONDS = 3, 4
BODY = {"model": "kirin_v1_t2v", "prompt": "A red apple rolls down a wooden table", "mode": "std", "cfg_scale": 0.5}
HEADERS = {"Authorization": "Bearer bench", "Content-Type": "application/json"}
COMMANDS = {
    "kirin-mock": [sys.executable, "-m", "mock_server", "serve", "--port", "{port}"],
    "starlette": f"{sys.executable} -m uvicorn --app-dir {HERE} limit:app --port {{port}} --log-level warning".split(),
}


def call(url: str, body: dict | None = None) -> bytes:
    """One request."""
    content = json.dumps(body).encode() if body is not None else None
    with urllib.request.urlopen(urllib.request.Request(url, content, HEADERS), timeout=5) as answer:  # noqa: S310 - our own server
        return answer.read()


@contextlib.contextmanager
def serving(command: list[str]) -> Iterator[tuple[str, float]]:
    """A server in a process of its own: its URL, and the seconds it took to serve."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    url, began = f"http://127.0.0.1:{port}", time.perf_counter()
    process = subprocess.Popen([part.format(port=port) for part in command], stdout=subprocess.DEVNULL)
    try:
        while True:
            try:
                call(url + "/_mock/health")
                break
            except urllib.error.URLError:
                if process.poll() is not None or time.perf_counter() - began > 30:
                    raise
                time.sleep(0.002)
        yield url, time.perf_counter() - began
    finally:
        process.terminate()
        process.wait()


def load(url: str, script: str) -> float:
    """Requests per second under wrk, none of them refused."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        file.write("".join(f'wrk.headers["{name}"]="{value}"\n' for name, value in HEADERS.items()) + script)
        file.flush()
        command = ["wrk", "-t1", "-c16", f"-d{SECONDS}s", "-s", file.name, url]
        told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in told:
        raise SystemExit(f"requests were refused:\n{told}")
    found = re.search(r"Requests/sec:\s+([\d.]+)", told)
    return float(found[1]) if found else 0.0


def main() -> None:
    """Measure, and print a table."""
    if shutil.which("wrk") is None:
        raise SystemExit("make bench needs wrk (apt-get install wrk)")
    measured: dict[str, list[tuple[float, float, float]]] = {name: [] for name in COMMANDS}
    submit = f'wrk.method="POST"\nwrk.body={json.dumps(json.dumps(BODY))}\n'
    for _ in range(ROUNDS):
        for name, command in COMMANDS.items():
            with serving(command) as (url, started):
                task_id = json.loads(call(url + "/model/v1/generation", BODY))["id"]
                rates = (
                    load(url + "/model/v1/generation", submit),
                    load(url + f"/model/v1/generation/task/{task_id}", ""),
                )
                measured[name].append((*rates, started))
    print(f"{'':12} {'submit/s':>9} {'poll/s':>9} {'start s':>8}")
    medians = {
        name: [statistics.median(figure) for figure in zip(*rows, strict=True)] for name, rows in measured.items()
    }
    for name, (submits, polls, started) in medians.items():
        print(f"{name:12} {submits:9.0f} {polls:9.0f} {started:8.2f}")
    mine, limit = medians.values()
    print(f"{'ratio':12} {mine[0] / limit[0]:9.2f} {mine[1] / limit[1]:9.2f} {mine[2] / limit[2]:8.2f}")


if __name__ == "__main__":
    main()

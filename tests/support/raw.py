"""A raw HTTP client: every byte that comes, and how the connection ended."""

from __future__ import annotations

import json
import select
import socket
import time
from dataclasses import dataclass
from typing import Any

from mock_server.core.resources import resource

FIN, RST = "FIN", "RST"
#: Real seconds after which a test is told that nothing comes; a busy machine takes some.
PATIENCE = 60

MODEL = "kirin_v1_t2v"
_QUEUE = f"/model/v1/queue/{MODEL}"

CALLS = {
    "submit": ("POST", "/model/v1/generation", {"model": MODEL, "prompt": "An apple"}),
    "queue submit": ("POST", _QUEUE, {"prompt": "An apple"}),
    "poll": ("GET", "/model/v1/generation/task/{task}", None),
    "queue poll": ("GET", f"{_QUEUE}/requests/{{task}}/status", None),
    "result": ("GET", f"{_QUEUE}/requests/{{task}}/response", None),
    "models": ("GET", "/api/v1/skill/models", None),
    "spec": ("GET", f"/api/v1/skill/models/{MODEL}/spec", None),
    "model contract": ("GET", f"/api/v1/skill/model-contracts/{MODEL}", None),
    "model search": ("GET", "/model/v1/models/skill/search", None),
    "model page": ("GET", f"/model/v1/models/skill/{MODEL}", None),
    "me": ("GET", "/api/v1/auth/me", None),
    "balance": ("GET", "/api/v1/user/balance", None),
    "cancel": ("PUT", f"{_QUEUE}/requests/{{task}}/cancel", None),
    "upload": (
        "POST",
        "/api/v1/storage/files",
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n'
        + next(resource("fixtures", "images").glob("*.png")).read_bytes()
        + b"\r\n--x--\r\n",
    ),
}


@dataclass(frozen=True)
class Answer:
    """What came until the connection ended, and how it did."""

    raw: bytes
    end: str

    @property
    def head(self) -> list[str]:
        return self.raw.partition(b"\r\n\r\n")[0].decode().split("\r\n")

    @property
    def status(self) -> int:
        return int(self.head[0].split(" ")[1])

    @property
    def headers(self) -> dict[str, str]:
        lines = (line.partition(":") for line in self.head[1:])
        return {name.lower(): value.strip() for name, _, value in lines}

    @property
    def body(self) -> bytes:
        return self.raw.partition(b"\r\n\r\n")[2]

    @property
    def promised(self) -> int:
        return int(self.headers["content-length"])

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> Any:
        return self.json["status"]["error_code"]


class Call:
    """A request that was sent on a connection of its own."""

    def __init__(self, port: int, request: bytes) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self.sock.sendall(request)

    def silent(self) -> bool:
        """Nothing has come that was not read yet: no byte, no end."""
        return not select.select([self.sock], [], [], 0)[0]

    def take(self, count: int) -> bytes:
        """Exactly so many bytes."""
        taken = b""
        while len(taken) < count:
            part = self.sock.recv(count - len(taken))
            if not part:
                raise EOFError(f"{len(taken)} of {count} bytes came")
            taken += part
        return taken

    def take_head(self) -> Answer:
        """The head alone."""
        taken = b""
        while not taken.endswith(b"\r\n\r\n"):
            taken += self.take(1)
        return Answer(taken, "")

    def rest(self) -> Answer:
        """All that comes until the connection ends."""
        taken, end = b"", FIN
        try:
            while part := self.sock.recv(1 << 16):
                taken += part
        except ConnectionResetError:
            end = RST
        self.sock.close()
        return Answer(taken, end)

    def hang_up(self) -> None:
        self.sock.close()


class Client:
    """One API key at a server: a tenant of its own."""

    def __init__(self, kirin: Any, key: str) -> None:
        self.kirin, self.key = kirin, key

    def open(self, method: str, path: str, body: Any = None, **headers: str) -> Call:
        """Send, and do not read."""
        sent = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        fields = {"Host": f"127.0.0.1:{self.kirin.port}", "Connection": "close"}
        fields |= {"Authorization": f"Bearer {self.key}", "Content-Length": str(len(sent))}
        if sent:
            fields["Content-Type"] = "application/json" if sent[:1] == b"{" else "multipart/form-data; boundary=x"
        fields |= {name.replace("_", "-"): value for name, value in headers.items()}
        head = f"{method} {path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        return Call(self.kirin.port, head.encode() + b"\r\n" + sent)

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        return self.open(method, path, body, **headers).rest()

    def control(self, method: str, path: str, body: Any = None) -> Any:
        answer = self.call(method, f"/_mock/{path}", body)
        assert answer.status == 200, answer
        return answer.json

    def rule(self, *faults: dict[str, Any], **more: Any) -> None:
        """Post a scenario of these faults for all tasks of this key."""
        self.control("POST", "scenarios", {"name": "bad", "match": {}, "faults": faults, **more})

    def open_to(self, call: str, task: str = "", body: dict[str, Any] | None = None, **headers: str) -> Call:
        """Send one of the calls in CALLS, about a task, or with these parameters in place of its own."""
        method, path, own = CALLS[call]
        return self.open(method, path.format(task=task), own if body is None else {**own, **body}, **headers)

    def to(self, call: str, task: str = "", body: dict[str, Any] | None = None, **headers: str) -> Answer:
        return self.open_to(call, task, body, **headers).rest()

    def submit(self, **params: Any) -> str:
        """The id of a new task."""
        answer = self.call("POST", "/model/v1/generation", {"model": MODEL, "prompt": "An apple", **params})
        assert answer.status == 200, answer
        return answer.json["id"]

    def advance(self, seconds: float) -> None:
        self.control("POST", "clock/advance", {"seconds": seconds})

    def waiting(self) -> int:
        """How many calls the server says are kept waiting."""
        return self.control("GET", "clock")["waiting"]

    def freed(self) -> bool:
        """Nobody waits any more; False when that is still not so after some seconds of real time."""
        until = time.monotonic() + PATIENCE
        while self.waiting():
            if time.monotonic() > until:
                return False
        return True

    def tasks(self) -> list[dict[str, Any]]:
        return self.control("GET", "tasks")["tasks"]

    def journal(self) -> list[str | None]:
        """The faults that the journal names, one for each call of this key, in order."""
        return [request["fault"] for request in self.control("GET", "requests")["requests"]]

    def counts(self, name: str = "bad") -> tuple[int, int, dict[str, int]]:
        """How often a scenario matched, was chosen, and each of its faults fired."""
        rule = next(rule for rule in self.control("GET", "scenarios")["rules"] if rule["name"] == name)
        return rule["matched"], rule["chosen"], rule["fired"]

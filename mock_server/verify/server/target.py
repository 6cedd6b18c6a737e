"""The server under test: calls it, and knows what it can be made to do. How time passes is in ``waiting``.

Times are seconds. Any number of threads may call at once.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import secrets
import string
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from ipaddress import ip_address
from typing import Any
from urllib.parse import quote, urlsplit

from mock_server.contract.endpoint import Endpoint
from mock_server.contract.judge import documented_body, wrapped_body
from mock_server.verify.server.calling import BALANCE, Calling, Dropped, Here, Unreachable
from mock_server.verify.server.exchange import Exchange, read_json, written
from mock_server.verify.server.limits import Limits, retry_after
from mock_server.verify.server.receiver import Answers, Listener, Receiver
from mock_server.verify.server.transport import Answer, Broken, Connection, Transport
from mock_server.verify.server.waiting import MOST_STEPS, STEP, BudgetSpent, NotExercised, Overdue

__all__ = (
    "MOST_STEPS", "STEP", "BudgetSpent", "Dropped", "Exchange", "NotExercised", "Overdue", "Target", "Unreachable",
)  # fmt: skip

Json = dict[str, Any]

#: So many of the last exchanges are kept.
KEPT = 50


#: So often a URL is fetched where fetching is limited.
FETCHES = 3
#: What steering a task, a balance or a fault needs, in a word.
CONTROL = "control"
_LETTERS = string.ascii_letters + string.digits


def is_local(url: str) -> bool:
    """Whether a URL leads to this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def new_mark() -> str:
    """What tells the names of this run from those of other runs."""
    return secrets.token_hex(4)


@dataclass
class Target(Calling):
    """A server at ``base_url``. ``judge`` looks at every exchange; ``max_calls`` bounds how many there are.

    Where time cannot be moved, a task is looked at every ``poll_every`` seconds, for ``patience`` seconds at most.
    ``queue_form`` is the form of the queue protocol that the first submit's answer had; for ``announce_for`` seconds an
    answer to a body that is announced and not sent is waited for. ``mark`` is in every name that this run gives,
    ``planned`` the ids of the cases that are tried, None for all.
    """

    base_url: str
    key: str = "sk-verify"
    other_key: str = ""
    callback_secret: str = ""
    max_calls: int | None = None
    judge: Callable[[Exchange], None] = lambda exchange: None
    calls: int = 0
    controlled: bool = False
    #: It is a kirin-mock that draws each video when it is first asked for, which takes most of a second.
    draws_videos: bool = False
    #: It is a kirin-mock whose clock cannot be read, and may run at any pace.
    virtual_time: bool = False
    uncontrolled: str = "the target has no control API, so time cannot be moved"
    exchanges: deque[Exchange] = field(default_factory=lambda: deque(maxlen=KEPT))
    min_gap: float = 0.0
    poll_every: float = 2.0
    patience: float = 900.0
    queue_form: str = ""
    announce_for: float = 5.0
    planned: frozenset[str] | None = None
    mark: str = field(default_factory=new_mark)
    connection: Connection = field(default_factory=Connection)
    #: Whether tasks are cancelled once their case is over: they take up running slots, or money.
    tidy: bool = False
    limits: Limits = field(default_factory=Limits)
    #: Where callbacks come in when the target cannot reach this machine.
    listener: Listener | None = None
    #: Calls without a whole answer, in all and one after the other.
    dropped: int = 0
    #: Set when the run ends early: then nothing is waited for.
    stopping: threading.Event = field(default_factory=threading.Event)
    _dropped_in_a_row: int = 0
    _called_at: float = 0.0

    def __post_init__(self) -> None:
        self.base_url = self.base_url.rstrip("/")
        self._transport = Transport(self.connection)
        self._lock, self._here = threading.Lock(), Here()

    def __enter__(self) -> Target:
        """Look whether it is there, and whether it is a kirin-mock, whose clock can be moved."""
        try:
            health = self._transport.send("GET", f"{self.base_url}/_mock/health", {})
        except Broken as broken:
            self._transport.close()
            raise Unreachable(f"{self.base_url} does not answer: {broken}") from None
        value = read_json(health.content)
        self.controlled = health.status == 200 and isinstance(value, dict) and "version" in value
        try:
            self.control("POST", "reset")
            self.control("PUT", "clock", {"mode": "manual"})
        except NotExercised as why:
            self.virtual_time = self.controlled
            self.controlled, self.uncontrolled = False, str(why)
        return self

    def __exit__(self, *_: object) -> None:
        """Leave it as it was found."""
        if "background" in self.__dict__:
            self.background.shutdown(cancel_futures=True)
        if self.controlled:
            self.control("POST", "reset")
        self._transport.close()

    @cached_property
    def background(self) -> ThreadPoolExecutor:
        """For calls that are made beside the cases."""
        return ThreadPoolExecutor(max_workers=2)

    def begin(self, case: str, attempt: int = 0) -> None:
        """This thread tries a case from now on; another attempt uses other names."""
        self._here.case_id = case
        self._here.case = hashlib.blake2b(case.encode(), digest_size=4).hexdigest()
        self._here.names, self._here.last, self._here.steered = 1000 * attempt, None, False

    @property
    def last(self) -> Exchange | None:
        """The last exchange of this thread's case."""
        return self._here.last

    def control(self, method: str, path: str, body: Json | None = None, *, key: str = "") -> Any:
        """A control call of a kirin-mock, on the tenant of this run, or of a ``key``. Raises NotExercised for another
        kind of server.
        """
        if not self.controlled:
            raise NotExercised(self.uncontrolled, CONTROL)
        self._here.steered = self._here.steered or not path.startswith("clock")
        headers = {"Authorization": f"Bearer {key or self.key}", "Content-Type": "application/json"}
        try:
            answer = self._transport.send(
                method, f"{self.base_url}/_mock/{path}", headers, json.dumps(body or {}).encode()
            )
        except Broken as broken:
            raise NotExercised(f"the target's control API does not answer: {broken}", CONTROL) from None
        if answer.status == 409 and path.startswith("tasks/"):
            raise NotExercised("the task ended before it could be steered", "time")
        if answer.status != 200:
            said = answer.content[:200].decode("utf-8", "replace")
            raise NotExercised(f"the target's control API answered {answer.status}: {said}", CONTROL)
        return read_json(answer.content)

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str | None = "",
        scheme: str = "Bearer",
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        content_type: str | None = "application/json",
    ) -> Exchange:
        """One call with this run's key, another ``key``, or none; ``path`` may be a whole URL of this server. Raises
        BudgetSpent, Dropped or Unreachable.
        """
        (host, path), sent = self._parts(path), dict(headers or {})
        if content is None and body is not None:
            content = written(body)
        if content is not None and content_type is not None:
            sent.setdefault("Content-Type", content_type)
        secret = {} if key is None else {"Authorization": f"{scheme} {key or self.mine}"}
        shown = sent.get("Authorization") if key is None else f"{scheme} {self._shown(key)}"
        bare = Exchange(method, path, content or b"", 0, {}, None, b"", shown, sent, host)
        made = self.made(bare, {**secret, **sent})
        meant = "X-Mock-Scenario" in sent or self._here.steered
        return self.keep(made if meant else self.waited_for(made, {**secret, **sent}))

    def _shown(self, key: str) -> str:
        """How a key is shown: those that are secret by a name."""
        key = key or self.mine
        return {self.other_key: "$OTHER_KEY", self.key: "$KEY"}.get(key, key)

    def _parts(self, path: str) -> tuple[str, str]:
        """The other name of this server in a path that is a whole URL, and the path alone. Raises NotExercised for a
        URL of another server: the key is for this one.
        """
        if "://" not in path[:10]:
            return "", path
        for name, known in (("", self.base_url), (self.other_name, self.other_name)):
            if known is not None and path.startswith(f"{known}/"):
                return name or "", path.removeprefix(known)
        raise NotExercised(f"{path} is not on {self.base_url}, whose key is not sent to others")

    def fetch(self, url: str) -> bytes | None:
        """What is at the URL of a video, fetched without the key; None where it cannot be had."""
        answer = self.fetched(url)
        return answer.content if answer is not None and answer.status == 200 else None

    def fetched(self, url: str, method: str = "GET", headers: Mapping[str, str] | None = None) -> Answer | None:
        """The answer at the URL of a video, asked for without the key, redirects followed; None where there is none."""
        for _ in range(FETCHES):
            self.count()
            try:
                answer = self._transport.send(method, url, headers or {}, follow=True)
            except Broken:
                return None
            if answer.status != 429 or self.controlled:
                break
            self.pause(retry_after(Exchange(method, url, b"", 429, answer.headers, None, b"")))
        return answer

    def announce(self, path: str, length: int) -> Exchange:
        """A POST that announces a body of ``length`` bytes and sends none of it. Raises NotExercised when that is not
        answered within seconds: then the server waits for the body.
        """
        self.count()
        base = urlsplit(self.base_url)
        connect = http.client.HTTPSConnection if base.scheme == "https" else http.client.HTTPConnection
        connection = connect(base.hostname or "", base.port, timeout=self.announce_for)
        headers = {"Content-Type": "application/json", "Content-Length": str(length)}
        try:
            connection.request("POST", base.path + path, headers={"Authorization": f"Bearer {self.mine}", **headers})
            answer = connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException) as error:
            told = f"a body that is announced and not sent gets no answer: {error or type(error).__name__}"
            raise NotExercised(told) from None
        finally:
            connection.close()
        given = {name.lower(): one for name, one in answer.headers.items()}
        return self.keep(Exchange("POST", path, b"", answer.status, given, read_json(content), content, sent=headers))

    def receiver(self, answers: Answers = lambda _: 200) -> Receiver:
        """A receiver of callbacks that the target can reach, by all that is known. Raises NotExercised."""
        if self.listener is not None:
            return Receiver(self.listener, answers, own=False)
        if not self.is_local:
            raise NotExercised(
                "the target cannot reach this machine; give a public address with --callback-base", "callbacks"
            )
        return Receiver(Listener(), answers, own=True)

    @contextlib.contextmanager
    def listening(self) -> Iterator[Listener]:
        """What listens for many receivers at once that the target can reach. Raises NotExercised."""
        with self.receiver() as receiver:
            yield receiver.listener

    @property
    def is_local(self) -> bool:
        """Whether the target is on this machine."""
        return is_local(self.base_url)

    @cached_property
    def knows_keys(self) -> bool:
        """Whether it tells good keys from others; a kirin-mock that was started without keys takes all."""
        return self.call("GET", BALANCE, key="a-key-of-nobody").status == 401

    @property
    def other_name(self) -> str | None:
        """The base URL by another name of the same server; None unless it is on this machine."""
        parts = urlsplit(self.base_url)
        other = {"localhost": "127.0.0.1", "127.0.0.1": "localhost"}.get(parts.hostname or "")
        return None if other is None else self.base_url.replace(f"//{parts.hostname}", f"//{other}", 1)

    def submit(
        self, endpoint: Endpoint, params: Json, shape: str = "documented", key: str | None = "", **how: Any
    ) -> Exchange:
        """Submit bare parameters in one of the shapes: documented, wrapped, or queue. ``how`` as for a call."""
        path, body = f"/model/v1/queue/{endpoint.model}", params
        if shape != "queue":
            path = "/model/v1/generation"
            body = wrapped_body(endpoint.model, params) if shape == "wrapped" else documented_body(endpoint, params)
        made = self.call("POST", path, body, key=key, **how)
        answer = made.json if made.status == 200 and isinstance(made.json, dict) else {}
        task = answer.get("id") or answer.get("request_id")
        if key == "" and isinstance(task, str):
            self._here.made.append((endpoint.model, task))
        return made

    def poll(self, task_id: str, key: str | None = "", **how: Any) -> Exchange:
        """Ask for a task."""
        return self.call("GET", f"/model/v1/generation/task/{quote(task_id, safe='')}", key=key, **how)

    def queue(self, endpoint: Endpoint, task_id: str, what: str, key: str | None = "", **how: Any) -> Exchange:
        """Ask the queue for ``status``, ``response`` or ``status/stream``, or ``cancel``."""
        path = f"/model/v1/queue/{endpoint.model}/requests/{quote(task_id, safe='')}/{what}"
        return self.call("PUT" if what == "cancel" else "GET", path, key=key, **how)

    def fresh_name(self) -> str:
        """An external id that was not used before, neither in this run nor in another."""
        self._here.names += 1
        return f"verify-{self.mark}-{self._here.case}-{self._here.names}"

    def fresh_like(self, name: str) -> str:
        """A name of as many characters as ``name`` that was not used before; its first ten are new, ASCII where the
        name is ASCII. A shorter name may have been used by chance: then it is the server's right to say 409.
        """
        drawn = hashlib.blake2b(self.fresh_name().encode(), digest_size=20).digest()
        numbers = [int.from_bytes(drawn[at : at + 2], "big") for at in range(0, 20, 2)][: len(name)]
        if name.isascii():
            return "".join(_LETTERS[number % len(_LETTERS)] for number in numbers) + name[10:]
        return "".join(chr(0x3400 + number % 0x6000) for number in numbers) + name[10:]

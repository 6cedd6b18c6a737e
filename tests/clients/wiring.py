"""What the tests of real clients share: the five models, the SDK's ``fetch=``, and what a playable video is."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import av
import httpx
import pytest

from mock_server import MockServer
from mock_server.core.hosts import PLATFORM_HOSTS

KEY = "sk-test"
V15, T2V, MULTI, V3, MASTER = MODELS = (
    *("kirin_v1_5_i2v", "kirin_v1_t2v", "kirin_v1_6_multi_i2v"),
    *("kirin_v3_i2v", "kirin_v2_master_i2v"),
)
#: A code for each model that its document gives for a failed generation; that of multi gives none.
CODES = {V15: "00200398", T2V: "002001096", MULTI: "50001", V3: "006001095", MASTER: "002015096"}
CLOUD, ADMIN = PLATFORM_HOSTS[:2]
QUEUE = "/model/v1/queue"
#: More calls than any test makes: a client that polls forever is stopped here.
MOST_CALLS = 100


@dataclass(frozen=True)
class Call:
    """One call of a client and its answer."""

    method: str
    url: str
    options: Mapping[str, Any]
    answer: httpx.Response

    @property
    def word(self) -> str:
        """``status`` in the answer, or the HTTP status of an error."""
        return str(self.answer.json().get("status", "")) if self.answer.is_success else str(self.answer.status_code)


@dataclass
class Connection:
    """An SDK's ``fetch=``: each call goes to the server under test, whatever host the SDK has compiled in.

    ``before`` is called before each call with the calls so far; ``change`` is given each answer, and what it returns
    is the answer that the SDK gets.
    """

    server: MockServer
    http: httpx.Client
    before: Callable[[str], None] = lambda url: None
    change: Callable[[str, httpx.Response], Any] = lambda url, answer: answer
    calls: list[Call] = field(default_factory=list)

    async def __call__(self, url: str, options: Mapping[str, Any]) -> Any:
        """Send one call; nothing else runs meanwhile. The SDK would hide an error raised here, not ``pytest.fail``."""
        parts = urlsplit(url)
        if parts.scheme != "https" or parts.hostname not in PLATFORM_HOSTS or len(self.calls) >= MOST_CALLS:
            pytest.fail(f"call {len(self.calls)} of the SDK goes to {url}")
        self.before(url)
        target = self.server.url + parts.path + (f"?{parts.query}" if parts.query else "")
        answer = self.http.request(options["method"], target, headers=options["headers"], content=options["body"])
        self.calls.append(Call(options["method"], url, options, answer))
        return self.change(url, answer)

    @property
    def told(self) -> list[tuple[str, str]]:
        """The calls so far, as method and URL."""
        return [(call.method, call.url) for call in self.calls]

    def words(self, ending: str) -> list[str]:
        """What the calls whose URL ends so were answered, in a word each."""
        return [call.word for call in self.calls if call.url.endswith(ending)]


def request_url(model: str, request_id: str, what: str) -> str:
    """Where a request of the queue is asked about."""
    return f"https://{CLOUD}{QUEUE}/{model}/requests/{request_id}/{what}"


def example(server: MockServer, http: httpx.Client, model: str) -> dict[str, Any]:
    """The parameters that the model's own contract shows."""
    url = f"{server.url}/api/v1/skill/model-contracts/{model}"
    contract = http.get(url, headers={"Authorization": f"Bearer {server.api_key}"}).json()["data"]
    return contract["examples"][0]["input"]


def told_to_fail(params: Mapping[str, Any], words: str) -> dict[str, Any]:
    """The parameters with a marker that says how their task goes, where the model has room for words."""
    place = "prompt" if "prompt" in params else "negative_prompt"
    return {**params, place: f"{params.get(place, '')} [[mock: {words}]]"}


def assert_plays(content: bytes, item: Mapping[str, Any], params: Mapping[str, Any]) -> None:
    """A video decodes to its end, and is as long and as large as was asked for and as its item says."""
    with av.open(io.BytesIO(content)) as film:
        stream = film.streams.video[0]
        frames = sum(1 for _ in film.decode(stream))
        seconds = frames / stream.average_rate
        size = stream.width, stream.height
    assert seconds == item["duration"] == int(params.get("duration", "5"))
    assert size == (item["width"], item["height"])
    assert len(content) == item["file_size"]
    wanted = params.get("aspect_ratio")
    if wanted:
        across, down = map(int, wanted.split(":"))
        assert size[0] * down == size[1] * across

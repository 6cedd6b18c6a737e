"""The properties of a well-behaved client: each a sentence, what it rests on, and how much it matters."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, Literal

from mock_server.contract.messages import nearest
from mock_server.core.errors import UsageError

Severity = Literal["must", "should"]


@dataclass(frozen=True, slots=True)
class Property:
    """``says`` is what a client does that has it; ``wrong`` and ``right`` show it in a line of code each."""

    id: str
    name: str
    says: str
    rests_on: str
    severity: Severity
    wrong: str
    right: str

    def shown(self) -> dict[str, str]:
        """What a report says of it, whatever became of it."""
        return {name: getattr(self, name) for name in ("id", "name", "says", "rests_on", "severity")}


PROPERTIES: dict[str, Property] = {
    one.id: one
    for one in (
        Property(
            "W01",
            "sends-the-key",
            "Every call of the API carries Authorization: Bearer KEY, or Key KEY.",
            "all#authentication; wire#2; RFC 6750, 2.1",
            "must",
            'get(f"{base}/model/v1/generation/task/{id}")',
            "get(url, headers={'Authorization': f'Bearer {key}'})",
        ),
        Property(
            "W02",
            "says-json",
            "A submit says Content-Type: application/json.",
            "wire#1",
            "must",
            "post(url, data=json.dumps(body))",
            "post(url, json=body)",
        ),
        Property(
            "W03",
            "sends-json",
            "The body of a submit is JSON in UTF-8: no NaN, no key twice.",
            "RFC 8259, 4 and 8.1",
            "must",
            "json.dumps({'cfg_scale': float('nan')})",
            "json.dumps(body, allow_nan=False)",
        ),
        Property(
            "W04",
            "keeps-the-contract",
            "The body of a submit is what the model's document asks for.",
            "the model's document; wire#4",
            "must",
            "{'model': ..., 'prompt': ..., 'duration': 5, 'seed': None}",
            "{'model': ..., 'prompt': ..., 'duration': '5'}",
        ),
        Property(
            "W05",
            "buys-once",
            "One intent makes one task: a submit whose answer was lost is not made again so that it makes another.",
            "wire#1: a task is paid for when it is made",
            "must",
            "except ConnectionError: submit(body)",
            "body['external_task_id'] = my_id; except ConnectionError: submit(body)  # a 409 means that it is there",
        ),
        Property(
            "W06",
            "retries-under-one-id",
            "A submit that is tried again carries the external_task_id of the first try.",
            "all#external_task_id: it is unique",
            "must",
            "for attempt in range(3): submit({**body, 'external_task_id': uuid4().hex})",
            "body['external_task_id'] = uuid4().hex; for attempt in range(3): submit(body)",
        ),
        Property(
            "W07",
            "honours-retry-after",
            "After a 429 or 503 with Retry-After, in seconds or as a date, the same call waits so long.",
            "RFC 9110, 10.2.3",
            "must",
            "if status == 429: sleep(1)",
            "if status == 429: sleep(seconds_of(headers['Retry-After']))",
        ),
        Property(
            "W08",
            "backs-off",
            "After a 5xx or a lost connection the same call is not made again at once.",
            "RFC 9110, 15.6; common practice",
            "should",
            "while True: try: return get(url) except Exception: continue",
            "sleep(min(2 ** (attempt + 1), 30))",
        ),
        Property(
            "W09",
            "polls-with-patience",
            "Polls of one task leave time between them.",
            "wire#6: tasks take from seconds to minutes",
            "should",
            "while task['status'] == 'in_progress': task = get(url)",
            "while task['status'] == 'in_progress': sleep(5); task = get(url)",
        ),
        Property(
            "W10",
            "takes-no-for-an-answer",
            "What was refused with a 4xx other than 402, 408, 409, 425 and 429 is not sent again as it is.",
            "RFC 9110, 15.5",
            "must",
            "for attempt in range(5): if post(url, body).ok: break",
            "if 400 <= status < 500 and status not in (402, 408, 409, 425, 429): raise Rejected(answer)",
        ),
        Property(
            "W11",
            "stops-at-the-end",
            "A task that was seen completed or failed, in whichever form, is not polled again.",
            "wire#1: what is final does not change; wire#2: COMPLETED says that it is over",
            "should",
            "while not task.get('output'): task = get(url)",
            "while task['status'].lower() not in ('completed', 'failed'): ...",
        ),
        Property(
            "W12",
            "asks-for-what-it-has",
            "Only ids that a submit answered, or that were given as external_task_id, are polled.",
            "wire#1",
            "must",
            'get(f"{base}/task/{external_id}") without quoting it',
            'get(f"{base}/task/{quote(task_id, safe="")}")',
        ),
        Property(
            "W13",
            "gives-up-in-the-end",
            "A call that fails again and again is not tried for ever.",
            "common practice",
            "should",
            "while True: try: return get(url) except Exception: sleep(5)",
            "if failures >= 5: raise",
        ),
        Property(
            "W15",
            "refuses-garbage",
            "A callback that is no JSON is not acknowledged with a 2xx.",
            "Standard Webhooks: a 2xx says that it was processed",
            "must",
            "def hook(request): return 200",
            "def hook(request): task = json.loads(request.body) ... # 400 if that fails",
        ),
        Property(
            "W16",
            "knows-its-tasks",
            "A callback about a task that was never submitted is not acknowledged with a 2xx.",
            "wire#5; anybody can post to a callback URL",
            "should",
            "results[body['id']] = body['output']",
            "if body['id'] not in mine: return 404",
        ),
        Property(
            "W17",
            "takes-news-twice",
            "Callbacks that come again are acknowledged with a 2xx.",
            "wire#5: delivery is at least once",
            "must",
            "if id in seen: return 409",
            "if id in seen: return 200",
        ),
        Property(
            "W18",
            "checks-signatures",
            "A callback with a wrong or an old signature is not acknowledged with a 2xx, where a secret is set.",
            "Standard Webhooks, verifying",
            "must",
            "task = json.loads(request.body)",
            "verify(secret, headers, request.body)  # signature and age, before anything else",
        ),
        Property(
            "W19",
            "fetches-in-time",
            "A video is fetched while its URL is good.",
            "wire#7: URLs expire",
            "should",
            "save_for_later(task['output'][0]['content'][0]['url'])",
            "download(url)  # as soon as the task is completed; poll again for a fresh URL",
        ),
        Property(
            "W20",
            "fetches-all-of-it",
            "A video that broke off is fetched again.",
            "RFC 9112, 6.3: a body shorter than Content-Length is incomplete",
            "should",
            "try: save(get(url).content) except Exception: pass",
            "retry the download until its length is Content-Length",
        ),
        Property(
            "W21",
            "takes-good-news",
            "A callback that is all right is acknowledged with a 2xx; one good signature among several is enough.",
            "Standard Webhooks: anything but a 2xx is tried again, and during a rotation of secrets each of them signs",
            "should",
            "if headers['webhook-signature'] != mine: return 401",
            "if mine not in headers['webhook-signature'].split(): return 401",
        ),
        Property(
            "W22",
            "key-stays-on-its-host",
            "The API key is sent to the host that the user named, and to no host that only an answer names.",
            "wire#2: the URLs are on the address the client used; the official SDK puts them on its own origin",
            "should",
            "get(answer['status_url'], headers=key)",
            "get(base_url + urlsplit(answer['status_url']).path, headers=key)",
        ),
    )
}


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Where patience begins: seconds between two polls, and after a failure; how many failures in a row are enough.
    ``slack`` is what a client's clock may be off by, ``grace`` what it may be late after its deadline; both in seconds.
    """

    poll_gap: float = 1.0
    retry_gap: float = 0.5
    most_failures: int = 10
    slack: float = 0.05
    grace: float = 120.0


PROFILES: dict[str, Thresholds] = {
    "default": Thresholds(),
    "strict": Thresholds(poll_gap=2.0, retry_gap=1.0, most_failures=6, slack=0.0, grace=60.0),
    "polite": Thresholds(poll_gap=5.0, retry_gap=2.0, most_failures=5),
}


def thresholds(name: str, overrides: dict[str, Any] | None = None) -> Thresholds:
    """A profile by its name, with some of it changed. Raises UsageError."""
    if name not in PROFILES:
        raise UsageError(f"there is no profile {name!r}{nearest(name, PROFILES)}")
    known = {one.name for one in fields(Thresholds)}
    for given in overrides or {}:
        if given not in known:
            raise UsageError(f"{given} is no threshold{nearest(given, sorted(known))}")
    base = PROFILES[name]
    return Thresholds(**{one: (overrides or {}).get(one, getattr(base, one)) for one in known})


@dataclass(frozen=True, slots=True)
class Fault:
    """One time a property did not hold: what happened, when (virtual seconds), and the numbers of the calls."""

    property: Property
    says: str
    at: float
    calls: tuple[int, ...] = ()


@dataclass
class Verdict:
    """What was held against a client, and how often each property was put to the test at all."""

    faults: list[Fault] = field(default_factory=list)
    exercised: dict[str, int] = field(default_factory=dict)

    def saw(self, property_id: str) -> None:
        """A property was put to the test."""
        self.exercised[property_id] = self.exercised.get(property_id, 0) + 1

    def blame(self, property_id: str, says: str, at: float, *calls: int) -> None:
        """It did not hold."""
        self.faults.append(Fault(PROPERTIES[property_id], says, at, calls))

    def of(self, property_id: str) -> list[Fault]:
        """All that was held against one property."""
        return [fault for fault in self.faults if fault.property.id == property_id]

"""The properties of a correct client: each with a sentence, a spec reference, and a severity."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, Literal

from mock_server.contract.messages import nearest
from mock_server.core.errors import UsageError

Severity = Literal["must", "should"]


@dataclass(frozen=True, slots=True)
class Property:
    """``says`` is what a correct client does, and ``spec_reference`` where that is specified. ``wrong`` and ``right``
    show it in a line of code each; ``page`` explains it, where it has no page of its own.
    """

    id: str
    name: str
    says: str
    spec_reference: str
    severity: Severity
    wrong: str
    right: str
    page: str = ""

    def shown(self) -> dict[str, str]:
        """What every report says about it."""
        return {name: getattr(self, name) for name in ("id", "name", "says", "spec_reference", "severity")}


PROPERTIES: dict[str, Property] = {
    one.id: one
    for one in (
        Property(
            "W01",
            "sends-api-key",
            "Every call to the API has the header Authorization: Bearer KEY, or Key KEY.",
            "all#authentication; wire#2; RFC 6750, 2.1",
            "must",
            'get(f"{base}/model/v1/generation/task/{id}")',
            "get(url, headers={'Authorization': f'Bearer {key}'})",
        ),
        Property(
            "W02",
            "sends-json-content-type",
            "A submit has the header Content-Type: application/json.",
            "wire#1",
            "must",
            "post(url, data=json.dumps(body))",
            "post(url, json=body)",
        ),
        Property(
            "W03",
            "sends-valid-json",
            "The body of a submit is valid JSON in UTF-8, without NaN and without duplicate keys.",
            "RFC 8259, 4 and 8.1",
            "must",
            "json.dumps({'cfg_scale': float('nan')})",
            "json.dumps(body, allow_nan=False)",
        ),
        Property(
            "W04",
            "sends-valid-parameters",
            "The body of a submit is valid according to the model's document.",
            "the model's document; wire#4",
            "must",
            "{'model': ..., 'prompt': ..., 'duration': 5, 'seed': None}",
            "{'model': ..., 'prompt': ..., 'duration': '5'}",
        ),
        Property(
            "W05",
            "no-duplicate-task",
            "One intent creates one task: the client does not create another when a response is lost.",
            "wire#1: a task is billed when it is created",
            "must",
            "except ConnectionError: submit(body)",
            "body['external_task_id'] = my_id; except ConnectionError: submit(body)  # a 409 means that it exists",
        ),
        Property(
            "W06",
            "same-id-on-retry",
            "A retry of a submit has the external_task_id of the first try.",
            "all#external_task_id: it is unique",
            "must",
            "for attempt in range(3): submit({**body, 'external_task_id': uuid4().hex})",
            "body['external_task_id'] = uuid4().hex; for attempt in range(3): submit(body)",
        ),
        Property(
            "W07",
            "respects-retry-after",
            "After a 429 or 503, the client waits as long as Retry-After says, in seconds or as a date.",
            "RFC 9110, 10.2.3",
            "must",
            "if status == 429: sleep(1)",
            "if status == 429: sleep(seconds_of(headers['Retry-After']))",
        ),
        Property(
            "W08",
            "backs-off-on-failure",
            "After a 5xx or a lost connection, the client does not repeat the call immediately.",
            "RFC 9110, 15.6; common practice",
            "should",
            "while True: try: return get(url) except Exception: continue",
            "sleep(min(2 ** (attempt + 1), 30))",
        ),
        Property(
            "W09",
            "pauses-between-polls",
            "The client pauses between two polls of one task.",
            "wire#6: tasks take from seconds to minutes",
            "should",
            "while task['status'] == 'in_progress': task = get(url)",
            "while task['status'] == 'in_progress': sleep(5); task = get(url)",
        ),
        Property(
            "W10",
            "no-retry-on-4xx",
            "After a 4xx other than 402, 408, 409, 425 and 429, the client does not send the same request again.",
            "RFC 9110, 15.5",
            "must",
            "for attempt in range(5): if post(url, body).ok: break",
            "if 400 <= status < 500 and status not in (402, 408, 409, 425, 429): raise Rejected(answer)",
        ),
        Property(
            "W11",
            "stops-polling-when-final",
            "The client does not poll a task again after it has seen it completed or failed, in either form.",
            "wire#1: a final status does not change; wire#2: COMPLETED means that the task is over",
            "should",
            "while not task.get('output'): task = get(url)",
            "while task['status'].lower() not in ('completed', 'failed'): ...",
        ),
        Property(
            "W12",
            "polls-known-ids-only",
            "The client polls only ids from the response to a submit, or ids that it sent as external_task_id.",
            "wire#1",
            "must",
            'get(f"{base}/task/{external_id}") without quoting it',
            'get(f"{base}/task/{quote(task_id, safe="")}")',
        ),
        Property(
            "W13",
            "limits-retries",
            "The client stops repeating a call that always fails, and soon one that is denied.",
            "common practice",
            "should",
            "while True: try: return get(url) except Exception: sleep(5)",
            "if failures >= 5: raise",
        ),
        Property(
            "W15",
            "rejects-malformed-callback",
            "The client does not acknowledge a callback that is not a JSON object with a 2xx.",
            "Standard Webhooks: a 2xx means that the callback was processed",
            "must",
            "def hook(request): return 200",
            "def hook(request): task = json.loads(request.body) ... # 400 if this fails",
        ),
        Property(
            "W16",
            "rejects-unknown-task-callback",
            "The client does not acknowledge a callback about a task that it never submitted with a 2xx.",
            "wire#5; anybody can post to a callback URL",
            "should",
            "results[body['id']] = body['output']",
            "if body['id'] not in mine: return 404",
        ),
        Property(
            "W17",
            "accepts-duplicate-callback",
            "The client acknowledges a repeated callback with a 2xx.",
            "wire#5: delivery is at least once",
            "must",
            "if id in seen: return 409",
            "if id in seen: return 200",
        ),
        Property(
            "W18",
            "verifies-signatures",
            "With a secret set, the client does not acknowledge a wrong or stale signature with a 2xx.",
            "Standard Webhooks, verifying",
            "must",
            "task = json.loads(request.body)",
            "verify(secret, headers, request.body)  # check signature and age first",
        ),
        Property(
            "W19",
            "downloads-before-expiry",
            "The client downloads a video while its URL is valid.",
            "wire#7: URLs expire",
            "should",
            "save_for_later(task['output'][0]['content'][0]['url'])",
            "download(url)  # as soon as the task is completed; poll again for a new URL",
        ),
        Property(
            "W20",
            "retries-broken-download",
            "The client repeats a download that was cut off.",
            "RFC 9112, 6.3: a body shorter than Content-Length is incomplete",
            "should",
            "try: save(get(url).content) except Exception: pass",
            "retry the download until its length is Content-Length",
        ),
        Property(
            "W21",
            "accepts-valid-callback",
            "The client acknowledges a valid callback with a 2xx; one valid signature among several is enough.",
            "Standard Webhooks: anything but a 2xx is sent again; during a rotation each secret signs",
            "should",
            "if headers['webhook-signature'] != mine: return 401",
            "if mine not in headers['webhook-signature'].split(): return 401",
        ),
        Property(
            "W22",
            "api-key-stays-on-host",
            "The client sends the API key only to the host that its user configured, not to hosts that responses name.",
            "wire#2: the URLs have the address that the client used; RFC 9110, 15.4: a redirect to another host",
            "must",
            "get(answer['status_url'], headers=key)",
            "get(base_url + urlsplit(answer['status_url']).path, headers=key)",
        ),
    )
}


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What counts as patient: seconds between two polls, and after a failure; how many failures in a row are enough.
    ``slack`` is what a client's clock may be off by, ``grace`` what it may be late after its deadline; both in seconds.
    ``max_spend`` is what it may spend in USD besides what was asked for; None where money is not judged.
    """

    poll_gap: float = 1.0
    retry_gap: float = 0.5
    most_failures: int = 10
    slack: float = 0.05
    grace: float = 120.0
    max_spend: float | None = None


STRICTNESS: dict[str, Thresholds] = {
    "default": Thresholds(),
    "strict": Thresholds(poll_gap=2.0, retry_gap=1.0, most_failures=6, slack=0.0, grace=60.0),
    "polite": Thresholds(poll_gap=5.0, retry_gap=2.0, most_failures=5),
}


def thresholds(name: str, overrides: dict[str, Any] | None = None) -> Thresholds:
    """A level of strictness by its name, with some of it changed. Raises UsageError."""
    if name not in STRICTNESS:
        raise UsageError(f"there is no strictness {name!r}{nearest(name, STRICTNESS)}")
    known = {one.name for one in fields(Thresholds)}
    for given in overrides or {}:
        if given not in known:
            raise UsageError(f"{given} is no threshold{nearest(given, sorted(known))}")
    base = STRICTNESS[name]
    return Thresholds(**{one: (overrides or {}).get(one, getattr(base, one)) for one in known})


@dataclass(frozen=True, slots=True)
class Fault:
    """One violation of a property: what happened, when (virtual seconds), and the numbers of the calls."""

    property: Property
    says: str
    at: float
    calls: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        # What a client says may have halves of characters in it, which no report can hold.
        object.__setattr__(self, "says", self.says.encode("utf-8", "backslashreplace").decode())


@dataclass
class Verdict:
    """The violations of a client, and how often each property was exercised at all; ``notes`` say what could not be
    judged, and why.
    """

    faults: list[Fault] = field(default_factory=list)
    exercised: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def saw(self, property_id: str) -> None:
        """A property was put to the test."""
        self.exercised[property_id] = self.exercised.get(property_id, 0) + 1

    def blame(self, property_id: str, says: str, at: float, *calls: int) -> None:
        """Add a violation."""
        self.faults.append(Fault(PROPERTIES[property_id], says, at, calls))

    def of(self, property_id: str) -> list[Fault]:
        """All violations of one property."""
        return [fault for fault in self.faults if fault.property.id == property_id]

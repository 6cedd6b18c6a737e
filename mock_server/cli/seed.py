"""``kirin-mock seed``: fills a running server with tasks that could be somebody's, for demos and for work on a UI.

The same seed makes the same tasks. Times are seconds before now.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any

import httpx

from mock_server.core.errors import UsageError
from mock_server.models import discover

if TYPE_CHECKING:
    from faker import Faker

DAY = 86_400.0
#: How often each model is asked for, by weight.
WEIGHTS = {
    "kirin_v1_t2v": 5,
    "kirin_v1_5_i2v": 4,
    "kirin_v1_6_multi_i2v": 2,
    "kirin_v3_i2v": 6,
    "kirin_v2_master_i2v": 2,
}
SHOTS = (
    "slow push in",
    "aerial view",
    "close-up",
    "wide shot",
    "tracking shot",
    "static camera",
    "handheld",
    "time lapse",
)
LIGHTS = ("at golden hour", "under neon light", "in morning mist", "on an overcast day", "by candlelight", "after rain")
SUBJECTS = (
    "a {color} vintage tram rolling through {city}",
    "{name}, {job}, at work in {city}",
    "a paper lantern festival in {city}",
    "a pair of {color} running shoes on a pedestal, turning",
    "steam rising from a bowl of noodles, {color} chopsticks beside it",
    "a fox crossing a snowy street in {city}",
    "the skyline of {city} from across the water",
    "a dancer in a {color} coat on an empty stage",
    "a bottle of {color} perfume on wet stone",
    "{name} opens the shop early, {city} still asleep",
    "waves breaking against a {color} lighthouse",
    "a cat asleep on a {color} cushion by the window",
)
UNWANTED = ("blurry, low quality", "text, watermark", "extra limbs", "flicker", "overexposed")


@dataclass(frozen=True, slots=True)
class Sample:
    """One task to make: how long ago, and how it went."""

    model: str
    params: Mapping[str, Any]
    ago: float
    scenario: str


def samples(count: int, seed: int, days: float) -> Iterator[Sample]:
    """Believable tasks of the last ``days``, the oldest first; about one in eight fails, the latest still run."""
    from faker import Faker

    fake, random = Faker("en_US"), Random(seed)
    fake.seed_instance(seed)
    recent = max(count // 20, 1)
    moments = [600 + random.random() ** 1.5 * days * DAY for _ in range(count - recent)]
    moments += [random.random() * 60 for _ in range(recent)]
    for number, ago in enumerate(sorted(moments, reverse=True), 1):
        model = random.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
        yield Sample(model, _params(model, number, fake, random), ago, _how(model, random))


def _how(model: str, random: Random) -> str:
    """How a task went, in the words of a scenario."""
    timing = f"queued={random.randint(1, 20)} running={random.randint(45, 240)}"
    if random.random() > 0.12:
        return timing
    codes = [row.code for row in discover()[model].errors.codes if row.code.endswith(("94", "95", "96", "97", "98"))]
    return f"{timing} fail={random.choice(codes) if codes else 'own'} at={random.randint(5, 95)}%"


def _params(model: str, number: int, fake: Faker, random: Random) -> dict[str, Any]:
    prompt = random.choice(SUBJECTS).format(
        color=fake.safe_color_name(), city=fake.city(), name=fake.first_name(), job=fake.job().lower()
    )
    prompt = f"{prompt[0].upper()}{prompt[1:]}, {random.choice(LIGHTS)}, {random.choice(SHOTS)}"
    own: dict[str, Any] = {"prompt": prompt, "external_task_id": f"order-{1000 + number}"}
    if random.random() < 0.3:
        own["negative_prompt"] = random.choice(UNWANTED)
    own |= _own_params(model, fake, random)
    return own


def _picture(fake: Faker) -> str:
    return f"https://pictures.example.com/{fake.uuid4()[:8]}.jpg"


def _own_params(model: str, fake: Faker, random: Random) -> dict[str, Any]:
    aspect = random.choice(("16:9", "9:16", "1:1"))
    if model == "kirin_v1_t2v":
        return {"aspect_ratio": aspect, "duration": random.choice(("5", "5", "10"))}
    if model == "kirin_v1_6_multi_i2v":
        pictures = [{"image": _picture(fake)} for _ in range(random.randint(1, 4))]
        return {"image_list": pictures, "aspect_ratio": aspect}
    own: dict[str, Any] = {"image": _picture(fake)}
    if model == "kirin_v3_i2v":
        own |= {"duration": str(random.randint(3, 15)), "sound": random.choice(("on", "off"))}
        own["mode"] = random.choice(("std", "pro"))
    elif model == "kirin_v1_5_i2v":
        own |= {"mode": random.choice(("std", "pro")), "duration": random.choice(("5", "10"))}
    return own


def seed(url: str, count: int, number: int, days: float, key: str, admin_token: str | None) -> int:
    """Fill the tenant of a key of the server at ``url``. Raises UsageError when that does not work out."""
    if not key.isascii() or not key.isprintable():
        raise UsageError(f"--key must be printable ASCII, not {key!r}")
    headers = {"Authorization": f"Bearer {key}"} | ({"X-Admin-Token": admin_token} if admin_token is not None else {})
    made: dict[str, int] = {}
    try:
        with httpx.Client(base_url=url, headers=headers, trust_env=False, timeout=30) as client:
            for place, sample in enumerate(samples(count, number, days), 1):
                status = _make(client, sample, place)
                made[status] = made.get(status, 0) + 1
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
        raise UsageError(f"{url[:200]} does not answer: {error}; start one with kirin-mock serve") from None
    counts = ", ".join(f"{amount} {status}" for status, amount in sorted(made.items()))
    sys.stdout.write(f"{count} tasks in {url} for the key {key}: {counts}\n")
    return 0


def _make(client: httpx.Client, sample: Sample, place: int) -> str:
    """Make one task; its status."""
    body = {"model": sample.model, "params": sample.params, "ago": sample.ago, "scenario": sample.scenario}
    answer = client.post("/_mock/tasks", json=body)
    try:
        return str(answer.json()["status"]) if answer.status_code == 200 else _refused(answer, place)
    except (ValueError, KeyError, TypeError):
        raise UsageError(f"{client.base_url} is no kirin-mock: it answers {answer.text[:60]!r}") from None


def _refused(answer: httpx.Response, place: int) -> str:
    raise UsageError(f"{answer.url} rejects task {place}: {answer.text[:300]}")

"""A few calls before a run: is this the platform, and is the key right? What is hopeless ends with one sentence."""

from __future__ import annotations

import json
from decimal import Decimal

from mock_server.verify.server.calling import BALANCE, Dropped, Unreachable
from mock_server.verify.server.exchange import Exchange
from mock_server.verify.server.limits import balance_of
from mock_server.verify.server.target import Target

SUBMIT = "/model/v1/generation"
#: What is asked: all of it is free, and a right server answers each with JSON.
PROBES: tuple[tuple[str, str, bytes], ...] = (
    ("GET", BALANCE, b""),
    ("GET", "/api/v1/skill/models?page_size=1", b""),
    ("GET", f"{SUBMIT}/task/verify-preflight", b""),
    ("POST", SUBMIT, b"{}"),
)

#: They, and one with the second key.
PREFLIGHT_CALLS = len(PROBES) + 1


def preflight(target: Target, *, other_given: bool = False) -> Decimal | None:
    """Ask a few things; the balance, where it is told. Raises Unreachable with a sentence when a run is hopeless.

    A second key that nobody gave, and that the target does not know, is not used.
    """
    answers = [answer for method, path, body in PROBES if (answer := _asked(target, method, path, body)) is not None]
    if not answers:
        raise Unreachable(f"{target.base_url} accepts calls and answers none of them")
    why = _key(answers) or _no_json(answers) or _elsewhere(answers) or _no_paths(answers)
    if why:
        raise Unreachable(f"{target.base_url} {why}")
    _look_at_other_key(target, other_given=other_given)
    return next((balance_of(one) for one in answers if one.path == BALANCE), None)


def _asked(target: Target, method: str, path: str, body: bytes = b"", key: str = "") -> Exchange | None:
    """One answer, limits waited for; None when there is none."""
    headers = {"Authorization": f"Bearer {key or target.key}"} | ({"Content-Type": "application/json"} if body else {})
    try:
        bare = Exchange(method, path, body, 0, {}, None, b"")
        return target.waited_for(target.made(bare, headers), headers)
    except Dropped:
        return None


def _key(answers: list[Exchange]) -> str:
    if all(one.status in {401, 403} for one in answers):
        return f"does not accept the key: it answers {answers[0].status}; give another one with --key, or in KIRIN_KEY"
    return ""


def _no_json(answers: list[Exchange]) -> str:
    if any(300 <= one.status < 400 for one in answers) and all(one.status < 400 for one in answers):
        led = next((one.headers["location"] for one in answers if "location" in one.headers), "another address")
        if all(300 <= one.status < 400 for one in answers):
            return f"redirects every call, the first to {led[:200]}; give that address instead"
    if all(one.json is None for one in answers):
        kinds = sorted({one.headers.get("content-type", "no Content-Type") for one in answers})
        return f"answers no JSON ({', '.join(kinds)[:200]}); give the address of the platform's API"
    return ""


def _elsewhere(answers: list[Exchange]) -> str:
    if all(one.status >= 500 for one in answers):
        return f"answers {answers[0].status} to everything: {_shown(answers[0])}"
    return ""


def _no_paths(answers: list[Exchange]) -> str:
    """A platform knows its balance, its models, or at least where tasks are submitted."""
    if all(one.status in {404, 405} for one in answers):
        return f"knows none of the platform's paths, such as {BALANCE} and {SUBMIT}; is a part of the address missing?"
    return ""


def _shown(answer: Exchange) -> str:
    return json.dumps(answer.content[:200].decode("utf-8", "replace"))


def _look_at_other_key(target: Target, *, other_given: bool) -> None:
    if not target.other_key or target.other_key == target.key:
        target.other_key = ""
        return
    answer = _asked(target, "GET", BALANCE, key=target.other_key)
    if answer is None or answer.status not in {401, 403}:
        return
    if other_given:
        raise Unreachable(f"{target.base_url} does not accept the key of --other-key: it answers {answer.status}")
    target.other_key = ""

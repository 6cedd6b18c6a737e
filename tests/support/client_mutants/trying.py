"""Clients with one bug each in what they try again, under which id, and when."""

from __future__ import annotations

import uuid
from email.utils import parsedate_to_datetime
from random import Random

import httpx

from mock_server.verify.client.reference_clients.reference import MOST_TRIES, Policy, Reference
from tests.support.client_mutants.sending import params


def waits(decide):
    """Another wait after a failure, from the answer, the attempt and the right wait."""

    def wait_after(self, answer, attempt):
        return decide(answer, attempt, Policy.wait_after(self, answer, attempt))

    return {"wait_after": wait_after}


def _asked(answer):
    return answer.headers.get("retry-after") if answer is not None else None


def _no_dates(self, answer, attempt):
    asked = _asked(answer) or ""
    return max(2.0**attempt, float(asked) if asked.isdigit() else 0.0)


def _dates_only(self, answer, attempt):
    asked = _asked(answer)
    try:
        return parsedate_to_datetime(asked).timestamp() - self.kit.now() if asked else 2.0**attempt
    except ValueError:
        return 2.0**attempt


def _at_once_if(test):
    return waits(lambda answer, attempt, right: 0.0 if test(answer) else right)


def _digest_at_once(self, url):
    for _ in range(MOST_TRIES):
        try:
            return self.fetched(url)
        except httpx.HTTPError:
            continue
    return ""


def _under_a_new_id(self, intent):
    self.order = uuid.UUID(int=_NUMBERS.getrandbits(128)).hex
    return Reference.submit(self, intent)


def _under_the_hour(self, intent):
    self.order = f"order-{self.kit.now():.0f}"
    return Reference.submit(self, intent)


def _again_after_409(self, intent):
    answer = Reference.submit(self, intent)
    return _under_a_new_id(self, intent) if answer.status_code == 409 else answer


def _again_after_400(self, intent):
    answer = Reference.submit(self, intent)
    if answer.status_code == 400:
        self.sleep(2)
        return _under_a_new_id(self, intent)
    return answer


def _twice_what_was_refused(self, intent):
    answer = Reference.submit(self, intent)
    if answer.status_code == 400:
        self.sleep(5)
        answer = Reference.submit(self, intent)
    return answer


def _tries_all_but_a_200(self, answer):
    return answer.status_code == 200 and self.understood(answer)


def _for_ever(self, send):
    while True:
        try:
            answer = send()
            if self.is_the_answer(answer):
                return answer
        except httpx.TransportError:
            pass
        self.sleep(5)


TRYING = {
    "no external id": ("W05", params(lambda sent: {name: sent[name] for name in sent if name not in _OWN})),
    "an id only where callbacks need it": (
        "W05",
        params(
            lambda sent: sent if "callback_url" in sent else {name: sent[name] for name in sent if name not in _OWN}
        ),
    ),
    "an id of its own for each try": ("W06", {"submit": _under_a_new_id}),
    "the time as its id": ("W06", {"submit": _under_the_hour}),
    "waits a second, whatever it is told": ("W07", {"wait_after": lambda self, answer, attempt: 1.0}),
    "reads no dates in Retry-After": ("W07", {"wait_after": _no_dates}),
    "reads only dates in Retry-After": ("W07", {"wait_after": _dates_only}),
    "waits ten seconds at most": ("W07", waits(lambda answer, attempt, right: min(right, 10.0))),
    "takes Retry-After for milliseconds": (
        "W07",
        waits(lambda answer, attempt, right: max(right / 1000, 0.5) if _asked(answer) else right),
    ),
    "heeds Retry-After of a 429 only": (
        "W07",
        waits(lambda answer, attempt, right: right if _asked(answer) is None or answer.status_code == 429 else 1.0),
    ),
    "jitter that takes away": ("W07", waits(lambda answer, attempt, right: right * _NUMBERS.uniform(0.5, 1))),
    "does not wait after a failure": ("W08", {"wait_after": lambda self, answer, attempt: 0.0}),
    "tries again at once after a reset": ("W08", _at_once_if(lambda answer: answer is None)),
    "tries again at once after a page of HTML": (
        "W08",
        _at_once_if(lambda answer: answer is not None and b"<html" in answer.content),
    ),
    "backs off from ten milliseconds": (
        "W08",
        waits(lambda answer, attempt, right: right if _asked(answer) else 0.01 * 2**attempt),
    ),
    "fetches a broken video again at once": ("W08", {"digest": _digest_at_once}),
    "sends again what was refused": ("W10", {"submit": _twice_what_was_refused}),
    "tries again whatever is not a 200": ("W10", {"is_the_answer": _tries_all_but_a_200}),
    "tries forever": ("W13", {"tried": _for_ever}),
    "another id after a 409": ("W05", {"submit": _again_after_409}),
    "another id after a 400": ("W10", {"submit": _again_after_400}),
}
_OWN = frozenset({"external_task_id"})
_NUMBERS = Random(0)  # noqa: S311 - to repeat

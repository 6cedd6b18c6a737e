"""Clients with one bug each in what they do with the network: hanging servers, redirects, other hosts, denials."""

from __future__ import annotations

import json
from datetime import datetime

from mock_server.verify.client.kit import Outcome
from mock_server.verify.client.reference_clients.asynchronous import Asynchronous
from mock_server.verify.client.reference_clients.queued import Queued
from mock_server.verify.client.reference_clients.reference import Policy, Reference


def _timeout(base, seconds):
    def begin(self, intent, deadline):
        base.begin(self, intent, deadline)
        self.http.timeout = seconds

    return {"base": base, "begin": begin}


def _with_key_to(*statuses):
    """Follows redirects of polls, with all headers."""

    def poll(self):
        answer = Reference.poll(self)
        if answer.status_code in statuses:
            return self.http.get(answer.headers["location"], headers=self.headers())
        return answer

    return {"poll": poll}


def _submits_again_where_it_leads(self, intent):
    answer = Reference.submit(self, intent)
    if answer.status_code in {307, 308}:
        return self.http.post(answer.headers["location"], json=self.body(intent), headers=self.headers())
    return answer


def _fetches_with_the_key(self, url):
    answer = self.http.get(url, headers=self.headers()).raise_for_status()
    return self.digest_of(answer.content)


def _fetches_redirects_with_the_key(self, url):
    answer = self.http.get(url)
    if answer.status_code in {301, 302, 303, 307, 308}:
        answer = self.http.get(answer.headers["location"], headers=self.headers())
    return self.digest_of(answer.raise_for_status().content)


def _digest_of(self, content):
    import hashlib

    return hashlib.sha256(content).hexdigest()


def _local_dates(self, answer, attempt):
    asked = answer.headers.get("retry-after") if answer is not None else None
    own = 2.0 ** (attempt + 1)
    if asked is None or asked.isdigit():
        return max(own, float(asked or 0))
    date = datetime.strptime(asked, "%a, %d %b %Y %H:%M:%S GMT")  # noqa: DTZ007 - that is the bug
    return max(own, date.timestamp() - self.kit.now())


def _as_long_as_it_says(self, seconds):
    self.kit.sleep(seconds)


def _dates_without_a_bound(self, answer, attempt):
    asked = answer.headers.get("retry-after") if answer is not None else None
    if asked is None:
        return 2.0 ** (attempt + 1)
    if asked.isdigit():
        return max(float(asked), 1.0)
    return (datetime.strptime(f"{asked}+0000", "%a, %d %b %Y %H:%M:%S GMT%z")).timestamp() - self.kit.now()


def _polls_on(self, answer):
    return None


def _buys_again(self, answer):
    denied = Policy.denied(self, answer)
    if denied is not None and not getattr(self, "bought", False):
        self.bought = True
        self.order = f"{self.order}-again"
        self.http.post("/model/v1/generation", json=self.body(self.wanted), headers=self.headers())
    return denied


def _submit_and_remember(self, intent):
    self.wanted = intent
    return Reference.submit(self, intent)


def _refusals(change):
    def rejected(self, answer):
        right = Policy.rejected(self, answer)
        return change(right) if "error" not in answer.json() else right

    return {"rejected": rejected}


def _queue_refusals(change):
    return {"base": Queued, "rejected": lambda self, answer: change(Queued.rejected(self, answer))}


def _failed_if_moved(self, answer):
    return Outcome("failed") if 300 <= answer.status_code < 400 else Policy.denied(self, answer)


def _moved_is_an_answer(self, answer):
    return answer.status_code < 500 and answer.status_code not in {408, 425, 429}


def _in_the_charset_that_is_said(self, answer):
    charset = answer.headers.get("content-type", "").partition("charset=")[2] or "utf-8"
    text = answer.content.decode(charset)
    answer.json = lambda: json.loads(text)
    return Policy.is_the_answer(self, answer)


NETWORKING = {
    "no timeout": ("W14", _timeout(Reference, None)),
    "no timeout with asyncio": ("W14", _timeout(Asynchronous, None)),
    "no timeout on the queue": ("W14", _timeout(Queued, None)),
    "a timeout of an hour": ("W14", _timeout(Reference, 3600.0)),
    "follows redirects with all headers": ("W22", _with_key_to(301, 302, 303, 307, 308)),
    "follows permanent redirects with all headers": ("W22", _with_key_to(301, 308)),
    "follows 303 with all headers": ("W22", _with_key_to(303)),
    "submits again where a redirect leads": ("W22", {"submit": _submits_again_where_it_leads}),
    "fetches videos with the key": ("W22", {"fetched": _fetches_with_the_key, "digest_of": _digest_of}),
    "follows redirects of videos with the key": (
        "W22",
        {"fetched": _fetches_redirects_with_the_key, "digest_of": _digest_of},
    ),
    "takes dates for local time": ("W07", {"wait_after": _local_dates}),
    "waits as long as it is told": ("W14", {"sleep": _as_long_as_it_says}),
    "sleeps until a date that is over": ("A04", {"wait_after": _dates_without_a_bound}),
    "polls on though it is denied": ("W13", {"denied": _polls_on}),
    "polls on though it is denied, on the queue": ("W13", {"base": Queued, "denied": _polls_on}),
    "buys again when it is denied": ("W05", {"denied": _buys_again, "submit": _submit_and_remember}),
    "forgets what the gateway says": (
        "A23",
        _refusals(lambda right: Outcome("rejected", code=right.code)),
    ),
    "forgets the gateway's code": ("A05", _refusals(lambda right: Outcome("rejected", message=right.message))),
    "the gateway's code as a number": (
        "A05",
        _refusals(lambda right: Outcome("rejected", code=f"{right.code}.0", message=right.message)),
    ),
    "forgets what the queue's gateway says": (
        "A23",
        _queue_refusals(lambda right: Outcome("rejected", code=right.code)),
    ),
    "forgets the code of the queue's gateway": (
        "A05",
        _queue_refusals(lambda right: Outcome("rejected", message=right.message)),
    ),
    "a redirect is a failure": ("A12", {"denied": _failed_if_moved, "is_the_answer": _moved_is_an_answer}),
    "a redirect has JSON in it": ("A04", {"is_the_answer": _moved_is_an_answer}),
    "reads the charset that is said": ("A06", {"is_the_answer": _in_the_charset_that_is_said}),
}

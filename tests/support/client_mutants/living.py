"""Clients with one bug each in how they follow long lives, odd ends and answers with parts missing."""

from __future__ import annotations

from urllib.parse import parse_qsl, unquote, urldefrag, urlencode, urlsplit, urlunsplit

from mock_server.verify.client.kit import Outcome
from mock_server.verify.client.reference_clients.light import LightQueued
from mock_server.verify.client.reference_clients.queued import Queued
from mock_server.verify.client.reference_clients.reference import Policy, Reference


def _within(seconds):
    def begin(self, intent, deadline):
        Policy.begin(self, intent, min(deadline, seconds))

    return {"begin": begin}


def _polls_at_most(most):
    def poll(self):
        self.polled = getattr(self, "polled", 0) + 1
        if self.polled > most:
            self.ends_by = self.kit.now()
        return Reference.poll(self)

    return {"poll": poll}


def _stuck_after(seconds):
    """The same progress for so long is the end."""

    def is_final(self, task):
        if Policy.is_final(self, task):
            return True
        progress, now = task.get("progress"), self.kit.now()
        if progress != getattr(self, "seen", -1):
            self.seen, self.since = progress, now
        if now - self.since > seconds:
            self.ends_by = now
        return False

    return {"is_final": is_final}


def _word_with(part):
    def is_final(self, task):
        return Policy.is_final(self, task) or part in str(task.get("status"))

    def ended(self, task):
        if part == "fail" and part in task["status"]:
            return Outcome("failed", task.get("id"))
        return Policy.ended(self, {**task, "status": "completed"} if part in task["status"] else task)

    return {"is_final": is_final, "ended": ended}


def _ended(read):
    """Another way to read a completed task, or a failed one."""

    def ended(self, task):
        return read(task) or Policy.ended(self, task)

    return {"ended": ended}


def _cost_at_any_price(task):
    return None if task["status"] == "failed" else (task["usage"]["cost"] and None)


def _reason_at_any_price(task):
    return (task["error"]["code"] and None) if task["status"] == "failed" else None


def _outputs_at_any_price(task):
    return [None for output in task.get("output", ()) for item in output["content"] if item["url"] is None]


def _first_of_each(task):
    if task["status"] != "completed":
        return None
    urls = [output["content"][0]["url"] for output in task.get("output") or () if output["content"]]
    return Outcome("completed", task["id"], urls, cost=(task.get("usage") or {}).get("cost"))


def _first_output(task):
    if task["status"] != "completed":
        return None
    urls = [item["url"] for output in (task.get("output") or ())[:1] for item in output["content"]]
    return Outcome("completed", task["id"], urls, cost=(task.get("usage") or {}).get("cost"))


def _urls(change):
    def ended(self, task):
        told = Policy.ended(self, task)
        return Outcome(
            told.said, told.task_id, [change(url) for url in told.urls], told.code, told.cost, message=told.message
        )

    return {"ended": ended}


def _parsed_and_put_together(url):
    parts = urlsplit(url)
    return urlunsplit(parts._replace(query=urlencode(parse_qsl(parts.query, keep_blank_values=True))))


def _fetches(change):
    def fetched(self, url):
        return Reference.fetched(self, change(url))

    return {"fetched": fetched}


def _ends_with(*words):
    return {"is_final": lambda self, task: task.get("status") in words, "base": LightQueued}


def _result_once(self):
    answer = self.http.get(self.request_path("response"), headers=self.headers())
    if answer.status_code == 200 and self.understood(answer):
        return self.success(answer.json())
    return Outcome("gave_up")


def _success_with_usage(self, made):
    return Outcome("completed", self.id_of(made), self.videos(made), cost=made["usage"]["cost"])


def _failure_with_provider(self, task):
    if isinstance(task.get("error"), dict):
        return Queued.failure(self, task)
    return Outcome("failed", self.id_of(task), code=task["provider_error"]["code"], message=task["error"])


def _failure_with_type(self, task):
    if isinstance(task.get("error"), dict):
        return Queued.failure(self, task)
    return Outcome("failed", self.id_of(task), code=task["error_type"], message=task["error"])


LIVING = {
    "ten minutes are enough": ("A06", _within(600)),
    "twenty minutes are enough": ("A06", _within(1200)),
    "half an hour is enough": ("A06", _within(1800)),
    "sixty polls are enough": ("A06", _polls_at_most(60)),
    "a hundred polls are enough": ("A06", _polls_at_most(100)),
    "progress that stands still for ten minutes is the end": ("A06", _stuck_after(600)),
    "progress that stands still for twenty minutes is the end": ("A06", _stuck_after(1200)),
    "completed, if the word is somewhere in it": ("A08", _word_with("completed")),
    "failed, if the word begins so": ("A12", _word_with("fail")),
    "no end without a cost": ("A04", _ended(_cost_at_any_price)),
    "no failure without a reason": ("A04", _ended(_reason_at_any_price)),
    "no end without a list of outputs": ("A04", _ended(_outputs_at_any_price)),
    "the first content of each output": ("A08", _ended(_first_of_each)),
    "the first output alone": ("A08", _ended(_first_output)),
    "output URLs without their query": ("A08", _urls(lambda url: url.partition("?")[0])),
    "output URLs without their fragment": ("A08", _urls(lambda url: urldefrag(url).url)),
    "output URLs unquoted": ("A08", _urls(unquote)),
    "output URLs taken apart and put together": ("A08", _urls(_parsed_and_put_together)),
    "fetches without the query": ("A22", _fetches(lambda url: url.partition("?")[0])),
    "fetches with the query unquoted": ("A22", _fetches(lambda url: unquote(url).replace(" ", "+").replace('"', ""))),
    "upper-case ends only": ("A06", _ends_with("COMPLETED", "FAILED", "CANCELLED")),
    "lower-case ends in the older form only": ("A06", _ends_with("COMPLETED", "failed", "cancelled")),
    "asks for the result once": ("A06", {"base": LightQueued, "result": _result_once}),
    "no result without a cost": ("A04", {"base": LightQueued, "success": _success_with_usage}),
    "no failure without a provider's error": ("A04", {"base": LightQueued, "failure": _failure_with_provider}),
    "no failure without an error type": ("A04", {"base": LightQueued, "failure": _failure_with_type}),
}

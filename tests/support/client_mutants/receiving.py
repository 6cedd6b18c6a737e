"""Clients with one bug each in how they check a callback: its signature, its age, its bytes, what it says, and when."""

from __future__ import annotations

import hmac
import json

from mock_server.verify.client.reference_clients.reference import TOLERANCE, Policy
from tests.support.client_mutants.callbacks import _given, _is_fresh, _key, _message, _signed, _timestamp, believing


def _right(self, headers, body):
    return _signed(_key(self), _message(headers, body))


def _checked_with(is_same, is_fresh=_is_fresh):
    """A check of age and signature; ``is_same`` compares the right signature with what the header says."""

    def test(self, headers, body):
        return is_fresh(self, headers) and is_same(_right(self, headers, body), _given(headers))

    return believing(test)


def _aged(is_fresh):
    """Another check of the age; its signature is checked as it should be."""
    return _checked_with(lambda right, given: right in given.split(), is_fresh)


def _as_written_by(write):
    """The signature is checked over what the client writes itself."""

    def test(self, headers, body):
        try:
            return Policy.is_believed(self, headers, write(body))
        except (ValueError, TypeError, AttributeError):
            return False

    return believing(test)


def _unless_it_lacks(name):
    """What lacks a header is not checked."""
    return believing(lambda self, headers, body: name not in headers or Policy.is_believed(self, headers, body))


def _as_far(right, given):
    return all(a == b for a, b in zip(right, given, strict=False))


def _compact(body):
    return json.dumps(json.loads(body), separators=(",", ":"), ensure_ascii=False).encode()


def _also(change):
    """A receiver that does something else first; None lets the right one answer."""

    def on_callback(self, headers, body):
        answer = change(self, headers, body)
        return Policy.on_callback(self, headers, body) if answer is None else answer

    return {"on_callback": on_callback}


def _signed_and(condition):
    """200 for what is rightly signed and as the condition says."""
    return _also(lambda self, headers, body: 200 if self.is_believed(headers, body) and condition(body) else None)


def _is_list(body):
    return body.lstrip().startswith(b"[")


def _is_scalar(body):
    return body in {b"7", b"null", b"true", b'"completed"'}


def _lenient(body):
    """Takes bytes that are no UTF-8."""
    try:
        body.decode()
    except UnicodeDecodeError:
        return True
    return False


def _has_no_id(body):
    try:
        task = json.loads(body)
    except ValueError:
        return False
    return isinstance(task, dict) and not task.get("id")


def _reads_first(self, headers, body):
    task = json.loads(body.decode("utf-8", "replace")) if body else {}
    task.get("status")


def _splits(self, headers, body):
    _given(headers).split(",")[1]


def _counts(self, headers, body):
    int(headers["webhook-timestamp"])


def _asks_by_name(self, headers, body):
    headers["webhook-id"].startswith("msg_")


def _decodes(self, headers, body):
    body.decode()


def _takes_long(self, headers, body):
    if self.is_believed(headers, body):
        self.kit.sleep(15)


def _waits_for_more(self, headers, body):
    if self.is_believed(headers, body) and b'"in_progress"' in body:
        self.kit.sleep(11)


def _backs_up_first(self, headers, body):
    if self.is_believed(headers, body) and b'"completed"' in body:
        self.kit.sleep(40)


def _any_end(self, task):
    """The last end that comes counts."""
    if self.is_final(task):
        self.task = task


def _failure_wins(self, task):
    if self.is_final(task) and (self.task is None or task["status"] == "failed"):
        self.task = task


def _success_wins(self, task):
    if self.is_final(task) and (self.task is None or task["status"] == "completed"):
        self.task = task


RECEIVING = {
    # the bytes
    "checks what it has written anew, without blanks": ("W31", _as_written_by(_compact)),
    "checks the body without the blanks around it": ("W31", _as_written_by(lambda body: body.strip())),
    "checks the text with its escapes undone": (
        "W31",
        _as_written_by(lambda body: body.replace(b"\\/", b"/").replace(b"\\u0061", b"a")),
    ),
    # the age
    "takes only what is of this moment": (
        "W32",
        _aged(lambda self, headers: abs(self.kit.now() - _timestamp(headers)) <= 2),
    ),
    "takes nothing from the future": (
        "W32",
        _aged(lambda self, headers: -1 <= self.kit.now() - _timestamp(headers) <= TOLERANCE),
    ),
    "takes nothing from the past": (
        "W32",
        _aged(lambda self, headers: -TOLERANCE <= self.kit.now() - _timestamp(headers) <= 30),
    ),
    "an hour is fresh": ("W18", _aged(lambda self, headers: abs(self.kit.now() - _timestamp(headers)) <= 3600)),
    "milliseconds for seconds": (
        "W18",
        _aged(lambda self, headers: abs(self.kit.now() - _timestamp(headers)) <= TOLERANCE * 1000),
    ),
    "the future is fresh": ("W18", _aged(lambda self, headers: self.kit.now() - _timestamp(headers) <= TOLERANCE)),
    # the signature
    "an empty signature is right": ("A15", _checked_with(lambda right, given: not given or right in given.split())),
    "a beginning is right": (
        "A15",
        _checked_with(lambda right, given: any(right.startswith(one) for one in given.split())),
    ),
    "compares as much as there is": (
        "A15",
        _checked_with(lambda right, given: any(_as_far(right, one) for one in given.split())),
    ),
    "compares ten characters": (
        "A15",
        _checked_with(lambda right, given: any(one[:9] == right[:9] for one in given.split())),
    ),
    "what has no timestamp is not checked": ("A15", _unless_it_lacks("webhook-timestamp")),
    "what has no id is not checked": ("A15", _unless_it_lacks("webhook-id")),
    "what has no signature is not checked": ("A15", _unless_it_lacks("webhook-signature")),
    "any version but v1 is right": (
        "W21",
        _checked_with(lambda right, given: given.partition(",")[0] == "v1" and right in given.split()),
    ),
    "the last signature is compared": ("W21", _checked_with(lambda right, given: given.split(" ")[-1] == right)),
    "one signature is expected": (
        "W21",
        _checked_with(lambda right, given: hmac.compare_digest(given.encode(), right.encode())),
    ),
    # what it says
    "a list is taken for a batch": ("W15", _signed_and(_is_list)),
    "a scalar is taken for a test": ("W15", _signed_and(_is_scalar)),
    "an empty body is taken for a ping": ("W15", _signed_and(lambda body: not body)),
    "what is no UTF-8 is passed over": ("W15", _signed_and(_lenient)),
    "what has no id is passed over": ("W16", _signed_and(_has_no_id)),
    "reads before it checks": ("A16", _also(_reads_first)),
    "splits a signature that has no comma": ("A16", _also(_splits)),
    "counts with a timestamp that is none": ("A16", _also(_counts)),
    "needs a webhook-id": ("A16", _also(_asks_by_name)),
    "decodes before it checks": ("A16", _also(_decodes)),
    # when
    "works while the sender waits": ("W33", _also(_takes_long)),
    "waits for more while the sender waits": ("W33", _also(_waits_for_more)),
    "backs up while the sender waits": ("W33", _also(_backs_up_first)),
    # what it said before
    "the last end counts": ("A18", {"heard": _any_end}),
    "a failure undoes a success": ("A18", {"heard": _failure_wins}),
    "a success undoes a failure": ("A18", {"heard": _success_wins}),
}

"""Receivers of callbacks as web applications: a right one, and others with one bug each."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SECRET = "whsec_cmVjZWl2ZXIncyBvd24gc2VjcmV0LCBvZiB0aGlzIHRlc3Q="
TASK = "order-1"


class Right:
    """Verifies the raw body, then its age, then whose task it is, and answers at once."""

    tolerance = 300

    def __init__(self):
        self.seen = set()
        self.status = None
        self.lock = threading.Lock()

    def post(self, headers, body):
        if not self.is_genuine(headers, body):
            return 401
        try:
            task = json.loads(body)
        except ValueError:
            return 400
        if not isinstance(task, dict):
            return 400
        return self.take(headers, task)

    def take(self, headers, task):
        if task.get("external_task_id") != TASK:
            return 404
        with self.lock:
            if headers.get("webhook-id") in self.seen:
                return self.again()
            self.seen.add(headers.get("webhook-id"))
            return self.moved(task)

    def again(self):
        return 200

    def moved(self, task):
        if self.status not in {"completed", "failed"}:
            self.status = task["status"]
        return 200

    def is_genuine(self, headers, body):
        return self.is_fresh(headers) and self.is_signed(headers, body)

    def is_fresh(self, headers):
        stamp = headers.get("webhook-timestamp", "")
        return stamp.isascii() and stamp.isdigit() and abs(time.time() - int(stamp)) <= self.tolerance

    def signature(self, headers, body):
        key = base64.b64decode(SECRET.removeprefix("whsec_"))
        signed = f"{headers.get('webhook-id')}.{headers.get('webhook-timestamp')}.".encode() + body
        return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()

    def is_signed(self, headers, body):
        mine = self.signature(headers, body).encode()
        given = headers.get("webhook-signature", "").encode("utf-8", "replace").split()
        return any(hmac.compare_digest(one, mine) for one in given)

    def get(self):
        return 405


def _stamp(headers):
    stamp = headers.get("webhook-timestamp", "")
    return int(stamp) if stamp.isdigit() else 0


def _of(**changes):
    return type("Receiver", (Right,), changes)


def _reads(self, headers, body):
    json.loads(body)["id"].strip()
    return Right.post(self, headers, body)


def _written_anew(self, headers, body):
    try:
        body = json.dumps(json.loads(body), separators=(",", ":")).encode()
    except ValueError:
        return False
    return Right.is_signed(self, headers, body)


def _first(self, headers, body):
    return headers.get("webhook-signature", "").partition(" ")[0] == self.signature(headers, body)


def _whole(self, headers, body):
    return headers.get("webhook-signature") == self.signature(headers, body)


def _begins(self, headers, body):
    mine = self.signature(headers, body)
    return any(mine.startswith(one) for one in headers.get("webhook-signature", "").split(" "))


def _if_signed(self, headers, body):
    return "webhook-signature" not in headers or Right.is_genuine(self, headers, body)


def _moved_strictly(self, task):
    order = {None: 0, "in_progress": 1, "completed": 2, "failed": 2}
    if order[task["status"]] < order[self.status] or self.status in {"completed", "failed"} != {task["status"]}:
        raise RuntimeError("no row was updated")
    self.status = task["status"]
    return 200


def _ends_once(self, task):
    if self.status in {"completed", "failed"} and task["status"] != self.status:
        raise RuntimeError("no such transition")
    self.status = task["status"]
    return 200


def _busy(self, headers, task):
    if not self.lock.acquire(blocking=False):
        return 503
    try:
        time.sleep(0.05)
    finally:
        self.lock.release()
    return Right.take(self, headers, task)


def _any_json(self, headers, body):
    if not self.is_genuine(headers, body):
        return 401
    try:
        task = json.loads(body)
    except ValueError:
        return 400
    return self.take(headers, task) if isinstance(task, dict) else 200


def _empty_is_a_ping(self, headers, body):
    return 200 if not body else Right.post(self, headers, body)


def _garbage_is_lost(self, headers, body):
    status = Right.post(self, headers, body)
    return 200 if status == 400 else status


def _drops(self, headers, body):
    if not body.startswith(b"{"):
        raise ConnectionError
    return Right.post(self, headers, body)


def _strict_integer(self, headers):
    return abs(time.time() - int(headers["webhook-timestamp"])) <= 300


def _no_charset(self, headers, body):
    return 415 if headers.get("content-type") != "application/json" else Right.post(self, headers, body)


#: A name -> the property that is violated, and the receiver.
WRONG = {
    "no verification": ({"R04", "R05"}, _of(is_genuine=lambda self, headers, body: True)),
    "no age": ({"R05"}, _of(is_fresh=lambda self, headers: True)),
    "an hour of age": ({"R05"}, _of(tolerance=3600)),
    "the future is fresh": (
        {"R05"},
        _of(is_fresh=lambda self, headers: time.time() - _stamp(headers) <= 300),
    ),
    "ten seconds of age": ({"R03"}, _of(tolerance=10)),
    "written anew": ({"R02"}, _of(is_signed=_written_anew)),
    "the whole header": ({"R01"}, _of(is_signed=_whole)),
    "the first signature": ({"R01"}, _of(is_signed=_first)),
    "a beginning is enough": ({"R04"}, _of(is_signed=_begins)),
    "unsigned is fine": ({"R04"}, _of(is_genuine=_if_signed)),
    "415 to a charset": ({"R01"}, _of(post=_no_charset)),
    "204 to everything": ({"R04", "R05", "R06", "R07"}, _of(post=lambda self, headers, body: 204)),
    "a list is fine": ({"R06"}, _of(post=_any_json)),
    "an empty body is a ping": ({"R06"}, _of(post=_empty_is_a_ping)),
    "200 to garbage": ({"R06"}, _of(post=_garbage_is_lost)),
    "any task": ({"R07"}, _of(take=lambda self, headers, task: 200)),
    "reads first": ({"R08"}, _of(post=_reads)),
    "a timestamp must be a number": ({"R08"}, _of(is_fresh=_strict_integer)),
    "drops the connection": ({"R08"}, _of(post=_drops)),
    "409 to what came twice": ({"R09"}, _of(again=lambda self: 409)),
    "500 to what came twice": ({"R08"}, _of(again=lambda self: 1 // 0)),
    "500 to another end": ({"R10"}, _of(moved=_ends_once)),
    "busy": ({"R12"}, _of(take=_busy)),
    "401 to all": ({"R01"}, _of(is_genuine=lambda self, headers, body: False)),
    "302 to all": ({"R01"}, _of(post=lambda self, headers, body: 302)),
    "500 to all": ({"R08", "R10"}, _of(post=lambda self, headers, body: 500)),
}
RIGHT = {
    "right": Right,
    "also answers GET": _of(get=lambda self: 200),
    "202": _of(moved=lambda self, task: 202),
    "403 and 422": _of(
        post=lambda self, headers, body: {401: 403, 400: 422, 404: 410, 200: 200}[Right.post(self, headers, body)],
    ),
    "409 to another end": _of(
        moved=lambda self, task: 409 if self.status == "completed" != task["status"] else Right.moved(self, task)
    ),
}


class ReceiverServer:
    """Serves receivers by their paths; a receiver that raises answers 500."""

    def __init__(self):
        self.at = {}
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                try:
                    self._answer(outer.at[self.path].post(headers, body))
                except ConnectionError:
                    self.close_connection = True
                except Exception:  # noqa: BLE001 - as a framework does
                    self._answer(500)

            def do_GET(self):
                self._answer(outer.at[self.path].get())

            def do_HEAD(self):
                self.do_GET()

            def _answer(self, status):
                self.send_response(status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *args):
                pass

        class Server(ThreadingHTTPServer):
            request_queue_size = 64

        self._server = Server(("127.0.0.1", 0), Handler)
        self._base = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()

    def url(self, receiver):
        """Where a receiver is served from now on."""
        path = f"/{len(self.at)}"
        self.at[path] = receiver
        return self._base + path

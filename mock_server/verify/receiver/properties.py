"""The properties of a receiver of callbacks, as its answers alone show them."""

from __future__ import annotations

from dataclasses import replace

from mock_server.conformance.properties import Property

RECEIVER: dict[str, Property] = {
    one.id: replace(one, page="docs/verify-receiver.md")
    for one in (
        Property(
            "R01",
            "accepts-genuine-callback",
            "The receiver answers a genuine callback with a 2xx; one valid v1 signature among several is enough.",
            "Standard Webhooks: anything but a 2xx is sent again; during a rotation each secret signs",
            "must",
            "if headers['webhook-signature'] != mine: return 401",
            "if mine not in headers['webhook-signature'].split(): return 401",
        ),
        Property(
            "R02",
            "verifies-raw-body",
            "The receiver verifies the signature over the bytes of the body as they arrived.",
            "Standard Webhooks, verifying: the raw body is signed",
            "must",
            "verify(headers, json.dumps(request.json()))",
            "verify(headers, request.body)",
        ),
        Property(
            "R03",
            "tolerates-clock-difference",
            "The receiver accepts a genuine callback whose timestamp differs from its clock by less than five minutes.",
            "Standard Webhooks: the libraries accept five minutes in both directions",
            "should",
            "if int(headers['webhook-timestamp']) != int(now()): return 401",
            "if abs(now() - int(headers['webhook-timestamp'])) > 300: return 401",
        ),
        Property(
            "R04",
            "rejects-forged-callback",
            "The receiver does not answer a callback whose signature is missing or wrong with a 2xx.",
            "Standard Webhooks, verifying; anybody can post to a callback URL",
            "must",
            "task = json.loads(request.body)",
            "verify(secret, headers, request.body)  # before anything else",
        ),
        Property(
            "R05",
            "rejects-stale-callback",
            "The receiver does not answer a callback whose timestamp is more than five minutes off with a 2xx.",
            "Standard Webhooks, verifying: the timestamp prevents replays",
            "must",
            "verify_signature(headers, body)  # and nothing else",
            "if abs(now() - int(headers['webhook-timestamp'])) > 300: return 401",
        ),
        Property(
            "R06",
            "rejects-malformed-callback",
            "The receiver does not answer a callback that is not a JSON object with a 2xx.",
            "Standard Webhooks: a 2xx means that the callback was processed",
            "must",
            "def hook(request): return 200",
            "if not isinstance(task, dict): return 400",
        ),
        Property(
            "R07",
            "rejects-unknown-task-callback",
            "The receiver does not answer a callback about a task that it never submitted with a 2xx.",
            "wire#5; anybody can post to a callback URL",
            "should",
            "results[body['id']] = body['output']",
            "if body['id'] not in mine: return 404",
        ),
        Property(
            "R08",
            "survives-any-callback",
            "No callback makes the receiver answer with a 5xx, or end the connection without an answer.",
            "anybody can post to a callback URL",
            "must",
            "task = json.loads(request.body)['id']",
            "except ValueError: return 400",
        ),
        Property(
            "R09",
            "accepts-duplicate-callback",
            "The receiver answers a callback that comes again under the same webhook-id with a 2xx.",
            "wire#5: delivery is at least once",
            "must",
            "if id in seen: return 409",
            "if id in seen: return 200",
        ),
        Property(
            "R10",
            "survives-contradictions",
            "Callbacks that contradict each other do not make the receiver answer with a 5xx.",
            "wire#1: a final status does not change; the first one counts",
            "must",
            "UPDATE tasks SET status = ... WHERE status = 'in_progress'  -- and an error if no row fits",
            "if status in FINAL: return 200  # nothing to do",
        ),
        Property(
            "R11",
            "answers-in-time",
            "The receiver answers a callback within the 10 s that the sender waits.",
            "wire#5: timeout 10 s",
            "should",
            "def hook(task): download(task); return 200",
            "def hook(task): queue.put(task); return 200",
        ),
        Property(
            "R12",
            "accepts-callbacks-at-once",
            "The receiver answers several genuine callbacks that come at the same time with a 2xx each.",
            "wire#5: callbacks of different tasks come in any order",
            "should",
            "connection = sqlite3.connect('tasks.db', timeout=0)",
            "one row, one transaction, one retry",
        ),
    )
}

"""Broken servers: the errors of the queue side, and what it has not."""

from __future__ import annotations

from tests.support.broken import Mutant, answers, dropping, on, setting
from tests.support.broken_queue import (
    KEYS,
    at_path,
    authorized,
    gateway,
    refused,
    submit_refused,
    without_header,
    without_keys,
    without_query,
    without_webhook_header,
)
from tests.support.mutants.models import MASTER, MULTI, T2V, V1_5, V3

KEY, UNKNOWN, ODD = (
    "wants a key on the queue",
    "answers unknown requests on the queue",
    "answers odd calls on the queue",
)
WEBHOOK, UNSERVED = "rejects webhooks on the queue", "has no stream and no sync on the queue"
REFUSED, RULE, UNIQUE = "refuses by account and gateway", "refuses what breaks a rule", "keeps external ids unique"

NO_HOOK, NO_STREAM = "webhook not supported", "SSE streaming not supported"


def told(sentence):
    return lambda value: {"detail": sentence}


def unauthorized(**changed):
    return lambda value: {**value, "error": {**value["error"], **changed}}


def own(**changed):
    """A body that breaks its document, refused otherwise."""
    return submit_refused(400, 400, lambda v: {**v, **changed} if "error" in v else v)


def error_of(change):
    return submit_refused(400, 400, lambda v: {**v, "error": change(v["error"])} if "error" in v else v)


def stolen(value):
    return b"Bearer sk-verify"


MUTANTS = [
    # Keys
    Mutant(
        "queue: has v1.5's own code for no key",
        V1_5,
        KEY,
        edit=refused(
            401, 401, lambda v: {"status": "failed", "error": {"code": "00200306", "error_message": "no key"}}
        ),
    ),
    Mutant("queue: has the gateway's envelope for no key", T2V, KEY, edit=refused(401, 401, gateway(401, 40101))),
    Mutant("queue: has a detail for no key", V3, KEY, edit=refused(401, 401, told("no key"))),
    Mutant("queue: names no call at a 401", MASTER, KEY, edit=refused(401, 401, dropping("request_id"))),
    Mutant("queue: names an empty call at a 401", MULTI, KEY, edit=refused(401, 401, setting(request_id=""))),
    Mutant("queue: has another code at a 401", T2V, KEY, edit=refused(401, 401, unauthorized(code="UNAUTHENTICATED"))),
    Mutant("queue: has another sentence at a 401", V3, KEY, edit=refused(401, 401, unauthorized(message="no key"))),
    Mutant("queue: has a status in its 401", V1_5, KEY, edit=refused(401, 401, setting(status="failed"))),
    Mutant("queue: forbids what is unauthenticated", MASTER, KEY, edit=refused(401, 403)),
    Mutant("queue: takes Basic", T2V, KEY, call=authorized(lambda v: v.replace(b"Basic", b"Bearer"), "/queue/")),
    Mutant(
        "queue: takes a key without a scheme",
        V3,
        KEY,
        call=authorized(lambda v: v if b" " in v else b"Bearer " + v, "/queue/"),
    ),
    Mutant(
        "queue: takes a scheme without a key",
        MULTI,
        KEY,
        call=authorized(lambda v: v if b" " in v else v + b" x", "/queue/"),
    ),
    Mutant(
        "queue: takes any key",
        V1_5,
        KEY,
        settings=KEYS,
        call=authorized(lambda v: stolen(v) if b"nobody" in v else v, "/queue/"),
    ),
    Mutant(
        "queue: tells strangers what is there",
        MASTER,
        KEY,
        edit=refused(401, 404, told("Request not found"), path="/status"),
    ),
    Mutant(
        "queue: lets strangers see results",
        T2V,
        KEY,
        call=authorized(lambda v: b"Bearer x" if v.startswith(b"Basic") else v, "/response"),
    ),
    Mutant(
        "queue: lets strangers cancel",
        V3,
        KEY,
        edit=refused(401, 404, lambda v: {"status": "NOT_FOUND", "request_id": "x"}, path="/cancel"),
    ),
    # What is unknown
    Mutant(
        "queue: has the gateway's envelope for the unknown", T2V, UNKNOWN, edit=refused(404, 404, gateway(404, 40401))
    ),
    Mutant(
        "queue: has another sentence for the unknown",
        V3,
        UNKNOWN,
        edit=refused(404, 404, told("not found"), told="Request not found"),
    ),
    Mutant(
        "queue: has an error beside the detail",
        V1_5,
        UNKNOWN,
        edit=refused(404, 404, setting(error="not found"), path="/status"),
    ),
    Mutant("queue: has 400 for the unknown", MASTER, UNKNOWN, edit=refused(404, 400, path="/response")),
    Mutant(
        "queue: knows every request",
        MULTI,
        UNKNOWN,
        edit=refused(
            404,
            200,
            lambda v: {"status": "IN_QUEUE", "request_id": "mmsu_0", "response_url": "http://x", "queue_position": 0},
            path="/status",
        ),
    ),
    Mutant(
        "queue: has a detail for an unknown cancel",
        T2V,
        UNKNOWN,
        edit=refused(404, 404, told("Request not found"), path="/cancel"),
    ),
    Mutant("queue: has 400 for an unknown cancel", V3, UNKNOWN, edit=refused(404, 400, path="/cancel")),
    Mutant(
        "queue: names no request at an unknown cancel",
        V1_5,
        UNKNOWN,
        edit=refused(404, 404, dropping("request_id"), path="/cancel"),
    ),
    Mutant(
        "queue: has 409 for an unknown cancel",
        MASTER,
        UNKNOWN,
        edit=refused(404, 409, setting(status="ALREADY_COMPLETED"), path="/cancel"),
    ),
    Mutant("queue: shows requests to everybody", MULTI, UNKNOWN, call=authorized(stolen, "/queue/")),
    Mutant("queue: lets everybody cancel", T2V, UNKNOWN, call=authorized(stolen, "/cancel")),
    Mutant(
        "queue: says nothing of an unknown model",
        "gateway",
        UNKNOWN,
        edit=refused(404, 404, told("Not Found"), path="/no_such_model"),
    ),
    Mutant(
        "queue: names no unknown model",
        "gateway",
        UNKNOWN,
        edit=refused(404, 404, told("App not found"), path="/no_such_model"),
    ),
    Mutant("queue: has 400 for an unknown model", "gateway", UNKNOWN, edit=refused(404, 400, path="/no_such_model")),
    Mutant(
        "queue: finds requests of an unknown model",
        "gateway",
        UNKNOWN,
        edit=refused(404, 404, told("Request not found"), path="/no_such_model/requests"),
    ),
    # Odd calls
    Mutant("queue: breaks at bad JSON", T2V, ODD, edit=submit_refused(400, 500)),
    Mutant(
        "queue: has the gateway's envelope for bad JSON",
        V3,
        ODD,
        edit=submit_refused(400, 400, lambda v: v if "error" in v else gateway(400, 40001)(v)),
    ),
    Mutant(
        "queue: has an empty detail",
        V1_5,
        ODD,
        edit=submit_refused(400, 400, lambda v: v if "error" in v else told("")(v)),
    ),
    Mutant("queue: has 422 for a body of another kind", MASTER, ODD, edit=submit_refused(400, 422)),
    Mutant(
        "queue: has a list of details",
        MULTI,
        ODD,
        edit=submit_refused(400, 400, lambda v: v if "error" in v else told(["body"])(v)),
    ),
    Mutant("queue: does not mind another type", T2V, ODD, edit=submit_refused(415, 400)),
    Mutant(
        "queue: has the gateway's envelope for another type",
        V3,
        ODD,
        edit=submit_refused(415, 415, gateway(415, 41501)),
    ),
    Mutant("queue: says 404 for a method", V1_5, ODD, edit=refused(405, 404)),
    Mutant("queue: has the gateway's envelope for a method", MASTER, ODD, edit=refused(405, 405, gateway(405, 40501))),
    Mutant("queue: does not say what is served", MULTI, ODD, headers=without_header(b"allow")),
    Mutant(
        "queue: takes a cancel that is posted",
        T2V,
        ODD,
        edit=refused(405, 404, told("Request not found"), path="/cancel"),
    ),
    Mutant(
        "queue: takes a status that is posted",
        V3,
        ODD,
        edit=refused(405, 404, told("Request not found"), path="/status"),
    ),
    Mutant("queue: says 400 for too much", "gateway", ODD, edit=submit_refused(413, 400)),
    Mutant(
        "queue: has the gateway's envelope for too much",
        "gateway",
        ODD,
        edit=submit_refused(413, 413, gateway(413, 41301)),
    ),
    # Webhooks
    Mutant("queue: takes webhook_url", T2V, WEBHOOK, body=without_keys("webhook_url")),
    Mutant("queue: takes webhook", V3, WEBHOOK, body=without_keys("webhook")),
    Mutant("queue: takes a webhook in the query", V1_5, WEBHOOK, call=without_query),
    Mutant("queue: takes a webhook in the headers", MASTER, WEBHOOK, call=without_webhook_header),
    Mutant(
        "queue: has other words for a webhook",
        MULTI,
        WEBHOOK,
        edit=refused(400, 400, told("unknown parameter webhook_url"), told=NO_HOOK),
    ),
    Mutant("queue: has 422 for a webhook", T2V, WEBHOOK, edit=refused(400, 422, told=NO_HOOK)),
    Mutant(
        "queue: has the model's code for a webhook",
        V3,
        WEBHOOK,
        edit=refused(400, 400, setting(error={"code": "006001099", "error_message": NO_HOOK}), told=NO_HOOK),
    ),
    # What is not served
    Mutant("queue: streams", T2V, UNSERVED, call=at_path(lambda p: p.removesuffix("/stream"), "/status/stream")),
    Mutant("queue: has no path for streams", V3, UNSERVED, edit=refused(400, 404, told("Not Found"), told=NO_STREAM)),
    Mutant(
        "queue: has other words for streams",
        V1_5,
        UNSERVED,
        edit=refused(400, 400, told("not supported"), told=NO_STREAM),
    ),
    Mutant("queue: has 501 for streams", MASTER, UNSERVED, edit=refused(400, 501, told=NO_STREAM)),
    Mutant("queue: answers at once", MULTI, UNSERVED, call=at_path(lambda p: p.removesuffix("/sync"), "/sync")),
    Mutant("queue: has 405 for sync", T2V, UNSERVED, edit=refused(404, 405, path="/sync")),
    Mutant(
        "queue: has the gateway's envelope for sync",
        V3,
        UNSERVED,
        edit=refused(404, 404, gateway(404, 40401), path="/sync"),
    ),
    Mutant(
        "queue: has other words for sync",
        V1_5,
        UNSERVED,
        edit=refused(404, 404, told("sync is not supported"), path="/sync"),
    ),
    # Account and gateway
    Mutant(
        "queue: has other words for a model that is not allowed",
        T2V,
        REFUSED,
        edit=submit_refused(403, 403, told("forbidden")),
    ),
    Mutant("queue: hides a model that is not allowed", V3, REFUSED, edit=submit_refused(403, 404)),
    Mutant(
        "queue: has the gateway's envelope for a model that is not allowed",
        V1_5,
        REFUSED,
        edit=submit_refused(403, 403, gateway(403, 40301)),
    ),
    Mutant("queue: limits with a detail", MASTER, REFUSED, edit=submit_refused(429, 429, told("rate limit"))),
    Mutant(
        "queue: limits with another code",
        MULTI,
        REFUSED,
        edit=submit_refused(429, 429, unauthorized(code="TOO_MANY_REQUESTS")),
    ),
    Mutant("queue: limits without an id", T2V, REFUSED, edit=submit_refused(429, 429, dropping("request_id"))),
    Mutant("queue: limits without Retry-After", V3, REFUSED, headers=without_header(b"retry-after")),
    Mutant("queue: limits with 503", V1_5, REFUSED, edit=submit_refused(429, 503)),
    Mutant("queue: tells what broke", MASTER, REFUSED, edit=submit_refused(500, 500, told("KeyError: 'x'"))),
    Mutant("queue: has 500 for what breaks behind", MULTI, REFUSED, edit=submit_refused(502, 500)),
    Mutant(
        "queue: has the gateway's envelope for what breaks",
        T2V,
        REFUSED,
        edit=submit_refused(500, 500, gateway(500, 50001)),
    ),
    Mutant(
        "queue: has the gateway's envelope for no money",
        V3,
        REFUSED,
        edit=submit_refused(402, 402, gateway(402, 40201)),
    ),
    Mutant("queue: has 403 for no money", V1_5, REFUSED, edit=submit_refused(402, 403)),
    Mutant("needs no money", MASTER, REFUSED, edit=answers("/model/v1/generation", 402, 200)),
    Mutant(
        "has another code for no money",
        MULTI,
        REFUSED,
        edit=on("/model/v1/generation", gateway(402, 40202), status=402),
    ),
    # Bodies that break their document
    Mutant("queue: refuses without a detail", T2V, RULE, edit=submit_refused(400, 400, dropping("detail"))),
    Mutant("queue: refuses without an error", V3, RULE, edit=submit_refused(400, 400, dropping("error"))),
    Mutant("queue: refuses with two sentences", V1_5, RULE, edit=own(detail="the body is not accepted")),
    Mutant("queue: refuses with a status", V3, RULE, edit=own(status="failed")),
    Mutant(
        "queue: refuses with the gateway's code", T2V, RULE, edit=error_of(lambda error: {**error, "code": "40001"})
    ),
    Mutant("queue: refuses with 422", V1_5, RULE, edit=submit_refused(400, 422)),
    Mutant(
        "queue: says error_message for message",
        MULTI,
        "refuses past each bound",
        edit=error_of(lambda error: {"code": error["code"], "error_message": error["message"]}),
    ),
    Mutant(
        "queue: has the gateway's envelope for a duplicate",
        T2V,
        UNIQUE,
        edit=submit_refused(409, 409, gateway(409, 40901)),
    ),
    Mutant("queue: has 400 for a duplicate", V3, UNIQUE, edit=submit_refused(409, 400)),
]

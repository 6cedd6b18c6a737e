"""Servers that are broken on purpose, each in one way, and by which check the harness has to catch it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mock_server import MockServer
from mock_server.callback import Courier
from mock_server.endpoint import Endpoint
from mock_server.endpoints import discover
from mock_server.errors import Mistake
from mock_server.images import Limits
from mock_server.verify.command import OWN_SECRET
from mock_server.web.app import create_app

Edit = Callable[[str, str, int, Any], tuple[int, Any]]

V1_5, MULTI, T2V, V3, MASTER = (
    "kirin_v1_5_i2v", "kirin_v1_6_multi_i2v", "kirin_v1_t2v", "kirin_v3_i2v", "kirin_v2_master_i2v"
)  # fmt: skip

RULE, PAST, WITHIN = "refuses what breaks a rule", "refuses past each bound", "accepts up to each bound"
PICTURE, NO_PICTURE = "accepts pictures up to each limit", "refuses pictures past each limit"
LIFE, FAILS, CANCEL = "lives as documented", "fails as documented", "is cancelled as observed"
CALLS, UNIQUE, USERS = "calls back", "keeps external ids unique", "keeps users apart"
KEY, ODD = "wants a key", "answers odd calls"
FITS, MONEY = "answers fit the contract", "charges as shown"


@dataclass(frozen=True)
class Mutant:
    """One broken server: what is wrong, the model to look at, the check that has to find it, and how it is made."""

    name: str
    model: str
    caught_by: str
    change: Callable[[Endpoint], Endpoint] | None = None
    edit: Edit | None = None
    courier: type[Courier] = Courier


class BrokenServer(MockServer):
    """A server with one mutation."""

    def __init__(self, mutant: Mutant) -> None:
        super().__init__(callback_secret=[OWN_SECRET])
        self._mutant = mutant

    def _create(self, settings, transport=None):
        mutant = self._mutant
        endpoints = discover()
        if mutant.change is not None:
            endpoints[mutant.model] = mutant.change(endpoints[mutant.model])
        built = create_app(settings, transport, endpoints=endpoints, make_courier=mutant.courier)
        return built if mutant.edit is None else dataclasses.replace(built, app=_Edited(built.app, mutant.edit))


class _Edited:
    """An app whose JSON answers to API calls are changed on their way out."""

    def __init__(self, app, edit):
        self._app, self._edit = app, edit

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http" or scope["path"].startswith(("/_mock", "/media")):
            await self._app(scope, receive, send)
            return
        started = {}

        async def changed(message):
            if message["type"] == "http.response.start":
                started.update(message)
                return
            status, value = started["status"], message.get("body", b"")
            if value:
                status, edited = self._edit(scope["method"], scope["path"], status, json.loads(value))
                value = json.dumps(edited).encode()
            headers = [(name, one) for name, one in started["headers"] if name != b"content-length"]
            headers.append((b"content-length", b"%d" % len(value)))
            await send({**started, "status": status, "headers": headers})
            await send({**message, "body": value})

        await self._app(scope, receive, changed)


# What the endpoint says, changed.


def without_rule(rule_id: str) -> Callable[[Endpoint], Endpoint]:
    def change(endpoint):
        kept = tuple(rule for rule in endpoint.rules if rule.id != rule_id)
        assert len(kept) == len(endpoint.rules) - 1
        return dataclasses.replace(endpoint, rules=kept)

    return change


def bound(name: str, keyword: str, value: Any, *inside: str) -> Callable[[Endpoint], Endpoint]:
    """A parameter with another bound; ``inside`` leads to a nested schema."""

    def change(endpoint):
        parameters = []
        for parameter in endpoint.parameters:
            schema = json.loads(json.dumps(parameter.schema))
            if parameter.name == name:
                place = schema
                for step in inside:
                    place = place[step]
                assert place.get(keyword) != value
                place[keyword] = value
            parameters.append(dataclasses.replace(parameter, schema=schema))
        return dataclasses.replace(endpoint, parameters=tuple(parameters))

    return change


def without_parameter(name: str) -> Callable[[Endpoint], Endpoint]:
    return lambda endpoint: dataclasses.replace(
        endpoint, parameters=tuple(one for one in endpoint.parameters if one.name != name)
    )


def codes(**changed: Any) -> Callable[[Endpoint], Endpoint]:
    return lambda endpoint: dataclasses.replace(endpoint, errors=dataclasses.replace(endpoint.errors, **changed))


def mistake(kind: Mistake, code: str) -> Callable[[Endpoint], Endpoint]:
    return lambda endpoint: codes(by_mistake={**endpoint.errors.by_mistake, kind: code})(endpoint)


def limits(place: int, max_bytes: int | None = None, aspect: bool | None = None) -> Callable[[Endpoint], Endpoint]:
    def change(endpoint):
        images = list(endpoint.images)
        was = images[place].limits
        now = Limits(was.max_bytes if max_bytes is None else max_bytes, was.aspect if aspect is None else aspect)
        images[place] = dataclasses.replace(images[place], limits=now)
        return dataclasses.replace(endpoint, images=tuple(images))

    return change


def content(**changed: Any) -> Callable[[Endpoint], Endpoint]:
    """Content items with something changed, or left out where it is None."""

    def change(endpoint):
        def made(params, task_id, url):
            item = {**endpoint.content(params, task_id, url), **changed}
            return {name: value for name, value in item.items() if value is not None}

        return dataclasses.replace(endpoint, content=made)

    return change


# What is answered, changed.


def on(path: str, change: Callable[[Any], Any], status: int = 200) -> Edit:
    """Changes answers with this status at paths that end in, or contain, ``path``."""

    def edit(method, where, answered, value):
        return (answered, change(value)) if path in where and answered == status else (answered, value)

    return edit


def answers(path: str, was: int, now: int) -> Edit:
    return lambda method, where, status, value: (now if path in where and status == was else status, value)


def setting(**changed: Any) -> Callable[[Any], Any]:
    return lambda value: {**value, **changed}


def dropping(*names: str) -> Callable[[Any], Any]:
    return lambda value: {name: one for name, one in value.items() if name not in names}


def when(status: str, change: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: change(value) if value.get("status") == status else value


class Falling:
    """Progress that falls at every other poll."""

    def __init__(self):
        self.polls = 0

    def __call__(self, value):
        self.polls += 1
        progress = value["progress"]
        return {**value, "progress": 0 if self.polls % 2 and value["status"] == "in_progress" else progress}


class Reviving:
    """A final task that runs again from its second poll on."""

    def __init__(self):
        self.ended = set()

    def __call__(self, value):
        if value["status"] != "completed":
            return value
        if value["id"] not in self.ended:
            self.ended.add(value["id"])
            return value
        return {**value, "usage": {"cost": "9.99", "discount": 1}}


# What the courier does, changed.


class Dropping(Courier):
    """Says that it delivered, and did not."""

    async def _carry(self, url, delivery, body, now):
        from mock_server.callback import Outcome
        from mock_server.task import Attempt

        return Outcome(Attempt(now, 200, None, 0.0))


class OnlyTheEnd(Dropping):
    """Leaves out that a task runs."""

    async def _carry(self, url, delivery, body, now):
        if delivery.status == "in_progress":
            return await super()._carry(url, delivery, body, now)
        return await Courier._carry(self, url, delivery, body, now)


class Twice(Courier):
    """Delivers everything twice."""

    async def _carry(self, url, delivery, body, now):
        await super()._carry(url, delivery, body, now)
        return await super()._carry(url, delivery, body, now)


class Reordering(Courier):
    """Tells of the end first, and then of the start."""

    def __init__(self, *parts):
        super().__init__(*parts)
        self._kept = {}

    async def _carry(self, url, delivery, body, now):
        from mock_server.callback import Outcome
        from mock_server.task import Attempt

        if delivery.task_id not in self._kept:
            self._kept[delivery.task_id] = (url, delivery, body, now)
            return Outcome(Attempt(now, 200, None, 0.0))
        outcome = await super()._carry(url, delivery, body, now)
        await super()._carry(*self._kept[delivery.task_id])
        return outcome


class NoRefunds:
    """A balance that goes down with every submit and never up."""

    def __init__(self):
        self.lowest = None

    def __call__(self, value):
        from decimal import Decimal

        shown = Decimal(value["data"]["available_balance"])
        self.lowest = shown if self.lowest is None else min(self.lowest, shown) - 1
        return {**value, "data": {**value["data"], "available_balance": str(self.lowest)}}


class Unsigned(Courier):
    """Forgets to sign."""

    def headers(self, delivery_id, now, body):
        return {
            name: value for name, value in super().headers(delivery_id, now, body).items() if "signature" not in name
        }


class SignedOtherwise(Courier):
    """Signs the body alone."""

    def headers(self, delivery_id, now, body):
        headers = super().headers(delivery_id, now, body)
        return {**headers, "webhook-signature": headers["webhook-signature"][:-4] + "AAA="}


class OtherBody(Courier):
    """Sends something else than the poll shows."""

    async def _carry(self, url, delivery, body, now):
        value = json.loads(body)
        return await super()._carry(url, delivery, json.dumps({**value, "created_at": 1}).encode(), now)


class NewId(Courier):
    """Gives every attempt an id of its own."""

    attempts = 0

    async def _carry(self, url, delivery, body, now):
        self.attempts += 1
        return await super()._carry(url, dataclasses.replace(delivery, id=f"msg_{self.attempts}"), body, now)


class NoRetry(Courier):
    """Takes every answer for a yes."""

    async def _carry(self, url, delivery, body, now):
        outcome = await super()._carry(url, delivery, body, now)
        return dataclasses.replace(outcome, attempt=dataclasses.replace(outcome.attempt, status=200))


class OtherType(Courier):
    """Says that it sends text."""

    def headers(self, delivery_id, now, body):
        return {**super().headers(delivery_id, now, body), "content-type": "text/plain"}


POLL, SUBMIT = "/task/", "/model/v1/generation"
STATUS, RESPONSE, CANCELLING, QUEUE = "/status", "/response", "/cancel", "/queue/"
MIB = 1024 * 1024

MUTANTS = [
    *(
        Mutant(f"forgets {rule.id}", model, RULE, without_rule(rule.id))
        for model, endpoint in discover().items()
        for rule in endpoint.rules
        if rule.id != "v3-shots-add-up"
    ),
    Mutant("forgets that shots add up", V3, RULE, without_rule("v3-shots-add-up")),
    Mutant("allows a prompt of 2501", T2V, PAST, bound("prompt", "maxLength", 2501)),
    Mutant("allows no prompt of 2500", T2V, WITHIN, bound("prompt", "maxLength", 2499)),
    Mutant("allows a negative prompt of 2501", MASTER, PAST, bound("negative_prompt", "maxLength", 2501)),
    Mutant("allows five references", MULTI, PAST, bound("image_list", "maxItems", 5)),
    Mutant("allows three references only", MULTI, WITHIN, bound("image_list", "maxItems", 3)),
    Mutant("allows no reference", MULTI, PAST, bound("image_list", "minItems", 0)),
    Mutant("allows seven masks", V1_5, PAST, bound("dynamic_masks", "maxItems", 7)),
    Mutant(
        "allows 78 points", V1_5, PAST, bound("dynamic_masks", "maxItems", 78, "items", "properties", "trajectories")
    ),
    Mutant(
        "allows 76 points", V1_5, WITHIN, bound("dynamic_masks", "maxItems", 76, "items", "properties", "trajectories")
    ),
    Mutant(
        "allows one point", V1_5, PAST, bound("dynamic_masks", "minItems", 1, "items", "properties", "trajectories")
    ),
    Mutant("allows four elements", V3, PAST, bound("element_list", "maxItems", 4)),
    Mutant("allows a cfg_scale of 1.01", T2V, PAST, bound("cfg_scale", "maximum", 1.01)),
    Mutant("allows a cfg_scale below 0", V1_5, PAST, bound("cfg_scale", "minimum", -1)),
    Mutant("forgets 9:16", T2V, WITHIN, bound("aspect_ratio", "enum", ["16:9", "1:1"])),
    Mutant("makes three seconds", MASTER, PAST, bound("duration", "enum", ["5", "10", "10?"])),
    Mutant("forgets three seconds", V3, WITHIN, bound("duration", "enum", [str(s) for s in range(4, 16)])),
    Mutant("takes a number for a seed string", V1_5, PAST, bound("seed", "type", "number")),
    Mutant("does not know sound", V3, WITHIN, without_parameter("sound")),
    Mutant("does not know image_tail", V1_5, WITHIN, without_parameter("image_tail")),
    Mutant("refuses 10 MiB less a byte", V1_5, PICTURE, limits(0, max_bytes=10 * MIB - 2)),
    Mutant("takes 10 MiB where less is asked", MASTER, NO_PICTURE, limits(0, max_bytes=10 * MIB)),
    Mutant("takes a byte past 10 MiB", V3, NO_PICTURE, limits(0, max_bytes=10 * MIB + 1)),
    Mutant("forgets the aspect ratio", V1_5, NO_PICTURE, limits(0, aspect=False)),
    Mutant("asks it of a tail", V3, PICTURE, limits(1, aspect=True)),
    Mutant("has another code for an image", V1_5, NO_PICTURE, mistake(Mistake.IMAGE_FORMAT, "40001")),
    Mutant("has another code for an aspect", V1_5, NO_PICTURE, mistake(Mistake.ASPECT_RATIO, "00200302")),
    Mutant("has another code for a prompt", V1_5, PAST, mistake(Mistake.PROMPT, "40001")),
    Mutant("has another code for a duration", V1_5, PAST, mistake(Mistake.DURATION, "00200303")),
    Mutant("has another code for no image", V1_5, RULE, mistake(Mistake.IMAGE_MISSING, "00200302")),
    Mutant("has another code for the rest", MASTER, PAST, codes(other="40001")),
    Mutant("loses the zeros of a code", T2V, RULE, codes(other="2001099")),
    Mutant("has no code for a missing key", V1_5, KEY, codes(unauthenticated=None)),
    Mutant("says message for error_message", T2V, RULE, codes(message_key="message")),
    Mutant("says error_message for message", MULTI, PAST, codes(message_key="error_message")),
    Mutant("leaves out jobId", V3, FITS, content(jobId=None)),
    Mutant("adds a size", T2V, FITS, content(size=1)),
    Mutant("says image", MASTER, FITS, content(type="image")),
    Mutant("has a duration in words", V3, FITS, content(duration="five")),
    Mutant("has a number on the queue", V3, FITS, lambda e: dataclasses.replace(e, queue_content=lambda item: item)),
    Mutant("has no metadata", T2V, FITS, edit=on(SUBMIT, dropping("metadata"))),
    Mutant("says created_at in words", T2V, FITS, edit=on(POLL, setting(created_at="now"))),
    Mutant("adds a field", MASTER, FITS, edit=on(POLL, setting(surprise=1))),
    Mutant("has progress in percent", MULTI, FITS, edit=on(POLL, lambda v: {**v, "progress": v["progress"] * 100})),
    Mutant("has an error when completed", V3, FITS, edit=on(POLL, when("completed", setting(error={})))),
    Mutant("shows output before the end", T2V, FITS, edit=on(POLL, when("in_progress", setting(output=[])))),
    Mutant("leaves usage out", V1_5, FITS, edit=on(POLL, when("completed", dropping("usage")))),
    Mutant(
        "says a cost as a number",
        T2V,
        FITS,
        edit=on(POLL, when("completed", setting(usage={"cost": 1, "discount": 1}))),
    ),
    Mutant("has an unknown status", T2V, FITS, edit=on(POLL, when("completed", setting(status="done")))),
    Mutant("lets progress fall", MASTER, LIFE, edit=on(POLL, Falling())),
    Mutant("revives a final task", T2V, LIFE, edit=on(POLL, Reviving())),
    Mutant(
        "starts half way",
        T2V,
        LIFE,
        edit=lambda m, p, s, v: (s, {**v, "progress": 0.5} if p == SUBMIT and s == 200 else v),
    ),
    Mutant(
        "has another progress on the queue", V3, LIFE, edit=on(STATUS, lambda v: {**v, "progress": v["progress"] / 2})
    ),
    Mutant("is always queued there", V1_5, LIFE, edit=on(STATUS, when("in_progress", setting(status="completed")))),
    Mutant(
        "has another result there",
        MULTI,
        LIFE,
        edit=on(RESPONSE, when("completed", setting(usage={"cost": "7", "discount": 1}))),
    ),
    Mutant("answers early", T2V, LIFE, edit=answers(RESPONSE, 409, 404)),
    Mutant("has another id there", MASTER, LIFE, edit=on(RESPONSE, setting(request_id="other"))),
    Mutant(
        "fails with another code",
        V3,
        FAILS,
        edit=on(POLL, when("failed", setting(error={"code": "1", "error_message": "told to"}))),
    ),
    Mutant("has output when failed", T2V, FAILS, edit=on(POLL, when("failed", setting(output=[])))),
    Mutant("fails without an error", MULTI, FAILS, edit=on(POLL, when("failed", dropping("error")))),
    Mutant("cancels and says failed", T2V, CANCEL, edit=on(CANCELLING, setting(status="failed"))),
    Mutant("cancels twice", V3, CANCEL, edit=answers(CANCELLING, 409, 200)),
    Mutant(
        "shows cancelled as completed", MASTER, CANCEL, edit=on(STATUS, when("cancelled", setting(status="completed")))
    ),
    Mutant("cancels and still runs", V1_5, CANCEL, edit=on(POLL, when("failed", setting(status="in_progress")))),
    Mutant("takes an external id twice", T2V, UNIQUE, edit=answers(SUBMIT, 409, 200)),
    Mutant("shows tasks to everybody", T2V, USERS, edit=answers(POLL, 404, 200)),
    Mutant("cancels tasks of others", V1_5, USERS, edit=answers(CANCELLING, 404, 200)),
    Mutant("wants no key", MASTER, KEY, edit=answers(SUBMIT, 401, 200)),
    Mutant("forbids what is unauthenticated", T2V, KEY, edit=answers(SUBMIT, 401, 403)),
    Mutant("breaks at bad JSON", "gateway", ODD, edit=answers(SUBMIT, 400, 500)),
    Mutant("does not mind another type", "gateway", ODD, edit=answers(SUBMIT, 415, 400)),
    Mutant("says 404 for a method", "gateway", ODD, edit=answers(SUBMIT, 405, 404)),
    Mutant("knows every model", "gateway", ODD, edit=answers(SUBMIT, 404, 200)),
    Mutant("drops callbacks", T2V, CALLS, courier=Dropping),
    Mutant("tells of the end only", MASTER, CALLS, courier=OnlyTheEnd),
    Mutant("calls twice", MULTI, CALLS, courier=Twice),
    Mutant("tells the end first", MASTER, CALLS, courier=Reordering),
    Mutant("keeps the money of cancelled tasks", V3, MONEY, edit=on("/balance", NoRefunds())),
    Mutant(
        "charges nothing",
        T2V,
        MONEY,
        edit=on("/balance", lambda v: {**v, "data": {**v["data"], "available_balance": "1.00"}}),
    ),
    Mutant("does not sign", V3, CALLS, courier=Unsigned),
    Mutant("signs otherwise", V1_5, CALLS, courier=SignedOtherwise),
    Mutant("tells another story", T2V, CALLS, courier=OtherBody),
    Mutant("has a new id for each attempt", V3, CALLS, courier=NewId),
    Mutant("never tries again", V1_5, CALLS, courier=NoRetry),
    Mutant("calls in text", T2V, CALLS, courier=OtherType),
]

"""Servers that are broken on purpose, each in one way, and by which check the harness has to catch it."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mock_server import MockServer
from mock_server.contract.endpoint import Endpoint
from mock_server.core.errors import Mistake
from mock_server.core.images import Limits
from mock_server.models import discover
from mock_server.platform.courier import Courier
from mock_server.verify.server.command import OWN_SECRET
from mock_server.web.app import create_app
from tests.support.broken_media import changed_media

#: What is answered, changed: method, path, status and body in, status and body out.
Edit = Callable[[str, str, int, Any], tuple[int, Any]]
#: What is asked, changed: an ASGI scope in and out.
Call = Callable[[dict[str, Any]], dict[str, Any]]
#: The headers of an answer, changed: path, status and headers in, headers out.
Headers = Callable[[str, int, list[tuple[bytes, bytes]]], list[tuple[bytes, bytes]]]

#: The answer of a video's URL, changed: method, Range or nothing, status, headers and body in, the latter three out.
Media = Callable[[str, str, int, dict[str, str], bytes], tuple[int, dict[str, str], bytes]]


@dataclass(frozen=True)
class Mutant:
    """One broken server: what is wrong, the model to look at, the check that has to find it, and how it is made.

    ``change`` is for the endpoint, ``edit`` and ``headers`` for what is answered, ``call`` and ``body`` for what comes
    in; ``settings`` are those of the server.
    """

    name: str
    model: str
    caught_by: str
    change: Callable[[Endpoint], Endpoint] | None = None
    edit: Edit | None = None
    courier: type[Courier] = Courier
    call: Call | None = None
    body: Callable[[Any], Any] | None = None
    headers: Headers | None = None
    media: Media | None = None
    settings: dict[str, Any] = dataclasses.field(default_factory=dict)


class BrokenServer(MockServer):
    """A server with one mutation."""

    def __init__(self, mutant: Mutant) -> None:
        super().__init__(callback_secret=[OWN_SECRET], **{"media": "tiny", **mutant.settings})
        self._mutant = mutant

    def _create(self, settings, transport=None):
        mutant = self._mutant
        endpoints = discover()
        if mutant.change is not None:
            endpoints[mutant.model] = mutant.change(endpoints[mutant.model])
        built = create_app(settings, transport, endpoints=endpoints, make_courier=mutant.courier)
        if all(one is None for one in (mutant.edit, mutant.call, mutant.body, mutant.headers, mutant.media)):
            return built
        return dataclasses.replace(built, app=_Edited(built.app, mutant))


class _Edited:
    """An app whose API calls are changed on their way in, and their JSON answers on their way out."""

    def __init__(self, app, mutant):
        self._app, self._mutant = app, mutant

    async def __call__(self, scope, receive, send):
        if self._mutant.media is not None and scope["type"] == "http" and scope["path"].startswith("/media"):
            await changed_media(self._app, scope, receive, send, self._mutant.media)
            return
        if scope["type"] != "http" or scope["path"].startswith(("/_mock", "/media")):
            await self._app(scope, receive, send)
            return
        started, mutant = {}, self._mutant

        async def changed(message):
            if message["type"] == "http.response.start":
                started.update(message)
                return
            status, value, headers = started["status"], message.get("body", b""), started["headers"]
            if value and mutant.edit is not None:
                is_json = dict(headers).get(b"content-type") == b"application/json"
                given = json.loads(value) if is_json else None
                status, edited = mutant.edit(scope["method"], scope["path"], status, given)
                value = json.dumps(edited).encode() if is_json else value
            if mutant.headers is not None:
                headers = mutant.headers(scope["path"], status, headers)
            headers = [(name, one) for name, one in headers if name != b"content-length"]
            headers.append((b"content-length", b"%d" % len(value)))
            await send({**started, "status": status, "headers": headers})
            await send({**message, "body": value})

        if mutant.body is not None and scope["method"] == "POST":
            scope, receive = await _with_body(scope, receive, mutant.body)
        await self._app(scope if mutant.call is None else mutant.call(scope), receive, changed)


async def _with_body(scope, receive, change):
    """The call with its JSON body changed."""
    content, more = b"", True
    while more:
        message = await receive()
        content, more = content + message.get("body", b""), message.get("more_body", False)
    with contextlib.suppress(ValueError):
        content = json.dumps(change(json.loads(content))).encode()
    headers = [(name, one) for name, one in scope["headers"] if name != b"content-length"]
    headers.append((b"content-length", b"%d" % len(content)))
    messages = [{"type": "http.request", "body": content, "more_body": False}]

    async def given():
        return messages.pop() if messages else await receive()

    return {**scope, "headers": headers}, given


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
        falls = self.polls % 2 and value["status"] == "in_progress"
        return {**value, "progress": 0} if falls else value


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
        from mock_server.platform.courier import Outcome
        from mock_server.platform.task import Attempt

        return Outcome(Attempt(now, 200, None, 0.0))


class OnlyTheEnd(Dropping):
    """Leaves out that a task runs."""

    async def _carry(self, url, delivery, body, now):
        if delivery.status == "in_progress":
            return await super()._carry(url, delivery, body, now)
        return await Courier._carry(self, url, delivery, body, now)


class Twice(Courier):
    """Delivers everything twice, as two events: under one id that would be lawful."""

    async def _carry(self, url, delivery, body, now):
        await super()._carry(url, delivery, body, now)
        return await super()._carry(url, dataclasses.replace(delivery, id=f"{delivery.id}2"), body, now)


class Reordering(Courier):
    """Tells of the end first, and then of the start."""

    def __init__(self, *parts):
        super().__init__(*parts)
        self._kept = {}

    async def _carry(self, url, delivery, body, now):
        from mock_server.platform.courier import Outcome
        from mock_server.platform.task import Attempt

        if delivery.task_id not in self._kept:
            self._kept[delivery.task_id] = (url, delivery, body, now)
            return Outcome(Attempt(now, 200, None, 0.0))
        outcome = await super()._carry(url, delivery, body, now)
        await super()._carry(*self._kept[delivery.task_id])
        return outcome


def listed(**changed: Any) -> Callable[[Any], Any]:
    """A list of models with something in each changed."""
    return lambda value: _within(value, lambda data: {**data, "models": [{**one, **changed} for one in data["models"]]})


def rules_told(change: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A model contract with its rules changed."""
    return lambda value: _within(value, lambda data: {**data, "input_rules": [change(r) for r in data["input_rules"]]})


def renamed(was: str, now: str) -> Callable[[Any], Any]:
    """A rule of another kind."""
    return lambda rule: {**rule, "kind": now} if rule["kind"] == was else rule


def closed_within(name: str) -> Callable[[Any], Any]:
    """A model contract whose input schema closes a parameter too."""

    def change(data):
        data["input_schema"]["properties"][name]["additionalProperties"] = False
        return data

    return lambda value: _within(value, change)


def _within(value, change):
    return {**value, "data": change(value["data"])}


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

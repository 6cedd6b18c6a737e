"""``kirin-mock replay``: plays an exported history on a fresh server, and compares every answer."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import orjson

from mock_server.callback import Courier, Outcome
from mock_server.clock import MANUAL
from mock_server.errors import UsageError
from mock_server.redaction import masked, safe_json
from mock_server.scenarios.reading import read_value
from mock_server.settings import Settings, of_keywords
from mock_server.task import Attempt, Delivery, Task
from mock_server.testing.transport import OwnTransport
from mock_server.web.app import Built, create_app
from mock_server.web.history import FORMAT
from mock_server.world import World

USUAL_KEYS = ("sk-test", "sk-verify", "sk-verify-other")
MOST_SHOWN = 20
#: Control calls that the clock of a replay does by itself.
CLOCK_PATHS = frozenset({"/_mock/clock", "/_mock/clock/advance", "/_mock/callbacks/secrets"})


@dataclass(frozen=True, slots=True)
class Difference:
    """One call that was answered otherwise than recorded."""

    number: int
    call: str
    recorded: Any
    replayed: Any

    def __str__(self) -> str:
        return (
            f"event {self.number}, {self.call}:\n  recorded {_shown(self.recorded)}\n  replayed {_shown(self.replayed)}"
        )


def _shown(value: Any) -> str:
    return orjson.dumps(value).decode()[:600]


class RecordedCourier(Courier):
    """Calls nobody back: each attempt ends as the recorded one did."""

    recorded: Mapping[tuple[str, int, int], Any] = {}

    async def carry(self, task: Task, delivery: Delivery, body: bytes, now: float) -> Outcome:
        """See Courier."""
        key = (delivery.id, delivery.number, len(delivery.attempts))
        found = self.recorded.get(key, {"status": 200, "error": None, "next_at": None, "fault": None})
        attempt = Attempt(now, found["status"], found["error"], 0.0, fault=found["fault"])
        wait = found["next_at"] - now if found["next_at"] is not None else 0.0
        return Outcome(attempt, refused=(found["error"] or "").startswith("refused"), wait=max(wait, 0.0))


def replay(file: str, keys: Sequence[str] = ()) -> int:
    """Play a history again; 1 when an answer is another. Raises UsageError for a file that is none."""
    history = _read(file)
    known = {masked(key): key for key in (*USUAL_KEYS, *keys)}
    for world in history["worlds"]:
        if world["world"] not in known:
            raise UsageError(f"the key of world {world['world']} is not known; name it with --key")
    if not history["complete"]:
        told = "its first calls were forgotten; a server with a larger --journal-size remembers more"
        raise UsageError(f"{file} cannot be played again: {told}")
    calls = [event for event in history["events"] if event["kind"] == "call"]
    found = asyncio.run(Replay(history, known).play())
    for difference in found[:MOST_SHOWN]:
        print(difference, file=sys.stderr)
    print(f"{len(calls)} calls played again, {len(found)} answered otherwise")
    return 1 if found else 0


def _read(file: str) -> dict[str, Any]:
    try:
        history = orjson.loads(Path(file).read_bytes())
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror or error}") from None
    except orjson.JSONDecodeError:
        history = None
    if not isinstance(history, dict) or history.get("format") != FORMAT:
        raise UsageError(f"{file} is no history; GET /_mock/history gives one")
    return history


class Replay:
    """One run of a history. ``keys`` are the API keys by the labels of their worlds."""

    def __init__(self, history: Mapping[str, Any], keys: Mapping[str, str]) -> None:
        self._history = history
        self._keys = keys
        self._transport = OwnTransport()
        self._built = self._build()
        self._running: dict[asyncio.Task[httpx.Response], tuple[int, Any]] = {}
        self._found: list[Difference] = []

    def _build(self) -> Built:
        attempts = {
            (one["id"], one["number"], place): attempt
            for one in self._history["callbacks"]
            for place, attempt in enumerate(one["attempts"])
        }
        courier = type("Recorded", (RecordedCourier,), {"recorded": attempts})
        built = create_app(self._settings(), self._transport, make_courier=courier)
        self._transport.serve("http://kirin.replay", built.app)
        built.state.book.replace_files(read_value(self._history["scenarios"], "the history"))
        return built

    def _settings(self) -> Settings:
        given = {name: value for name, value in self._history["settings"].items() if value is not None}
        return of_keywords({**given, "speed": MANUAL, "log_format": "off", "journal_size": 1_000_000})

    async def play(self) -> list[Difference]:
        """Every answer that is another than the recorded one."""
        state = self._built.state
        began = {world["world"]: world["began_at"] for world in self._history["worlds"]}
        for label, began_at in sorted(began.items(), key=lambda one: one[1]):
            state.clock.move_to(began_at)
            state.service.world(self._keys[label])
        async with httpx.AsyncClient(transport=httpx.ASGITransport(self._built.app)) as client:
            for number, event in self._events():
                await self._move(event)
                if event["kind"] == "control":
                    await self._control(client, number, event)
                else:
                    await self._begin(client, number, event)
            await self._finish()
        await state.service.stop()
        return self._found

    def _events(self) -> Iterator[tuple[int, Any]]:
        """The events in the order in which they began."""
        events = list(enumerate(self._history["events"], 1))
        yield from sorted(events, key=lambda one: (_began(one[1]), one[0]))

    async def _move(self, event: Any) -> None:
        """Bring the clock of the event's world, or of all, to its moment."""
        labels = [event["world"]] if event["world"] is not None else [one["world"] for one in self._history["worlds"]]
        for label in labels:
            world = self._world(label)
            await world.scheduler.advance(max(_began(event) - world.clock.now(), 0.0))
        await self._collect()

    def _world(self, label: str) -> World:
        return self._built.service.world(self._keys[label])

    async def _control(self, client: httpx.AsyncClient, number: int, event: Any) -> None:
        if event["path"] in CLOCK_PATHS:
            return
        headers = {"host": "127.0.0.1"}
        if event["world"] is not None:
            headers["authorization"] = f"Bearer {self._keys[event['world']]}"
        body = orjson.dumps(event["body"]) if event["body"] is not None else b""
        address = f"http://kirin.replay{event['path']}"
        answer = await client.request(event["method"], address, content=body, headers=headers)
        if answer.status_code >= 400:
            call = f"{event['method']} {event['path']}"
            self._found.append(Difference(number, call, "done", [answer.status_code, _value(answer)]))

    async def _begin(self, client: httpx.AsyncClient, number: int, event: Any) -> None:
        """Make one call; go on once it is answered, or kept waiting."""
        if event["path"].startswith(("/media/", "/files/")):
            return
        if not event["whole"]:
            self._found.append(
                Difference(number, f"{event['method']} {event['path']}", "a body too long to keep", None)
            )
            return
        headers = {**event["headers"], "authorization": f"Bearer {self._keys[event['world']]}"}
        body = event["body"] if isinstance(event["body"], str) else orjson.dumps(event["body"])
        content = b"" if event["body"] is None else body
        clock, address = self._world(event["world"]).clock, f"http://kirin.replay{event['path']}"
        sleeping = clock.sleeping
        task = asyncio.ensure_future(client.request(event["method"], address, content=content, headers=headers))
        self._running[task] = (number, event)
        while not task.done() and clock.sleeping <= sleeping:
            await asyncio.wait({task}, timeout=0)
        await self._collect()

    async def _collect(self) -> None:
        for task in [one for one in self._running if one.done()]:
            self._compare(*self._running.pop(task), task)

    async def _finish(self) -> None:
        """What is still waiting is answered when it was."""
        last = max((event["at"] for event in self._history["events"]), default=0.0)
        for world in self._history["worlds"]:
            clock = self._world(world["world"]).clock
            await self._world(world["world"]).scheduler.advance(max(last - clock.now(), 0.0))
            clock.rouse()
        if self._running:
            await asyncio.wait(set(self._running))
        await self._collect()

    def _compare(self, number: int, event: Any, task: asyncio.Task[httpx.Response]) -> None:
        """Compare one answer; where nothing was answered, nothing may be."""
        recorded = [event["status"], event["answer"]]
        replayed: list[Any] = [None, event["answer"]]
        with contextlib.suppress(httpx.HTTPError, OSError):
            answer = task.result()
            replayed = [answer.status_code, safe_json(_value(answer))]
        if event["fault"] is not None and None in {recorded[0], replayed[0]}:
            return  # the connection was ended, which an app without a socket tells by raising
        if recorded != replayed:
            self._found.append(Difference(number, f"{event['method']} {event['path']}", recorded, replayed))


def _began(event: Any) -> float:
    began: float = event["arrived_at"] if event["kind"] == "call" else event["at"]
    return began


def _value(answer: httpx.Response) -> Any:
    try:
        return orjson.loads(answer.content) if answer.content else None
    except orjson.JSONDecodeError:
        return answer.text
